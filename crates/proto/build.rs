//! Compiles `proto/*.proto` in pure Rust, so that nobody needs a `protoc`.

use std::path::Path;

const FILES: [&str; 4] = [
    "raft.proto",
    "worker.proto",
    "client.proto",
    "application.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new("../../proto");
    for file in FILES {
        println!("cargo:rerun-if-changed={}", folder.join(file).display());
    }
    let descriptors = protox::compile(FILES, [folder])?;
    tonic_prost_build::configure()
        .type_attribute(".vesta.client", "#[derive(serde::Serialize)]")
        .compile_fds(descriptors)?;
    Ok(())
}

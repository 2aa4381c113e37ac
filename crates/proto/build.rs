//! Compiles `proto/*.proto` in pure Rust, so that nobody needs a `protoc`.

use std::path::Path;

/// What the others import.
const SPARK: &str = "spark.proto";

const FILES: [&str; 4] = [
    "raft.proto",
    "worker.proto",
    "client.proto",
    "application.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new("../../proto");
    for file in FILES.iter().chain(&[SPARK]) {
        println!("cargo:rerun-if-changed={}", folder.join(file).display());
    }
    tonic_prost_build::configure()
        .type_attribute(".vesta.spark", "#[derive(serde::Serialize)]")
        .skip_debug([".vesta.spark.v1.Command"])
        .compile_fds(protox::compile([SPARK], [folder])?)?;
    let descriptors = protox::compile(FILES, [folder])?;
    tonic_prost_build::configure()
        .extern_path(".vesta.spark.v1", "crate::spark")
        .type_attribute(".vesta.client", "#[derive(serde::Serialize)]")
        .compile_fds(descriptors)?;
    Ok(())
}

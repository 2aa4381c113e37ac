//! Builds the library that makes the system's randomness repeatable; see `src/seeded.rs`.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=random/random.c");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let library = out.join("librandom.so");
    let compiler = cc::Build::new().get_compiler();
    let built = compiler
        .to_command()
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .arg("random/random.c")
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the C compiler {} could not build random/random.c",
        compiler.path().display()
    );
    println!(
        "cargo:rustc-env=VESTA_SIM_RANDOM_LIBRARY={}",
        library.display()
    );
}

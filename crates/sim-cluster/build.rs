//! Builds the library that makes the system's randomness repeatable; see `src/seeded.rs`.

use std::path::PathBuf;

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=random/random.c");
    let out =
        PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: cargo sets it")?);
    let library = out.join("librandom.so");
    let compiler = cc::Build::new().get_compiler();
    let named = compiler.path().display();
    let built = compiler
        .to_command()
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .arg("random/random.c")
        .status()
        .map_err(|error| {
            format!(
                "random/random.c needs a C compiler, and {named} can't be run ({error}): install the one that rustc links \
                 with (cc, and the headers of the C library), or name another in CC"
            )
        })?;
    if !built.success() {
        return Err(format!(
            "the C compiler {named} could not build random/random.c ({built}): it needs the headers of the C library, \
             and a target that knows LD_PRELOAD"
        ));
    }
    println!(
        "cargo:rustc-env=VESTA_SIM_RANDOM_LIBRARY={}",
        library.display()
    );
    Ok(())
}

//! Frames of real Spark processes; where they are from, the folder's README says.

use std::fs;

const VERSIONS: [&str; 3] = ["spark-3.5.6", "spark-4.0.1", "spark-4.3.0"];

/// All frames, each with its name.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for version in VERSIONS {
        let folder = format!(
            "{}/../javaser/tests/fixtures/{version}",
            env!("CARGO_MANIFEST_DIR")
        );
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // Those named `value-…` are bare streams.
            if name.ends_with(".bin") && !name.starts_with("value-") {
                found.push((format!("{version}/{name}"), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The frame `name` of Spark 4.0.1.
pub fn one(name: &str) -> Vec<u8> {
    let name = format!("spark-4.0.1/{name}.bin");
    all()
        .into_iter()
        .find(|(found, _)| *found == name)
        .unwrap()
        .1
}

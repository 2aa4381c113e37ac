//! Real Spark on this build: one short case of `scripts/spark-interop`, where Spark is installed.

use std::io::Write;
use std::path::Path;

use tokio::process::Command;

use crate::support::{place, program};

/// If set to 1, this test fails where it would be skipped.
const REQUIRED: &str = "VESTA_REQUIRE_SPARK";

/// What the script ends with when Spark or Java is not there.
const MISSING: i32 = 3;

/// What `env` ends with when there is no python3 to run the script.
const NO_PYTHON: i32 = 127;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_real_spark_goes_on_when_the_leader_is_killed() {
    let _place = place().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/spark-interop");
    let ended = Command::new(script)
        .args(["--no-install", "--patience", "3", "--workers", "vesta"])
        .arg("leader-killed")
        .env("VESTA_BIN", program())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let complained = String::from_utf8_lossy(&ended.stderr);
    if matches!(ended.status.code(), Some(MISSING | NO_PYTHON)) {
        let required = std::env::var(REQUIRED).as_deref() == Ok("1");
        assert!(!required, "{REQUIRED}=1, and {said}{complained}");
        // Not by a macro, of whose lines a test that passes shows none.
        let why = format!("SKIPPED a job of real Spark: {said}{complained}");
        std::io::stderr().write_all(why.as_bytes()).unwrap();
        return;
    }
    assert!(ended.status.success(), "{said}{complained}");
}

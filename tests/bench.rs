//! That the benchmarks measure, and leave nothing behind. How fast anything is, they say and no test.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::support::{place, program};

/// The longest that small benchmarks may take here.
const LONGEST: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn benchmarks_print_figures_for_people_and_write_them_for_programs() {
    let _place = place().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("figures.json");
    let line = "bench failover start --kills 1 --handovers 1 --drivers 20";
    let bench = Command::new(program())
        .args(line.split(' '))
        .args(["--dir".as_ref(), dir.path()])
        .args(["--json".as_ref(), file.as_path()])
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(LONGEST, bench).await;
    let output = ended.expect("the benchmarks go on for too long").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("next submission accepted"), "{said}");

    let report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let benchmarks = report["benchmarks"].as_array().unwrap();
    let names: Vec<_> = benchmarks.iter().map(|it| it["name"].as_str()).collect();
    assert_eq!(names, [Some("failover"), Some("start")]);
    for benchmark in benchmarks {
        assert_eq!(benchmark["notes"], Value::Array(Vec::new()), "{report:#}");
        for figure in benchmark["figures"].as_array().unwrap() {
            let is_seen = figure["p50"].as_f64() > Some(0.0) || figure["value"] == 0.0;
            assert!(is_seen, "{figure:#}");
        }
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the figures are left: {left:?}");
}

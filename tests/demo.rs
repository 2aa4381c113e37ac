//! That the demo can fail, and that it leaves nothing behind however it ends.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use vesta_local::wait_until;

use crate::support::{BOUND, place, program};

/// The longest that a demo may take here.
const DEMO: Duration = Duration::from_secs(90);

/// A check that can't fail is none: what was done to the demo from outside is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_lost_and_a_driver_that_runs_twice_are_found() {
    let _place = place().await;
    for (how, found) in [
        ("lose-submission", "submissions_lost"),
        ("double-launch", "drivers_run_twice"),
    ] {
        let dir = directory();
        let report = dir.path().join("report.json");
        let report_path = report.display().to_string();
        let mut demo = demo(&dir, &["--sabotage", how, "--report", &report_path]);
        let ended = tokio::time::timeout(DEMO, demo.wait()).await;
        let status = ended.expect("the demo goes on for too long").unwrap();
        assert_eq!(status.code(), Some(5), "{how}");
        let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        assert_eq!(report[found], 1, "{how}: {report:#}");
        assert_eq!(report["ok"], false, "{how}: {report:#}");
        // And nothing else is wrong.
        for other in [
            "submissions_lost",
            "drivers_run_twice",
            "executors_killed_by_failover",
        ] {
            assert!(
                other == found || report[other] == 0,
                "{how}, {other}: {report:#}"
            );
        }
        assert_eq!(report["result_correct"], true, "{how}: {report:#}");
        nothing_is_left(&dir).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_interrupted_or_killed_leaves_no_process_behind() {
    let _place = place().await;
    for (signal, code) in [(Signal::INT, Some(5)), (Signal::KILL, None)] {
        let dir = directory();
        let mut demo = demo(&dir, &[]);
        let said = demo.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(said).lines();
        // By then masters, workers, a driver and executors run.
        let busy = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("killed with SIGKILL") {
                    return;
                }
            }
            panic!("it ended before its first fault");
        };
        tokio::time::timeout(DEMO, busy)
            .await
            .expect("no fault in time");
        assert!(processes_of(dir.path()).len() > 5);
        let pid = Pid::from_raw(i32::try_from(demo.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let ended = tokio::time::timeout(BOUND, demo.wait()).await;
        assert_eq!(ended.expect("it goes on").unwrap().code(), code);
        nothing_is_left(&dir).await;
    }
}

/// Where a demo keeps everything: whatever it starts has this directory's path in its environment.
fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("vesta-demo-test-")
        .tempdir()
        .unwrap()
}

fn demo(dir: &TempDir, args: &[&str]) -> Child {
    let text = dir.path().join("text");
    fs::write(&text, "one leader is lost and another leads\n".repeat(500)).unwrap();
    Command::new(program())
        .args(["demo", "--input"])
        .arg(text)
        .args(args)
        .env("TMPDIR", dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn nothing_is_left(dir: &TempDir) {
    let gone = wait_until("every process of the demo to be gone", BOUND, async || {
        processes_of(dir.path()).is_empty()
    });
    gone.await
        .unwrap_or_else(|error| panic!("{error}: {:?}", processes_of(dir.path())));
}

/// The command lines of all processes that were started for `dir`.
fn processes_of(dir: &Path) -> Vec<String> {
    let mine = dir.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        // Those that end meanwhile, and other users', can't be read.
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.windows(mine.len()).any(|part| part == mine) {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    found
}

//! A run is judged from its files alone.
#![allow(clippy::unwrap_used)]

use std::fs;

use chaos::record::{Judgement, RunDir};
use chaos::report;

const KEY: &str = "019aa5a0-0000-7000-8000-000000000001";
const DRIVER: &str = "driver-20261121110000-0001";
const CLUSTER: &str = "67e5504410b1426f9247bb680e5fe0c8";

/// A run in which one driver was submitted, twice with one key, and ran once.
fn written() -> (tempfile::TempDir, RunDir) {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::create(temporary.path().join("run")).unwrap();
    fs::write(dir.options(), include_str!("options.json")).unwrap();
    let events = [
        r#"{"at":0,"kind":"phase","phase":"safety"}"#,
        r#"{"at":2000000,"kind":"fault-planned","id":1,"fault":"kill-leader"}"#,
        r#"{"at":2000000,"kind":"fault-began","id":1,"fault":"kill-leader","targets":["master-1"],"leader":"master-1","phases":["Q","R"]}"#,
        r#"{"at":2100000,"kind":"fault-seen","id":1,"by":"its process is gone"}"#,
        r#"{"at":4000000,"kind":"fault-ended","id":1}"#,
        r#"{"at":9000000,"kind":"phase","phase":"drained"}"#,
        r#"{"at":9500000,"kind":"note","text":"done"}"#,
    ];
    fs::write(dir.events(), lines(&events)).unwrap();
    let submit = format!(
        r#""invoked":{{"op":"submit","key":"{KEY}","manner":{{"does":"exits","after_ms":1,"code":0}},"supervised":false,"on_disconnect":"keep"}}"#
    );
    let answer = format!(
        r#""returned":{{"outcome":"ok","answer":"submitted","driver":"{DRIVER}","duplicate":false}}"#
    );
    let mut history = Vec::new();
    for (call, at) in [1_000_000_u64, 3_000_000, 5_000_000]
        .into_iter()
        .enumerate()
    {
        history.push(format!(
            r#"{{"at":{at},"client":"c","call":{call},{submit}}}"#
        ));
        let at = at + 5_000;
        history.push(format!(
            r#"{{"at":{at},"client":"c","call":{call},{answer}}}"#
        ));
    }
    fs::write(dir.history(), lines(&history)).unwrap();
    fs::write(dir.ledger(), lines(&[ran("started", 7), ran("ended", 7)])).unwrap();
    let state = format!(
        r#"{{"masters":[{{"node":"master-1","leader":true,"status":"ALIVE","epoch":2,"hash":[9,"ab"],
        "drivers":[{{"id":"{DRIVER}","state":"FINISHED","ended":true,"worker":"w","instance":"","cores":1,
        "memory_mib":32,"kill_requested":false,"pid":7}}],"applications":[],"workers":[],"failovers":[]}}]}}"#
    );
    fs::write(dir.state(), state).unwrap();
    (temporary, dir)
}

fn ran(event: &str, pid: u32) -> String {
    format!(
        r#"{{"event":"{event}","instance":"{DRIVER}.1.{CLUSTER}","attempt":1,"restart":0,"pid":{pid},"at":0,"key":"{KEY}","boot_us":1010000,"epoch":1}}"#
    )
}

fn lines<T: AsRef<str>>(all: &[T]) -> String {
    all.iter()
        .map(|line| format!("{}\n", line.as_ref()))
        .collect()
}

/// What a run without the masters' logs can be called at best.
#[test]
fn a_good_run_without_logs_is_unknown_and_for_no_other_reason() {
    let (_kept, dir) = written();
    let verdict = report::conclude(&dir).unwrap();
    assert_eq!(verdict.judgement, Judgement::Unknown);
    let not_valid: Vec<&str> = verdict
        .checks
        .iter()
        .filter(|it| it.judgement != Judgement::Valid)
        .map(|it| it.check.as_str())
        .collect();
    assert_eq!(not_valid, ["entries", "durable"]);
    let text = fs::read_to_string(dir.report_text()).unwrap();
    assert!(text.starts_with("UNKNOWN: seed 7"), "{text}");
    assert!(
        fs::read_to_string(dir.report_plot())
            .unwrap()
            .contains("</svg>")
    );
    assert!(dir.verdict().exists());
}

#[test]
fn a_second_process_of_one_instance_is_quoted_in_the_report() {
    let (_kept, dir) = written();
    let all = [ran("started", 7), ran("started", 8)];
    fs::write(dir.ledger(), lines(&all)).unwrap();
    assert_eq!(
        report::conclude(&dir).unwrap().judgement,
        Judgement::Invalid
    );
    let text = fs::read_to_string(dir.report_text()).unwrap();
    assert!(text.starts_with("INVALID"), "{text}");
    for quoted in ["was executed 2 times", "pid 7", "pid 8"] {
        assert!(text.contains(quoted), "{text}");
    }
}

#[test]
fn a_ledger_that_is_not_understood_is_no_pass() {
    let (_kept, dir) = written();
    fs::write(dir.ledger(), lines(&[&ran("started", 7), "rubbish"])).unwrap();
    let verdict = report::conclude(&dir).unwrap();
    let instances = verdict.checks.iter().find(|it| it.check == "instances");
    assert_eq!(instances.unwrap().judgement, Judgement::Unknown);
}

#[test]
fn a_history_that_is_not_understood_is_an_error_that_names_the_line() {
    let (_kept, dir) = written();
    fs::write(dir.history(), "{}\n").unwrap();
    let error = format!("{:#}", report::conclude(&dir).unwrap_err());
    assert!(error.contains("history.jsonl, line 1"), "{error}");
}

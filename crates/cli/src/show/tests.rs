use vesta_client::proto::{
    Addresses, Application, Drain, Driver, Executor, Master, Profile, Worker,
};

use super::applications::executors;
use super::words::short_worker;
use super::workers::drain as drain_of;
use super::*;

#[test]
fn a_name_with_control_characters_stays_in_its_line() {
    let driver = Driver {
        name: "a\nb\u{1b}[2J".into(),
        ..Driver::default()
    };
    let text = drivers(&[driver], None);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn what_a_driver_waits_for_is_shown() {
    let waiting = Driver {
        id: "driver-20261121110000-0000".into(),
        state: "SUBMITTED".into(),
        waiting_because: "needs 4 cores on one worker, the largest free is 2".into(),
        ..Driver::default()
    };
    assert!(driver(&waiting).contains("waits        needs 4 cores on one worker"));
    assert!(drivers(&[waiting], None).contains("the largest free is 2"));
}

#[test]
fn on_a_narrow_terminal_ids_stay_whole_and_the_reason_has_a_line_of_its_own() {
    let driver = Driver {
        id: "driver-20261121110000-0000".into(),
        name: "a name that is much longer than there is room for".into(),
        state: "SUBMITTED".into(),
        worker_id: "worker-20261121110000-127-0-0-1-7710".into(),
        waiting_because: "needs 4 cores on one worker, ".repeat(9),
        submitted_ms: 1,
        ..Driver::default()
    };
    let text = drivers(std::slice::from_ref(&driver), Some(80));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    for words in [driver.id.as_str(), "a name…", "127.0.0.1:7710", "SUBMITTED"] {
        let start = words.trim_end_matches('…');
        assert!(lines[1].contains(start), "{words}: {text}");
    }
    assert!(lines[1].contains('…') && lines[2].ends_with('…'), "{text}");
    assert!(lines[2].starts_with("     needs 4 cores"), "{text}");
    // Where nothing bounds a line, nothing is left out.
    let whole = drivers(&[driver], None);
    assert!(
        whole.contains("worker-20261121110000-127-0-0-1-7710"),
        "{whole}"
    );
    assert!(!whole.contains('…'), "{whole}");
}

#[test]
fn every_table_fits_into_80_columns() {
    let worker_id = "worker-20261121110000-127-0-0-1-7710";
    let worker = Worker {
        id: worker_id.into(),
        state: "UNKNOWN".into(),
        host: "127.0.0.1".into(),
        port: 7710,
        memory_mib: 1536,
        last_heard_ms: Some(1_200),
        suspect: true,
        ..Worker::default()
    };
    let app = Application {
        id: "app-20261121110000-0000".into(),
        name: "words".into(),
        state: "RUNNING".into(),
        driver_id: "driver-20261121110000-0000".into(),
        ..Application::default()
    };
    let master = Master {
        node_id: 3,
        status: "COMPLETING_RECOVERY".into(),
        leader: true,
        client_address: "127.0.0.1:7700".into(),
        raft_address: "127.0.0.1:7701".into(),
        ..Master::default()
    };
    let executor = Executor {
        worker_id: worker_id.into(),
        state: "RUNNING".into(),
        message: "exited with code 9 ".repeat(9),
        ..Executor::default()
    };
    for text in [
        workers(std::slice::from_ref(&worker), Some(80)),
        applications(&[app], Some(80)),
        masters(&[master], Some(80)),
        executors(&[executor], Some(80)),
    ] {
        let fits = text.lines().all(|line| line.chars().count() <= 80);
        assert!(fits, "{text}");
    }
    let text = workers(&[worker], Some(80));
    assert!(
        text.contains(worker_id) && text.contains("connection is broken"),
        "{text}"
    );
}

#[test]
fn of_a_master_that_does_not_answer_no_number_is_made_up() {
    let dead = Master {
        node_id: 2,
        status: "UNREACHABLE".into(),
        ..Master::default()
    };
    let text = masters(&[dead], None);
    let row = text.lines().nth(1).unwrap();
    let last: Vec<_> = row.split_whitespace().rev().take(3).collect();
    assert_eq!(last, ["-", "-", "-"], "{text}");
}

#[test]
fn a_worker_s_id_is_shortened_to_its_address_only_if_it_holds_one() {
    for (id, short) in [
        ("worker-20261121110000-127-0-0-1-7710", "127.0.0.1:7710"),
        ("worker-20261121110000-my-host-7710", "my-host:7710"),
        ("worker-1", "worker-1"),
        (
            "worker-20261121110000-host-x",
            "worker-20261121110000-host-x",
        ),
        ("", "-"),
    ] {
        assert_eq!(short_worker(id), short);
    }
}

#[test]
fn an_application_shows_each_of_its_profiles_and_who_holds_which_address() {
    let profile = |id, target| Profile {
        id,
        target,
        cores: 2,
        memory_mib: 1024,
        named: [("gpu".to_owned(), id)]
            .into_iter()
            .filter(|_| id > 0)
            .collect(),
        live: 1,
        ..Profile::default()
    };
    let held = Addresses {
        addresses: vec!["0".into(), "3".into()],
    };
    let app = Application {
        profiles: vec![profile(0, None), profile(2, Some(4))],
        executors: vec![Executor {
            profile: 2,
            addresses: [("gpu".to_owned(), held)].into(),
            ..Executor::default()
        }],
        live_executors: 2,
        ..Application::default()
    };
    let text = application(&app, None);
    for words in [
        "profile 0    1, each 2 cores, 1g\n",
        "profile 2    1 of 4, each 2 cores, 1g, gpu=2\n",
        "gpu=0,3",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let listed = applications(std::slice::from_ref(&app), None);
    assert!(
        listed.contains("2/-"),
        "one profile has no target: {listed}"
    );
}

#[test]
fn a_worker_shows_how_many_of_its_addresses_are_held() {
    let addresses = |all: &[&str]| {
        let addresses = all.iter().map(|it| (*it).to_owned()).collect();
        [("gpu".to_owned(), Addresses { addresses })].into()
    };
    let worker = Worker {
        addresses: addresses(&["0", "1"]),
        addresses_used: addresses(&["1"]),
        ..Worker::default()
    };
    let text = workers(&[worker], None);
    assert!(text.contains("gpu 1/2"), "{text}");
}

#[test]
fn a_drained_worker_shows_what_is_left_and_until_when() {
    let shown = |executors, drivers, unsupervised, left_ms, over| {
        let drain = Drain {
            deadline_ms: 60_000,
            left_ms,
            over,
            unsupervised,
            ..Drain::default()
        };
        drain_of(&Worker {
            executors,
            drivers,
            drain: Some(drain),
            ..Worker::default()
        })
        .unwrap()
    };
    for (text, expected) in [
        (
            shown(2, 2, 1, Some(59_999), false),
            "drained: 2 executors, 1 supervised driver to be moved in 59 s; waits for 1 unsupervised driver",
        ),
        (
            shown(1, 0, 0, None, false),
            "drained: 1 executor to be moved 60 s after it was drained",
        ),
        (
            shown(1, 0, 0, None, true),
            "drained: 1 executor being moved",
        ),
        (
            shown(0, 2, 2, None, true),
            "drained: waits for 2 unsupervised drivers",
        ),
        (shown(0, 0, 0, None, true), "drained: nothing is left"),
    ] {
        assert_eq!(text, expected);
    }
    assert_eq!(drain_of(&Worker::default()), None);
}

#[test]
fn a_worker_says_what_of_spark_it_runs() {
    let of_spark = Worker {
        id: "worker-20261121110000-127.0.0.1-7078".into(),
        spark: "Spark 4.0 (Scala 2.13)".into(),
        containment: "process-groups".into(),
        ..Worker::default()
    };
    let homes = ["4.0.1", "3.5.6"].map(|version| (version.to_owned(), String::new()));
    let of_vesta = Worker {
        spark_homes: homes.into(),
        ..Worker::default()
    };
    let shown = workers(&[of_spark, of_vesta], None);
    assert!(
        shown.contains("a Spark worker: Spark 4.0 (Scala 2.13)"),
        "{shown}"
    );
    assert!(shown.contains("Spark homes: 3.5.6 4.0.1"), "{shown}");
    assert!(!shown.contains("no cgroups"), "{shown}");
}

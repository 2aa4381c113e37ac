//! The command line, end to end: what it prints where, how it ends, and through whom it asks.

use std::io::Write;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use vesta_client::proto::ListRequest;
use vesta_local::{Process, wait_until};
use vesta_types::{AppId, DriverId};

use crate::support::{self, BOUND, FOR_EVER, Running, options, start, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_followed_read_and_ended_by_its_id() {
    let cluster = start(options()).await;
    let gate = cluster.dir().join("gate");
    let body = format!(
        "echo first; echo aside >&2; {}; echo last; exit 3",
        until(&gate)
    );
    let submitted = cluster
        .vesta(&["submit", "--name", "talks", "--", "/bin/sh", "-c", &body])
        .await;
    assert_eq!(
        submitted.status.code(),
        Some(0),
        "{}",
        support::stderr(&submitted)
    );
    // Nothing but the id, so that scripts can take it as it is.
    let id = support::stdout(&submitted);
    assert_eq!(submitted.stdout, format!("{id}\n").into_bytes());
    let driver: DriverId = id.parse().expect("standard output is an id");
    cluster
        .driver_that(&driver, "running", |driver| driver.pid != 0)
        .await;

    // Its output is there before its end, and whole after it.
    let mut follows = spawn(&cluster.master_url(), &["logs", "-f", &id]);
    let mut lines = BufReader::new(follows.stdout.take().unwrap()).lines();
    assert_eq!(next_line(&mut lines).await.as_deref(), Some("first"));
    let shown = support::stdout(&cluster.vesta(&["status", &id]).await);
    for fact in [&id, "talks", "RUNNING", "attempt      1", "worker-"] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    std::fs::write(&gate, "").unwrap();
    assert_eq!(next_line(&mut lines).await.as_deref(), Some("last"));
    assert_eq!(next_line(&mut lines).await, None, "it ends with the driver");
    assert_eq!(code(&mut follows).await, 0);

    let ended = cluster
        .driver_that(&driver, "over", |driver| driver.ended)
        .await;
    assert_eq!(
        (ended.state.as_str(), ended.exit_code),
        ("FAILED", Some(3)),
        "{ended:?}"
    );
    for at in 0..3 {
        let url = cluster.url_of(at);
        let log = support::vesta(&url, &["logs", &id]).await;
        assert_eq!(
            String::from_utf8_lossy(&log.stdout),
            "first\nlast\n",
            "through master {at}"
        );
        let log = support::vesta(&url, &["logs", "--stderr", &id]).await;
        assert_eq!(
            String::from_utf8_lossy(&log.stdout),
            "aside\n",
            "through master {at}"
        );
    }

    let runs = cluster
        .vesta(&["submit", "--", "/bin/sh", "-c", FOR_EVER])
        .await;
    let id = support::stdout(&runs);
    cluster
        .driver_that(&id.parse().unwrap(), "running", |driver| driver.pid != 0)
        .await;
    let killed = cluster.vesta(&["kill", "--wait", &id]).await;
    assert_eq!(
        killed.status.code(),
        Some(0),
        "{}",
        support::stderr(&killed)
    );
    assert!(
        support::stdout(&killed).ends_with(&format!("{id} ended as KILLED")),
        "{killed:?}"
    );
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_exit_code_says_what_it_says_in_the_help() {
    let cluster = start(options()).await;
    let url = cluster.master_url();
    let nobody = format!("vesta://{}", unused_address());
    let unknown = "driver-20200101000000-0007";
    let program = |body: &'static str| ["--", "/bin/sh", "-c", body];
    let submit = |flags: &[&'static str], body| [&["submit"], flags, &program(body)].concat();
    for (code, url, args, said) in [
        (0, &url, submit(&["--wait"], "exit 0"), ""),
        (5, &url, submit(&["--wait"], "exit 7"), "exited with code 7"),
        (2, &url, submit(&["--driver-cores", "0"], "true"), "cores"),
        (1, &url, vec!["status", unknown], unknown),
        (1, &url, vec!["kill", unknown], unknown),
        (1, &url, vec!["logs", unknown], unknown),
        (
            1,
            &url,
            vec!["status", "--key", "01890a5d-ac96-774b-bcce-b302099a8057"],
            "nothing was done",
        ),
        (2, &url, vec!["submit"], "PROGRAM"),
        (2, &url, vec!["list", "things"], "drivers"),
        (2, &url, vec!["status", "worker-1"], "worker-1"),
        (
            2,
            &url,
            submit(&["--driver-memory", "10"], "true"),
            "no unit",
        ),
        (
            3,
            &nobody,
            vec!["list", "masters", "--timeout", "1s"],
            "no master could answer",
        ),
        (
            3,
            &nobody,
            submit(&["--timeout", "1s"], "true"),
            "nothing was done",
        ),
        (
            3,
            &nobody,
            vec![
                "app",
                "run",
                "--executors",
                "1",
                "--timeout",
                "1s",
                "--",
                "true",
            ],
            &nobody["vesta://".len()..],
        ),
    ] {
        let output = support::vesta(url, &args).await;
        let heard = support::stderr(&output);
        assert_eq!(output.status.code(), Some(code), "vesta {args:?}: {heard}");
        assert!(heard.contains(said), "vesta {args:?}: {heard}");
        let submitted = args.contains(&"--wait");
        assert_eq!(
            output.stdout.is_empty(),
            !submitted,
            "vesta {args:?}: {output:?}"
        );
    }

    // Ctrl-C: the driver goes on, and its outcome is not known.
    let mut waits = spawn(&url, &submit(&["--wait"], FOR_EVER));
    let mut lines = BufReader::new(waits.stdout.take().unwrap()).lines();
    let id: DriverId = next_line(&mut lines)
        .await
        .expect("its id")
        .parse()
        .unwrap();
    cluster
        .driver_that(&id, "running", |driver| driver.pid != 0)
        .await;
    process(&waits).signal(Signal::INT).unwrap();
    assert_eq!(code(&mut waits).await, 3);
    assert_eq!(cluster.driver(&id).await.state, "RUNNING");
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_for_programs_writes_one_json_document() {
    let mut cluster = start(options()).await;
    let submitted = json(&cluster, &["submit", "--json", "--wait", "--", "/bin/true"]).await;
    let id = submitted["driver_id"].as_str().unwrap().to_owned();
    assert_eq!(submitted["driver"]["state"], "FINISHED", "{submitted}");
    let key = submitted["key"].as_str().unwrap().to_owned();
    let status = json(&cluster, &["status", "--json", &id]).await;
    assert_eq!(status["driver"]["exit_code"], 0, "{status}");
    let found = json(&cluster, &["status", "--json", "--key", &key]).await;
    assert_eq!(
        (&found["found"], &found["id"]),
        (&Value::Bool(true), &id.as_str().into())
    );
    let runs = json(
        &cluster,
        &["submit", "--json", "--", "/bin/sh", "-c", FOR_EVER],
    )
    .await;
    let runs = runs["driver_id"].as_str().unwrap().to_owned();
    let killed = json(&cluster, &["kill", "--json", "--wait", &runs]).await;
    assert_eq!(
        (&killed["success"], &killed["ended"]),
        (&true.into(), &"KILLED".into()),
        "{killed}"
    );

    let app = cluster
        .app_of("listed", 1, FOR_EVER)
        .register()
        .await
        .unwrap()
        .0;
    let (old, _) = cluster.kill_leader().await;
    for (kind, list, name, value) in [
        ("drivers", "drivers", "id", id.as_str()),
        ("apps", "applications", "id", app.app_id().as_str()),
        ("workers", "workers", "state", "ALIVE"),
        ("masters", "masters", "status", "ALIVE"),
    ] {
        let listed = json(&cluster, &["list", kind, "--all", "--json"]).await;
        let rows = listed[list]
            .as_array()
            .unwrap_or_else(|| panic!("{listed}"));
        assert!(
            rows.iter().any(|row| row[name] == value),
            "{kind}: {listed}"
        );
        let table = support::stdout(&cluster.vesta(&["list", kind, "--all"]).await);
        assert!(table.contains(value), "{kind}: {table}");
    }
    // The election that has just been.
    let shown = json(&cluster, &["failover", "show", "--json", "--last", "5"]).await;
    let failovers = shown["failovers"].as_array().unwrap();
    assert_eq!(failovers.len(), 2, "{shown}");
    let epoch = |failover: &Value| failover["epoch"].as_u64().unwrap();
    let last = failovers
        .iter()
        .max_by_key(|failover| epoch(failover))
        .unwrap();
    assert_ne!(last["leader"], cluster.masters[old].number());
    assert_eq!(last["executors_killed"], 0, "{last}");
    assert_eq!(last["lost"], 0, "{last}");
    let text = support::stdout(&cluster.vesta(&["failover", "show"]).await);
    let first = format!("epoch {}: node {}", epoch(last), last["leader"]);
    assert!(
        text.starts_with(&first) && text.contains("0 executors killed"),
        "{text}"
    );
    cluster.finish().await;
}

/// D30. Spark's tools take the first of the masters and fail if it is not the one.
#[tokio::test(flavor = "multi_thread")]
async fn any_master_alone_and_any_list_with_dead_masters_in_it_is_enough() {
    let mut cluster = start(options()).await;
    let mut submitted = Vec::new();
    let submit = async |url: &str| {
        let output = support::vesta(url, &["submit", "--wait", "--", "/bin/true"]).await;
        assert_eq!(
            output.status.code(),
            Some(0),
            "{url}: {}",
            support::stderr(&output)
        );
        support::stdout(&output)
    };
    for at in 0..3 {
        submitted.push(submit(&cluster.url_of(at)).await);
    }
    let (dead, _) = cluster.kill_leader().await;
    let all = cluster.master_url();
    submitted.push(submit(&all).await);
    for at in (0..3).filter(|at| *at != dead) {
        let url = cluster.url_of(at);
        submitted.push(submit(&url).await);
        // The dead one first, and one that never was.
        let url = format!(
            "vesta://{},{},{}",
            cluster.masters[dead].address(),
            unused_address(),
            cluster.masters[at].address()
        );
        submitted.push(submit(&url).await);
    }
    for id in &submitted {
        for at in (0..3).filter(|at| *at != dead) {
            let shown = support::vesta(&cluster.url_of(at), &["status", id]).await;
            assert!(
                support::stdout(&shown).contains("FINISHED"),
                "{id} at master {at}: {shown:?}"
            );
        }
    }
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn app_run_ends_with_its_application() {
    let cluster = start(options()).await;
    let url = cluster.master_url();
    let run = |flags: &[&'static str], body: &'static str| {
        let all = ["app", "run", "--executors", "2", "--executor-memory", "64m"];
        [&all[..], flags, &["--", "/bin/sh", "-c", body]].concat()
    };
    let good = cluster.vesta(&run(&[], "exit 0")).await;
    assert_eq!(good.status.code(), Some(0), "{}", support::stderr(&good));
    let app: AppId = support::stdout(&good)
        .parse()
        .expect("standard output is an id");
    assert_eq!(cluster.application(&app).await.state, "FINISHED");

    let bad = cluster.vesta(&run(&["--retries", "1"], "exit 9")).await;
    assert_eq!(bad.status.code(), Some(5), "{}", support::stderr(&bad));
    assert!(
        support::stderr(&bad).contains("exited with code 9"),
        "{}",
        support::stderr(&bad)
    );
    let app: AppId = support::stdout(&bad).parse().unwrap();
    assert_eq!(cluster.application(&app).await.state, "FAILED");

    // Ctrl-C ends the application and its executors.
    let mut runs = spawn(&url, &run(&[], FOR_EVER));
    let mut lines = BufReader::new(runs.stdout.take().unwrap()).lines();
    let app: AppId = next_line(&mut lines)
        .await
        .expect("its id")
        .parse()
        .unwrap();
    let running = |it: &vesta_client::proto::Application| {
        it.executors
            .iter()
            .filter(|executor| executor.pid != 0)
            .count()
            == 2
    };
    let before = cluster
        .application_that(&app, "running two executors", running)
        .await;
    let executors: Vec<Process> = before
        .executors
        .iter()
        .filter_map(|executor| Process::of(executor.pid))
        .collect();
    assert_eq!(executors.len(), 2);
    process(&runs).signal(Signal::INT).unwrap();
    assert_eq!(code(&mut runs).await, 5);
    cluster
        .application_that(&app, "over", |app| app.ended_ms != 0)
        .await;
    let gone = wait_until("its executors to be gone", BOUND, async || {
        !executors.iter().any(|executor| executor.is_alive())
    });
    gone.await.unwrap();
    cluster.finish().await;
}

/// A script that can't read the answer must not take what was accepted for refused, nor for done.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_told_however_the_command_ends() {
    let cluster = start(options()).await;
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let unread = Command::new(support::program())
        .args(["submit", "--", "/bin/true"])
        .env("VESTA_MASTER", cluster.master_url())
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let unread = unread.wait_with_output().await.unwrap();
    let said = support::stderr(&unread);
    assert_eq!(unread.status.code(), Some(3), "{said}");
    let (id, rest) = said
        .split_once(" was accepted, with key ")
        .unwrap_or_else(|| panic!("{said}"));
    let id: DriverId = id.trim_start_matches("vesta: ").parse().unwrap();
    cluster.driver_in(&id, "FINISHED").await;
    let key = rest.split(',').next().unwrap();
    let found = support::stdout(&cluster.vesta(&["status", "--key", key]).await);
    assert!(found.starts_with(id.as_str()), "{found}");

    let line = [
        "submit", "--wait", "--json", "--", "/bin/sh", "-c", FOR_EVER,
    ];
    let waits = spawn(&cluster.master_url(), &line);
    let process = process(&waits);
    let client = cluster.client();
    let runs = wait_until("its driver to run", BOUND, async || {
        let drivers = client.list_drivers(ListRequest::default()).await;
        drivers.is_ok_and(|reply| reply.drivers.iter().any(|driver| driver.pid != 0))
    });
    runs.await.unwrap();
    process.signal(Signal::TERM).unwrap();
    let ended = tokio::time::timeout(BOUND, waits.wait_with_output()).await;
    let ended = ended.expect("the command runs on").unwrap();
    assert_eq!(ended.status.code(), Some(3));
    let known: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(known["key"].is_string(), "{known}");
    let id: DriverId = known["driver_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(cluster.driver(&id).await.state, "RUNNING");
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_has_the_bytes_that_were_asked_for_and_a_log_out_of_reach_is_said_to_be_that() {
    let mut cluster = start(vesta_local::Options {
        workers: 1,
        ..options()
    })
    .await;
    // More than one read of a worker returns.
    let body = format!("head -c 600000 /dev/zero | tr '\\0' x; {FOR_EVER}");
    let line = ["submit", "--", "/bin/sh", "-c", body.as_str()];
    let id = support::stdout(&cluster.vesta(&line).await);
    let written = wait_until("its output", BOUND, async || {
        cluster.vesta(&["logs", &id]).await.stdout.len() == 600_000
    });
    written.await.unwrap();
    for (tail, bytes) in [("0", 0), ("7", 7), ("300000", 300_000), ("700000", 600_000)] {
        let log = cluster.vesta(&["logs", "--tail", tail, &id]).await;
        assert_eq!(
            log.stdout.len(),
            bytes,
            "--tail {tail}: {}",
            support::stderr(&log)
        );
    }

    cluster.workers[0].kill().unwrap();
    let begun = std::time::Instant::now();
    let away = wait_until("the masters to see it", BOUND, async || {
        let log = cluster.vesta(&["logs", "--timeout", "60s", &id]).await;
        let said = support::stderr(&log);
        log.status.code() == Some(3)
            && said.contains("the log is on worker-")
            && said.contains("-f waits")
            && !said.contains("nothing was done")
    });
    away.await.unwrap();
    assert!(begun.elapsed().as_secs() < 60, "it did not wait for it");
    // What it launched runs on, and is its own again.
    cluster.workers[0].start().unwrap();
    let killed = cluster.vesta(&["kill", "--wait", &id]).await;
    assert_eq!(
        killed.status.code(),
        Some(0),
        "{}",
        support::stderr(&killed)
    );
    cluster.finish().await;
}

/// The mistake that is nearest: the other of a master's two ports.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_s_raft_port_is_named_as_what_it_is() {
    let cluster = start(options()).await;
    let masters = json(&cluster, &["list", "masters", "--json"]).await;
    let raft = masters["masters"][0]["raft_address"].as_str().unwrap();
    let alone = format!("vesta://{raft}");
    for args in [
        &["list", "workers"] as &[&str],
        &["submit", "--", "/bin/true"],
        &["app", "run", "--executors", "1", "--", "/bin/true"],
    ] {
        let output = support::vesta(&alone, args).await;
        let said = support::stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        let port = format!("{raft} is not a client port of a Vesta master");
        assert!(said.contains(&port), "{args:?}: {said}");
    }
    let beside = format!("vesta://{raft},{}", cluster.masters[0].address());
    let listed = support::vesta(&beside, &["list", "workers"]).await;
    assert_eq!(
        listed.status.code(),
        Some(0),
        "{}",
        support::stderr(&listed)
    );
    cluster.finish().await;
}

/// The samples as they are, but for addresses and directories that are free here. One master alone is
/// a whole cluster.
#[tokio::test(flavor = "multi_thread")]
async fn the_sample_configurations_start_a_master_and_a_worker() {
    let mut cluster = support::prepare(vesta_local::Options {
        masters: 1,
        workers: 1,
        ..options()
    })
    .await;
    for (node, sample, own) in [
        (
            &cluster.masters[0],
            include_str!("../config/master.toml"),
            &["data_dir", "listen", "raft_listen", "peers", "form"][..],
        ),
        (
            &cluster.workers[0],
            include_str!("../config/worker.toml"),
            &["masters", "dir", "listen"][..],
        ),
    ] {
        let mut settings: toml::Table = sample.parse().unwrap();
        let given: toml::Table = std::fs::read_to_string(node.config())
            .unwrap()
            .parse()
            .unwrap();
        for key in own {
            let known = settings.insert((*key).to_owned(), given[*key].clone());
            assert!(known.is_some(), "the sample of {} shows {key}", node.name());
        }
        std::fs::write(node.config(), settings.to_string()).unwrap();
    }
    cluster.start_all().await;
    let driver = cluster.submit(&cluster.driver_of("sample", 1, "")).await;
    cluster.driver_in(&driver.id, "FINISHED").await;
    let masters = support::stdout(&cluster.vesta(&["list", "masters"]).await);
    assert_eq!(
        masters.lines().count(),
        2,
        "a heading and one master: {masters}"
    );
    cluster.assert_ran_once(&[driver]);
    cluster.finish().await;
}

/// CVE-2018-17190 and its like: an open port is remote execution.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_can_reach_is_refused_unless_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    let master = ["master", "--node-id", "1", "--data-dir", &path];
    let worker = ["worker", "--dir", &path];
    for args in [
        [&master[..], &["--listen", "0.0.0.0:7700"]].concat(),
        [&master[..], &["--raft-listen", "0.0.0.0:7700"]].concat(),
        [&worker[..], &["--listen", "0.0.0.0:7700"]].concat(),
    ] {
        let refused = support::vesta("vesta://127.0.0.1:1", &args).await;
        let said = support::stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "vesta {args:?}: {said}");
        assert!(
            said.contains("0.0.0.0:7700") && said.contains("--insecure"),
            "{said}"
        );
    }
    assert_eq!(
        std::fs::read_dir(&path).unwrap().count(),
        0,
        "nothing was begun"
    );

    // A key that is misspelt is not passed over, and the valid ones are named.
    let config = dir.path().join("config.toml");
    writeln!(std::fs::File::create(&config).unwrap(), "hartbeat = \"5s\"").unwrap();
    let config = config.display().to_string();
    for role in ["master", "worker"] {
        let refused = support::vesta("vesta://127.0.0.1:1", &[role, "--config", &config]).await;
        let said = support::stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(
            said.contains("hartbeat") && said.contains("listen"),
            "{said}"
        );
    }
}

/// Standard output of a command that succeeds, as JSON.
/// What the leader alone knows of a worker is said of its drivers too, through any master.
#[tokio::test(flavor = "multi_thread")]
async fn a_driver_whose_worker_is_out_of_reach_says_so_before_any_verdict() {
    let mut cluster = start(options()).await;
    let gate = cluster.dir().join("gate");
    let driver = cluster.driver_of("cut off", 1, &support::until(&gate));
    let driver = cluster.submit(&driver).await;
    let id = driver.id.to_string();
    cluster.running(&driver.id).await;
    let broken = "the connection to its worker is broken";
    let before = cluster.vesta(&["status", &id]).await;
    assert!(!support::stdout(&before).contains(broken));
    cluster.workers[0].kill().unwrap();
    for at in 0..3 {
        let url = cluster.url_of(at);
        let said = vesta_local::wait_until(format!("master {at} to say so"), BOUND, async || {
            let status = support::vesta(&url, &["status", &id]).await;
            let said = support::stdout(&status);
            said.contains(broken) && said.contains("RUNNING")
        });
        said.await.unwrap();
    }
    cluster.workers[0].start().unwrap();
    std::fs::write(&gate, "").unwrap();
    cluster.driver_in(&driver.id, "FINISHED").await;
    let after = cluster.vesta(&["status", &id]).await;
    assert!(!support::stdout(&after).contains(broken));
    cluster.finish().await;
}

async fn json(cluster: &Running, args: &[&str]) -> Value {
    let output = cluster.vesta(args).await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "vesta {args:?}: {}",
        support::stderr(&output)
    );
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

/// A command that is still running; dropping it ends it.
fn spawn(url: &str, args: &[&str]) -> Child {
    let mut command = Command::new(support::program());
    command
        .args(args)
        .env("VESTA_MASTER", url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command.kill_on_drop(true).spawn().unwrap()
}

fn process(child: &Child) -> Process {
    Process::of(child.id().expect("it was not waited for")).expect("it runs")
}

async fn code(child: &mut Child) -> i32 {
    let ended = tokio::time::timeout(BOUND, child.wait()).await;
    ended
        .expect("the command runs on")
        .unwrap()
        .code()
        .expect("it ends by itself")
}

async fn next_line<R: tokio::io::AsyncBufRead + Unpin>(
    lines: &mut tokio::io::Lines<R>,
) -> Option<String> {
    let line = tokio::time::timeout(BOUND, lines.next_line()).await;
    line.expect("no line comes, and no end").unwrap()
}

/// An address on which nobody listens.
fn unused_address() -> std::net::SocketAddr {
    // Taken and never accepted from would be a master that hangs; this one refuses.
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

//! A supervisor and the process that it holds.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use vesta_types::{Artifact, ExecutorSize, Exit, InstanceId, InstanceStatus, Lease, Work};
use vesta_worker::clock::{self, Boottime};
use vesta_worker::store::{InstanceDir, InstanceOrder, freshness};

use crate::support::*;

/// A worker's directory with one accepted instance.
pub struct Case {
    pub root: TempDir,
    pub id: InstanceId,
    pub dir: InstanceDir,
}

impl Case {
    /// An accepted order, under a fresh confirmation.
    pub fn new(order: &InstanceOrder) -> Case {
        let case = Case::unconfirmed(order);
        case.confirm(Duration::ZERO);
        case
    }

    fn unconfirmed(order: &InstanceOrder) -> Case {
        let root = TempDir::new().unwrap();
        let id = order.run.instance.clone();
        let dir = InstanceDir::new(&root.path().canonicalize().unwrap(), &id);
        dir.accept(order).unwrap();
        Case { root, id, dir }
    }

    fn confirm(&self, ago: Duration) {
        let nanos = u64::try_from(ago.as_nanos()).unwrap();
        let stamp = Boottime(Boottime::now().0 - nanos);
        freshness::confirm(self.root.path(), clock::boot_id().unwrap(), stamp).unwrap();
    }

    pub fn start(&self) -> Supervisor {
        self.start_with(&[])
    }

    pub fn start_with(&self, variables: &[(&str, &str)]) -> Supervisor {
        let command = supervisor_command();
        let child = Command::new(&command[0])
            .args(&command[1..])
            .arg(self.dir.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Supervisor(child)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    fn status(&self) -> InstanceStatus {
        self.dir.report(&self.id).status
    }

    pub fn exit(&self) -> Exit {
        match self.status() {
            InstanceStatus::Ended { exit, .. } => exit,
            other => panic!("it has not ended but is {other:?}"),
        }
    }

    pub fn wait_until_running(&self) -> u32 {
        wait_for("it runs", || match self.status() {
            InstanceStatus::Running { pid, .. } => Some(pid),
            _ => None,
        })
    }
}

/// A supervisor process; ended with the test.
pub struct Supervisor(Child);

impl Supervisor {
    pub fn wait(mut self) {
        wait_for("the supervisor ends", || self.0.try_wait().unwrap());
    }

    pub fn terminate(&self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            self.terminate();
            let _ = self.0.wait();
        }
    }
}

/// The driver or application that an instance belongs to.
pub fn object(instance: &InstanceId) -> String {
    match &instance.work {
        Work::Driver { driver, .. } => driver.to_string(),
        Work::Executor { app, .. } => app.to_string(),
    }
}

fn run(text: &str) -> Case {
    let case = Case::new(&accepted(script(driver(1), text)));
    case.start().wait();
    case
}

#[test]
fn an_exit_code_is_kept() {
    assert_eq!(
        run("exit 0").exit(),
        Exit {
            code: Some(0),
            ..Exit::default()
        }
    );
    assert_eq!(
        run("exit 7").exit(),
        Exit {
            code: Some(7),
            ..Exit::default()
        }
    );
}

#[test]
fn the_signal_that_ended_a_process_is_kept() {
    assert_eq!(
        run("kill -SEGV $$").exit(),
        Exit {
            signal: Some(11),
            ..Exit::default()
        }
    );
}

#[test]
fn what_a_process_prints_is_kept() {
    let case = run("echo out; echo err >&2");
    assert_eq!(lines(&case.dir.path().join("stdout")), ["out"]);
    assert_eq!(lines(&case.dir.path().join("stderr")), ["err"]);
}

#[test]
fn an_instance_is_executed_once_however_often_its_supervisor_is_started() {
    let case = Case::new(&accepted(script(driver(1), "echo x >> ran; exit 3")));
    let both = [case.start(), case.start()];
    both.into_iter().for_each(Supervisor::wait);
    case.start().wait();
    assert_eq!(lines(&case.file("ran")), ["x"]);
    assert_eq!(case.exit().code, Some(3));
}

#[test]
fn of_an_agent_that_revokes_and_a_supervisor_that_starts_exactly_one_wins() {
    let mut revoked = 0;
    let rounds: u32 = 12;
    for round in 0..rounds {
        let case = Case::new(&accepted(script(driver(1), "echo x >> ran")));
        let supervisor = case.start();
        // Earlier and later, around the moment of the start.
        let until = Instant::now() + Duration::from_millis(u64::from(round) * 3);
        while Instant::now() < until && case.status() == InstanceStatus::Accepted {
            std::thread::yield_now();
        }
        let won = case.dir.revoke("revoked").unwrap();
        revoked += u32::from(won);
        supervisor.wait();
        let ran = !lines(&case.file("ran")).is_empty();
        assert_ne!(won, ran, "round {round}");
        match case.status() {
            InstanceStatus::NeverRan { .. } => assert!(won, "round {round}"),
            InstanceStatus::Ended { .. } => assert!(ran, "round {round}"),
            other => panic!("round {round}: {other:?}"),
        }
    }
    assert!(revoked > 0, "the agent never won: the race was not tried");
}

#[test]
fn a_confirmation_that_is_too_old_at_exec_means_it_never_ran() {
    for old in [None, Some(Duration::from_secs(16))] {
        let case = Case::unconfirmed(&accepted(script(driver(1), "echo x >> ran")));
        old.into_iter().for_each(|ago| case.confirm(ago));
        case.start().wait();
        let status = case.status();
        assert!(matches!(&status, InstanceStatus::NeverRan { reason } if reason.contains("15s")));
        assert!(lines(&case.file("ran")).is_empty());
        // Nor ever will it, though a confirmation comes.
        case.confirm(Duration::ZERO);
        case.start().wait();
        assert_eq!(case.status(), status);
        assert!(lines(&case.file("ran")).is_empty());
    }
}

#[cfg(any(debug_assertions, feature = "faults"))]
#[test]
fn the_canary_of_order_freshness_starts_what_is_too_late() {
    let case = Case::unconfirmed(&accepted(script(driver(1), "echo x >> ran")));
    case.start_with(&[("VESTA_CANARY", "order-freshness")])
        .wait();
    assert_eq!(lines(&case.file("ran")), ["x"]);
}

#[test]
fn a_process_that_ends_by_itself_when_told_to_is_killed_with_its_own_code() {
    let text = "trap 'exit 0' TERM; touch ready; while :; do sleep 0.05; done";
    let case = Case::new(&accepted(script(driver(1), text)));
    let supervisor = case.start();
    wait_for("the trap is set", || {
        case.file("ready").exists().then_some(())
    });
    supervisor.terminate();
    supervisor.wait();
    assert_eq!(
        case.exit(),
        Exit {
            code: Some(0),
            killed: true,
            ..Exit::default()
        }
    );
}

#[test]
fn a_group_that_ignores_term_is_killed_after_the_grace() {
    // A child and a grandchild, both deaf to TERM, in one group.
    let text = "trap '' TERM; sh -c 'while :; do sleep 0.1; done' & echo $! > pid; wait";
    let order = accepted(script(driver(1), text));
    let case = Case::new(&order);
    let supervisor = case.start();
    let pid = case.wait_until_running();
    let grandchild = written_pid(&case.file("pid"));
    let begun = Instant::now();
    supervisor.terminate();
    supervisor.wait();
    let took = begun.elapsed();
    assert!(took >= order.kill_grace, "{took:?}: {:?}", case.status());
    assert_eq!(
        case.exit(),
        Exit {
            signal: Some(9),
            killed: true,
            ..Exit::default()
        }
    );
    assert!(!is_alive(pid) && !is_alive(grandchild));
}

#[test]
fn nothing_of_a_process_that_ended_is_left() {
    // One stays in the group; the other moves to a session of its own and loses its parent.
    let text = "sleep 60 & echo $! > inside
        setsid sh -c 'echo $$ > outside.part; mv outside.part outside; exec sleep 60' &
        while [ ! -e outside ]; do sleep 0.01; done; exit 4";
    let case = run(text);
    assert_eq!(
        case.exit(),
        Exit {
            code: Some(4),
            ..Exit::default()
        }
    );
    assert!(!is_alive(written_pid(&case.file("inside"))));
    assert!(!is_alive(written_pid(&case.file("outside"))));
}

#[test]
fn a_program_or_artifact_that_is_missing_is_named_with_the_reason() {
    let mut order = accepted(script(driver(1), "true"));
    order.run.launch.program = "/no/such/program".into();
    // Trying again would not find it either.
    order.run.supervise = true;
    let case = Case::new(&order);
    case.start().wait();
    let error = case.exit().error.unwrap();
    assert!(
        error.contains("/no/such/program") && error.contains("No such file"),
        "{error}"
    );

    let mut order = accepted(script(driver(1), "echo x >> ran"));
    order.run.launch.artifacts = vec![Artifact {
        uri: "file:/no/such/app.jar".into(),
    }];
    let case = Case::new(&order);
    case.start().wait();
    let error = case.exit().error.unwrap();
    assert!(
        error.contains("/no/such/app.jar") && error.contains("No such file"),
        "{error}"
    );
    assert!(lines(&case.file("ran")).is_empty());
}

#[test]
fn a_driver_gets_its_jar_its_variables_and_nothing_of_the_agent_s_environment() {
    let jar = tempfile::NamedTempFile::with_suffix(".jar").unwrap();
    fs::write(jar.path(), "jar").unwrap();
    let text = "cat $1; echo; echo $2; echo $FROM_USER; env > environment";
    let mut order = accepted(script(driver(1), text));
    let args = ["x", "{{USER_JAR}}", "at={{WORKER_URL}};{{UNKNOWN}}"];
    order.run.launch.args.extend(args.map(str::to_owned));
    let user = [("FROM_USER", "u={{WORKER_URL}}"), ("VESTA_ATTEMPT", "99")];
    let user = user.map(|(name, value)| (name.to_owned(), value.to_owned()));
    order.run.launch.env.extend(user);
    order.run.launch.artifacts = vec![Artifact {
        uri: jar.path().display().to_string(),
    }];
    order.run.conf.insert("spark.x".into(), "\"1\"".into());
    order.run.executor = Some(ExecutorSize {
        cores: 3,
        memory_mib: 300,
    });
    order.run.total_executor_cores = Some(9);
    let gpus = ["0", "3"].map(str::to_owned).into();
    order.run.booking.named.insert("gpu".into(), gpus);
    let case = Case::new(&order);
    fs::write(
        case.root.path().join("members.json"),
        r#"["a:1", "b:2", "c:3"]"#,
    )
    .unwrap();
    let agent = [
        ("SECRET_OF_AGENT", "s"),
        ("FAILPOINTS", "worker.none=off"),
        ("VESTA_CANARY", "x"),
    ];
    case.start_with(&agent).wait();

    let url = "vesta://127.0.0.1:7710";
    let printed = lines(&case.dir.path().join("stdout"));
    assert_eq!(
        printed,
        [
            "jar",
            &format!("at={url};{{{{UNKNOWN}}}}"),
            &format!("u={url}")
        ]
    );
    let environment = lines(&case.file("environment"));
    for wanted in [
        "VESTA_MASTER=vesta://a:1,b:2,c:3",
        &format!("VESTA_INSTANCE_ID={}", case.id),
        &format!("VESTA_CLUSTER_ID={CLUSTER}"),
        "VESTA_EPOCH=3",
        "VESTA_RESTART=0",
        "VESTA_WORKER_ID=worker-20261121110000-h-7710",
        "VESTA_HOST=127.0.0.1",
        "VESTA_CORES=2",
        "VESTA_MEMORY_MIB=512",
        &format!("VESTA_DRIVER_ID={}", object(&case.id)),
        "VESTA_ATTEMPT=1",
        "VESTA_NAME=a name",
        r#"VESTA_CONF={"spark.x":"\"1\""}"#,
        "VESTA_EXECUTOR_CORES=3",
        "VESTA_EXECUTOR_MEMORY_MIB=300",
        "VESTA_TOTAL_EXECUTOR_CORES=9",
        r#"VESTA_RESOURCES={"gpu":["0","3"]}"#,
    ] {
        assert!(
            environment.iter().any(|line| line == wanted),
            "{wanted} not in {environment:#?}"
        );
    }
    for unwanted in [
        "SECRET_OF_AGENT",
        "FAILPOINTS",
        "VESTA_CANARY",
        "CARGO",
        "VESTA_APP_ID",
    ] {
        assert!(
            !environment.iter().any(|line| line.starts_with(unwanted)),
            "{unwanted}"
        );
    }
    assert!(environment.iter().any(|line| line.starts_with("PATH=")));
}

#[test]
fn an_executor_gets_its_variables_and_the_application_s_payload() {
    let text = "echo $1; cat $VESTA_PAYLOAD_FILE; env > environment";
    let mut order = accepted(script(executor(17), text));
    let variables = "{{EXECUTOR_ID}} {{HOSTNAME}} {{CORES}} {{APP_ID}} {{RESOURCE_PROFILE_ID}}";
    order
        .run
        .launch
        .args
        .extend(["x".to_owned(), variables.to_owned()]);
    order.run.profile = 4;
    order.run.payload = b"opaque\n".to_vec();
    let case = Case::new(&order);
    case.start().wait();
    let printed = lines(&case.dir.path().join("stdout"));
    let app = object(&case.id);
    assert_eq!(
        printed,
        [format!("17 127.0.0.1 2 {app} 4"), "opaque".to_owned()]
    );
    let environment = lines(&case.file("environment"));
    for wanted in [
        "VESTA_MASTER=vesta://m1:7700,m2:7700",
        &format!("VESTA_APP_ID={app}"),
        "VESTA_EXECUTOR_ID=17",
        "VESTA_APP_NAME=a name",
        "VESTA_RESOURCE_PROFILE_ID=4",
    ] {
        assert!(
            environment.iter().any(|line| line == wanted),
            "{wanted} not in {environment:#?}"
        );
    }
    assert!(
        !environment
            .iter()
            .any(|line| line.starts_with("VESTA_DRIVER_ID"))
    );
}

#[test]
fn ports_are_put_where_their_names_stand_and_in_the_environment() {
    let text = "echo $1 $VESTA_PORT_RPC $VESTA_PORT_UI $OF";
    let mut order = accepted(script(driver(1), text));
    let named = ["x", "{{PORT:ui}}:{{PORT:rpc}}"].map(str::to_owned);
    order.run.launch.args.extend(named);
    let user = [("OF", "{{PORT:rpc}}"), ("VESTA_PORT_UI", "99")];
    let user = user.map(|(name, value)| (name.to_owned(), value.to_owned()));
    order.run.launch.env.extend(user);
    let ports = ["20001", "20002"].map(str::to_owned).into();
    order.run.booking.named.insert("port".into(), ports);
    let case = Case::new(&order);
    case.start().wait();
    let printed = lines(&case.dir.path().join("stdout"));
    assert_eq!(printed, ["20002:20001 20001 20002 20001"]);
}

#[test]
fn what_asks_for_a_port_and_was_given_none_is_not_started() {
    let mut order = accepted(script(driver(1), "echo x >> ran"));
    order.run.launch.args.push("{{PORT:ui}}".to_owned());
    let case = Case::new(&order);
    case.start().wait();
    let error = case.exit().error.unwrap();
    assert!(error.contains("port ui"), "{error}");
    assert!(lines(&case.file("ran")).is_empty());
}

#[test]
fn a_supervised_driver_is_restarted_ever_later_until_it_succeeds() {
    let text = "date +%s%N >> times; echo run $VESTA_RESTART; [ $VESTA_RESTART = 3 ]";
    let mut order = accepted(script(driver(1), text));
    order.run.supervise = true;
    let case = Case::new(&order);
    case.start().wait();
    assert_eq!(
        case.exit(),
        Exit {
            code: Some(0),
            ..Exit::default()
        }
    );
    assert_eq!(case.dir.report(&case.id).restart, 3);
    let printed = lines(&case.dir.path().join("stdout"));
    assert_eq!(printed, ["run 0", "run 1", "run 2", "run 3"]);
    let times: Vec<u64> = lines(&case.file("times"))
        .iter()
        .map(|line| line.parse().unwrap())
        .collect();
    for (pair, at_least) in times.windows(2).zip([50, 100, 200]) {
        let waited = Duration::from_nanos(pair[1] - pair[0]);
        assert!(
            waited >= Duration::from_millis(at_least),
            "{waited:?} < {at_least} ms"
        );
    }
}

#[test]
fn an_unsupervised_driver_is_not_restarted() {
    let case = run("echo x >> ran; exit 1");
    assert_eq!(lines(&case.file("ran")), ["x"]);
}

#[test]
fn a_restart_waits_until_the_leader_counts_on_this_worker_again() {
    let text = "echo x >> ran; while [ ! -e go ]; do sleep 0.02; done; [ $VESTA_RESTART = 1 ]";
    let mut order = accepted(script(driver(1), text));
    order.run.supervise = true;
    let case = Case::new(&order);
    let supervisor = case.start();
    case.wait_until_running();
    case.confirm(Duration::from_secs(16));
    fs::write(case.file("go"), "").unwrap();
    wait_for("its restart is decided", || {
        case.dir.path().join("started.1").exists().then_some(())
    });
    assert!(matches!(case.status(), InstanceStatus::Running { .. }));
    // Many looks at the old confirmation later, it still has not run.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(lines(&case.file("ran")), ["x"]);
    case.confirm(Duration::ZERO);
    supervisor.wait();
    assert_eq!(lines(&case.file("ran")), ["x", "x"]);
    assert_eq!(case.exit().code, Some(0));
}

#[test]
fn a_driver_that_is_killed_between_two_runs_is_not_started_again() {
    let mut order = accepted(script(driver(1), "echo x >> ran; exit 1"));
    order.run.supervise = true;
    order.restart_backoff = 30.0;
    let case = Case::new(&order);
    let supervisor = case.start();
    wait_for("it failed once", || {
        case.dir.path().join("exit.0").exists().then_some(())
    });
    assert!(matches!(case.status(), InstanceStatus::Running { .. }));
    supervisor.terminate();
    supervisor.wait();
    assert_eq!(
        case.exit(),
        Exit {
            code: Some(1),
            killed: true,
            ..Exit::default()
        }
    );
    assert_eq!(lines(&case.file("ran")), ["x"]);
}

/// What `stop` promises: no agent is needed for it, and no TERM that is heeded.
#[test]
fn a_driver_whose_lease_is_over_is_ended_and_was_interrupted() {
    let text = "trap '' TERM; echo $$ > pid.part; mv pid.part pid; while :; do sleep 0.05; done";
    let mut order = accepted(script(driver(1), text));
    // A worker's longer grace does not lengthen it.
    order.kill_grace = BOUND;
    order.run.supervise = true;
    order.run.lease = Some(Lease {
        time_ms: 1_500,
        grace_ms: 100,
    });
    let case = Case::new(&order);
    let supervisor = case.start();
    let pid = written_pid(&case.file("pid"));
    let begun = Instant::now();
    // Longer than the lease, which is longer than a busy machine stalls.
    while begun.elapsed() < Duration::from_millis(2_000) {
        case.confirm(Duration::ZERO);
        assert!(is_alive(pid), "a confirmed heartbeat prolongs it");
        std::thread::sleep(Duration::from_millis(10));
    }
    supervisor.wait();
    assert!(!is_alive(pid));
    let status = case.status();
    assert!(
        matches!(&status, InstanceStatus::Interrupted { reason } if reason.contains("lease")),
        "{status:?}"
    );
}

/// D34. SPARK-36252: what a driver prints fills the disk.
#[test]
fn a_driver_that_prints_without_end_fills_no_disk_and_its_last_lines_can_be_read() {
    let mut order = accepted(script(driver(1), "seq 1000000 1999999; echo last; exit 3"));
    order.log_max = 64 * 1024;
    let case = Case::new(&order);
    case.start().wait();
    assert_eq!(case.exit().code, Some(3));
    let mut kept = Vec::new();
    for entry in fs::read_dir(case.dir.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("stdout") {
            kept.push((entry.file_name(), entry.metadata().unwrap().len()));
        }
    }
    let bytes: u64 = kept.iter().map(|(_, length)| length).sum();
    assert!((32 * 1024..=64 * 1024).contains(&bytes), "{kept:?}");
    let end = fs::read_to_string(case.dir.path().join("stdout")).unwrap();
    assert!(end.ends_with("1999998\n1999999\nlast\n"), "{kept:?}");
}

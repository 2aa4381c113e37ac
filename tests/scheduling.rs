//! Who gets what, who waits, and whether the one who waits is told why.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vesta_client::proto::{self, Application};
use vesta_local::wait_until;
use vesta_types::{DriverDescription, ExecutorSize, ProfileRequest, ResourceProfile};

use crate::support::{self, BOUND, FOR_EVER, Running, options, start};

/// D20. Six drivers on four cores, each of which needs an executor beside itself: in Spark they take
/// every core and then wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn drivers_alone_never_fill_the_cluster_so_that_all_finish_in_turn() {
    let mut cluster = start(vesta_local::Options {
        workers: 0,
        ..options()
    })
    .await;
    let ran = executor_script(&cluster);
    let mut submitted = Vec::new();
    for number in 0..6 {
        // All six wait before there is any room.
        let driver = needs_an_executor(&cluster, number, &ran.script);
        submitted.push(cluster.submit(&driver).await);
    }
    let worker = cluster.add_worker().unwrap();
    cluster.workers[worker].start().unwrap();
    for driver in &submitted {
        let driver = cluster
            .driver_that(&driver.id, "over", |driver| driver.ended)
            .await;
        assert_eq!(
            (driver.state.as_str(), driver.attempt),
            ("FINISHED", 1),
            "{driver:?}"
        );
    }
    cluster.assert_ran_once(&submitted);
    let executed: BTreeSet<String> = ran.lines().into_iter().map(|(app, _)| app).collect();
    assert_eq!(
        executed.len(),
        6,
        "each driver's application had an executor"
    );
    cluster.finish().await;
}

/// A driver of one core that runs an application of one executor of one core, and says so beforehand.
fn needs_an_executor(cluster: &Running, number: usize, script: &Path) -> DriverDescription {
    let body = format!(
        "{vesta} app run --executors 1 --executor-cores 1 --executor-memory 64m --heartbeat 250ms \
         -- /bin/sh {script} || exit 1",
        vesta = support::program().display(),
        script = script.display()
    );
    DriverDescription {
        executor: Some(ExecutorSize {
            cores: 1,
            memory_mib: 64,
        }),
        ..cluster.driver_of(&format!("needs-{number}"), 1, &body)
    }
}

/// A script for executors that write down that they ran.
struct Script {
    script: PathBuf,
    ran: PathBuf,
}

impl Script {
    /// The application and the worker of each executor that ran.
    fn lines(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(&self.ran).unwrap_or_default();
        let pair = |line: &str| {
            let (app, worker) = line.split_once(' ').expect("two words in a line");
            (app.to_owned(), worker.to_owned())
        };
        text.lines().map(pair).collect()
    }
}

fn executor_script(cluster: &Running) -> Script {
    let script = cluster.dir().join("executor.sh");
    let ran = cluster.dir().join("ran");
    let text = format!(
        "echo \"$VESTA_APP_ID $VESTA_WORKER_ID\" >> {}\nsleep 0.3\n",
        ran.display()
    );
    std::fs::write(&script, text).unwrap();
    Script { script, ran }
}

/// D21. Spark lets an application wait for ever without a word.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_waits_is_shown_with_its_reason() {
    let cluster = start(options()).await;
    let filler = cluster
        .submit(&cluster.driver_of("filler", 3, FOR_EVER))
        .await;
    cluster.driver_in(&filler.id, "RUNNING").await;
    let submit = async |args: &[&str]| {
        let args = [&["submit"], args, &["--", "/bin/true"]].concat();
        let output = cluster.vesta(&args).await;
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            support::stderr(&output)
        );
        (support::stdout(&output), support::stderr(&output))
    };
    let status = async |id: &str| support::stdout(&cluster.vesta(&["status", id]).await);

    let (wide, warned) = submit(&["--driver-cores", "2", "--driver-memory", "64m"]).await;
    assert_eq!(warned, "", "it only has to wait");
    let shown = status(&wide).await;
    assert!(
        shown.contains("needs 2 cores on one worker, the largest free is 1"),
        "{shown}"
    );

    // What no worker could ever hold is said at once, and shown afterwards.
    for (size, why) in [
        (["--driver-cores", "8"], "needs 8 cores, the largest has 4"),
        (
            ["--driver-memory", "64g"],
            "needs 64g of memory, the largest has 4g",
        ),
    ] {
        let never = format!("no registered worker could ever hold it: {why}");
        let (id, warned) = submit(&size).await;
        assert!(warned.contains(&never), "{warned}");
        let shown = status(&id).await;
        assert!(shown.contains(&never), "{shown}");
    }

    let app = cluster
        .app_of("greedy", 3, FOR_EVER)
        .register()
        .await
        .unwrap()
        .0;
    let waits = |app: &Application| live(app) == 1 && !app.waiting_because.is_empty();
    cluster
        .application_that(app.app_id(), "waiting for two more executors", waits)
        .await;
    let shown = status(app.app_id().as_str()).await;
    assert!(
        shown.contains("needs 1 core on one worker, the largest free is 0"),
        "{shown}"
    );
    let listed = support::stdout(&cluster.vesta(&["list", "drivers"]).await);
    assert!(listed.contains("the largest has 4g"), "{listed}");

    cluster.assert_ran_once(&[filler]);
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_are_spread_over_workers() {
    let cluster = start(vesta_local::Options {
        workers: 2,
        ..options()
    })
    .await;
    let ran = executor_script(&cluster);
    let script = ran.script.display().to_string();
    let run = ["app", "run", "--executors", "2", "--executor-memory", "64m"];
    let output = cluster
        .vesta(&[&run[..], &["--", "/bin/sh", &script]].concat())
        .await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        support::stderr(&output)
    );
    let app = support::stdout(&output);
    let lines = ran.lines();
    assert!(lines.iter().all(|(of, _)| *of == app), "{lines:?}");
    let workers: BTreeSet<String> = lines.into_iter().map(|(_, worker)| worker).collect();
    let known: BTreeSet<String> = cluster
        .workers_now()
        .await
        .into_iter()
        .map(|worker| worker.id)
        .collect();
    assert_eq!(workers, known, "one on each");
    let ended = cluster.application(&app.parse().unwrap()).await;
    assert_eq!(ended.state, "FINISHED", "{ended:?}");
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_never_takes_more_cores_than_its_limit() {
    let cluster = start(vesta_local::Options {
        workers: 2,
        ..options()
    })
    .await;
    let app = cluster.app_of("limited", 8, FOR_EVER).max_cores(Some(3));
    let (app, _events) = app.register().await.unwrap();
    let three = |app: &Application| running(app) == 3;
    cluster
        .application_that(app.app_id(), "running three executors", three)
        .await;
    // Every one of these is a further plan, with five cores free. So is the death of an executor.
    for name in ["first", "second"] {
        let driver = cluster.submit(&cluster.driver_of(name, 1, "")).await;
        cluster.driver_in(&driver.id, "FINISHED").await;
    }
    app.kill_executors(vec![0]).await.unwrap();
    let replaced = |app: &Application| running(app) == 3 && !numbers(app).contains(&0);
    let now = cluster
        .application_that(app.app_id(), "running three again", replaced)
        .await;
    assert_eq!((live(&now), now.cores), (3, 3), "{now:?}");
    let begun = wait_until("every executor to have begun", BOUND, async || {
        cluster.started().len() == 2 + 4
    });
    begun.await.unwrap();
    let used: u32 = cluster
        .workers_now()
        .await
        .iter()
        .map(|worker| worker.cores_used)
        .sum();
    assert_eq!(used, 3);
    cluster.assert_ran_once(&[]);
    cluster.finish().await;
}

fn live_executors(app: &Application) -> impl Iterator<Item = &proto::Executor> {
    app.executors
        .iter()
        .filter(|executor| matches!(executor.state.as_str(), "LAUNCHING" | "RUNNING"))
}

fn live(app: &Application) -> usize {
    live_executors(app).count()
}

fn running(app: &Application) -> usize {
    live_executors(app)
        .filter(|executor| executor.state == "RUNNING")
        .count()
}

fn numbers(app: &Application) -> BTreeSet<u32> {
    live_executors(app)
        .map(|executor| executor.number)
        .collect()
}

/// What succeeded is not run again: not even before the application's client has heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_runs_to_completion_starts_no_more_than_it_wants() {
    let cluster = start(options()).await;
    let builder = cluster.app_of("completes", 3, "");
    let (app, _events) = builder.run_to_completion(true).register().await.unwrap();
    let id = app.app_id().clone();
    cluster
        .application_that(&id, "FINISHED", |it| it.state == "FINISHED")
        .await;
    assert_eq!(cluster.started().len(), 3);
    cluster.finish().await;
}

/// Four executors that want one of two gpus each: two run at a time, each with an address of its own,
/// which its process is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_gpu_is_given_to_one_process_at_a_time_which_is_told_its_address() {
    let mut options = vesta_local::Options {
        workers: 1,
        ..options()
    };
    let gpus = toml::Table::from_iter([("gpu".to_owned(), toml::Value::from(vec!["0", "7"]))]);
    options
        .worker_settings
        .insert("resources".to_owned(), gpus.into());
    let cluster = start(options).await;
    let held = cluster.dir().join("held");
    std::fs::create_dir(&held).unwrap();
    // Making a directory fails where it is there already: then two have the same address.
    let script = cluster.dir().join("with-gpu.sh");
    let text = format!(
        "mkdir {0}/$VESTA_RESOURCES || exit 1\nsleep 0.3\nrmdir {0}/$VESTA_RESOURCES\n\
         echo \"$VESTA_RESOURCES\" >> {0}/told\n",
        held.display()
    );
    std::fs::write(&script, text).unwrap();
    let script = script.display().to_string();
    let run = ["app", "run", "--executors", "4", "--executor-memory", "64m"];
    let run = [
        &run[..],
        &["--retries", "1", "--executor-resource", "gpu=1"],
    ]
    .concat();
    let output = cluster
        .vesta(&[&run[..], &["--", "/bin/sh", &script]].concat())
        .await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        support::stderr(&output)
    );
    let told = std::fs::read_to_string(held.join("told")).unwrap();
    let told: BTreeSet<&str> = told.lines().collect();
    assert_eq!(told, [r#"{"gpu":["0"]}"#, r#"{"gpu":["7"]}"#].into());

    let submit = ["submit", "--driver-resource", "gpu=3", "--", "/bin/true"];
    let output = cluster.vesta(&submit).await;
    let warned = support::stderr(&output);
    assert!(
        warned.contains("needs 3 × gpu, the largest has 2"),
        "{warned}"
    );
    cluster.finish().await;
}

/// Dynamic allocation with several resource profiles: each has a target of its own.
#[tokio::test(flavor = "multi_thread")]
async fn each_profile_of_an_application_grows_to_its_own_target() {
    let cluster = start(options()).await;
    let app = cluster.app_of("profiles", 1, FOR_EVER);
    let (app, _events) = app.register().await.unwrap();
    let wanted = |target| ProfileRequest {
        profile: ResourceProfile {
            id: 4,
            cores: Some(2),
            memory_mib: 32,
            named: Default::default(),
        },
        target: Some(target),
    };
    app.add_profile(wanted(1)).await.unwrap();
    let of = |app: &Application, number| {
        let of = live_executors(app).filter(|it| it.profile == number);
        of.map(|it| it.cores).collect::<Vec<_>>()
    };
    let both = |app: &Application| of(app, 0) == [1] && of(app, 4) == [2];
    cluster
        .application_that(app.app_id(), "of both profiles", both)
        .await;
    // One core is free: a second executor of the profile waits, and it says so.
    app.set_profile_target(4, 2).await.unwrap();
    let waits = |app: &Application| {
        let why = &app.profiles[1].waiting_because;
        why.contains("needs 2 cores") && app.profiles[0].waiting_because.is_empty()
    };
    cluster
        .application_that(app.app_id(), "waiting with one profile", waits)
        .await;
    app.set_target(2).await.unwrap();
    let grown = |app: &Application| of(app, 0) == [1, 1] && of(app, 4) == [2];
    cluster
        .application_that(app.app_id(), "of two and one", grown)
        .await;
    assert!(
        app.set_profile_target(9, 1).await.is_err(),
        "no such profile"
    );
    cluster.finish().await;
}

/// `max_drivers` is Spark's own brake on drivers that fill a cluster.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_drivers_run_than_max_drivers_allows_and_the_next_says_why() {
    let mut limited = options();
    limited.masters = 1;
    let most = toml::Value::Integer(1);
    limited
        .master_settings
        .insert("max_drivers".to_owned(), most);
    let cluster = start(limited).await;
    let gate = cluster.dir().join("gate");
    let first = cluster.driver_of("first", 1, &support::until(&gate));
    let first = cluster.submit(&first).await;
    cluster.running(&first.id).await;
    let second = cluster.submit(&cluster.driver_of("second", 1, "")).await;
    let why = |driver: &vesta_client::proto::Driver| {
        driver.waiting_because == "max_drivers = 1 run already"
    };
    cluster.driver_that(&second.id, "kept waiting", why).await;
    std::fs::write(&gate, "").unwrap();
    cluster.driver_in(&second.id, "FINISHED").await;
    cluster.finish().await;
}

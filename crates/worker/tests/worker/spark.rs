//! Spark's own programs, with a script for their `java`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use vesta_proto::worker_convert::RunOrder;
use vesta_types::{
    Artifact, InstanceId, InstanceReport, InstanceStatus, Launch, SparkCommand, SparkRelease,
    WorkerDescription,
};
use vesta_worker::Config;
use vesta_worker::spark::{HomeSetting, SparkHome, find};
use vesta_worker::store::InstanceOrder;

use crate::agent::Agent;
use crate::master::FakeMaster;
use crate::supervisor::{Case, object};
use crate::support::*;

/// Writes down what it was given, in its working directory, and puts a file where an executor does; told to
/// `STAY`, it waits until it may go.
const JAVA: &str = r#"#!/bin/sh
printf '%s\n' "$@" > args
env > environment
if [ -d "$SPARK_EXECUTOR_DIRS" ]; then
    stat -c %a "$SPARK_EXECUTOR_DIRS" > mode
    echo x > "$SPARK_EXECUTOR_DIRS/shuffle"
fi
while [ -n "$STAY" ] && [ ! -e go ]; do sleep 0.05; done
exit 50
"#;

/// Spark homes in a directory of the test, whose Java is a script.
struct Homes {
    dir: TempDir,
    homes: Vec<SparkHome>,
}

impl Homes {
    /// Two, of 3.5.6 and 4.0.1.
    fn new() -> Homes {
        let dir = TempDir::new().unwrap();
        let java = dir.path().join("jdk/bin/java");
        fs::create_dir_all(java.parent().unwrap()).unwrap();
        fs::write(&java, JAVA).unwrap();
        fs::set_permissions(&java, fs::Permissions::from_mode(0o755)).unwrap();
        let setting = |jar: &str| {
            let path = dir.path().join(jar);
            fs::create_dir_all(path.join("jars")).unwrap();
            fs::create_dir(path.join("conf")).unwrap();
            fs::write(path.join("jars").join(format!("{jar}.jar")), "").unwrap();
            HomeSetting {
                path,
                java_home: Some(dir.path().join("jdk")),
            }
        };
        let settings = ["spark-core_2.12-3.5.6", "spark-core_2.13-4.0.1"].map(setting);
        let homes = find(&settings, |_| None).unwrap();
        Homes { dir, homes }
    }

    fn path(&self, version: &str) -> &Path {
        let mut homes = self.homes.iter();
        &homes.find(|home| home.version == version).unwrap().path
    }

    /// The accepted order of a Spark program of this version.
    fn order(&self, instance: InstanceId, version: &str) -> InstanceOrder {
        let launch = Launch {
            spark: Some(Box::new(command(version))),
            ..Launch::default()
        };
        InstanceOrder {
            spark_homes: self.homes.clone(),
            ..accepted(RunOrder {
                launch,
                ..script(instance, "")
            })
        }
    }
}

fn command(version: &str) -> SparkCommand {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    SparkCommand {
        release: SparkRelease::of_version(version).unwrap(),
        main_class: "org.example.Main".to_owned(),
        arguments: texts(&["--id", "{{EXECUTOR_ID}}", "--worker-url", "{{WORKER_URL}}"]),
        environment: [("FOO", "{{EXECUTOR_ID}}"), ("VESTA_EPOCH", "99")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        class_path: texts(&["/x.jar"]),
        library_path: Vec::new(),
        java_opts: texts(&["-Dx={{EXECUTOR_ID}}"]),
    }
}

fn change(order: &mut InstanceOrder, change: impl FnOnce(&mut SparkCommand)) {
    change(order.run.launch.spark.as_mut().unwrap());
}

#[test]
fn a_spark_executor_runs_from_the_home_that_reads_its_command() {
    let homes = Homes::new();
    for (version, scala) in [("3.5.1", "2.12"), ("4.0.0", "2.13")] {
        let mut order = homes.order(executor(17), version);
        let gpus = ["0", "3"].map(str::to_owned).into();
        order.run.booking.named.insert("gpu".into(), gpus);
        let case = Case::new(&order);
        let agent = [
            ("SECRET_OF_AGENT", "s"),
            ("PYSPARK_PYTHON", "/agent/python"),
            ("SPARK_HOME", "/agent/spark"),
        ];
        case.start_with(&agent).wait();
        // Spark's own: an exception that nobody caught.
        assert_eq!(case.exit().code, Some(50));

        let home = match scala {
            "2.12" => homes.path("3.5.6"),
            _ => homes.path("4.0.1"),
        };
        let (home, instance) = (home.display(), case.dir.path().display());
        let resources = format!("{instance}/spark.json");
        let expected = [
            "-cp",
            &format!("/x.jar:{home}/conf:{home}/jars/*"),
            "-Xmx512M",
            "-Dx=17",
            "org.example.Main",
            "--id",
            "17",
            "--resourcesFile",
            &resources,
        ];
        assert_eq!(lines(&case.file("args")), expected);
        assert_eq!(
            lines(resources.as_ref()),
            [
                r#"[{"id":{"componentName":"spark.executor","resourceName":"gpu"},"addresses":["0","3"]}]"#
            ]
        );
        let environment = lines(&case.file("environment"));
        for wanted in [
            "FOO={{EXECUTOR_ID}}",
            "VESTA_EPOCH=3",
            &format!("VESTA_INSTANCE_ID={}", case.id),
            &format!("VESTA_APP_ID={}", object(&case.id)),
            &format!("SPARK_HOME={home}"),
            &format!("SPARK_CONF_DIR={home}/conf"),
            &format!("SPARK_SCALA_VERSION={scala}"),
            &format!("SPARK_EXECUTOR_DIRS={instance}/local"),
            "PYSPARK_PYTHON=/agent/python",
        ] {
            assert!(
                environment.iter().any(|line| line == wanted),
                "{wanted} not in {environment:#?}"
            );
        }
        for unwanted in ["SECRET_OF_AGENT", "SPARK_LOG_URL"] {
            assert!(
                !environment.iter().any(|line| line.starts_with(unwanted)),
                "{unwanted}"
            );
        }
        assert_eq!(lines(&case.file("mode")), ["700"]);
    }
}

#[test]
fn a_spark_driver_gets_its_jar_and_no_worker_to_watch() {
    let homes = Homes::new();
    let jar = homes.dir.path().join("my app.jar");
    fs::write(&jar, "jar").unwrap();
    let mut order = homes.order(driver(1), "4.0.1");
    change(&mut order, |command| {
        let arguments = ["{{WORKER_URL}}", "{{USER_JAR}}", "x{{USER_JAR}}"];
        command.arguments = arguments.map(str::to_owned).into();
    });
    order.run.launch.artifacts = vec![Artifact {
        uri: jar.display().to_string(),
    }];
    let case = Case::new(&order);
    case.start().wait();
    let placed = case.file("my app.jar");
    assert_eq!(lines(&placed), ["jar"]);
    let args = lines(&case.file("args"));
    let expected = [
        "spark://Worker@127.0.0.1:0",
        &placed.display().to_string(),
        "x{{USER_JAR}}",
    ];
    assert_eq!(args[args.len() - 3..], expected);
    let version = "-Dspark.executorEnv.VESTA_SPARK_VERSION=4.0.1".to_owned();
    assert!(args.contains(&version), "{args:?}");
    assert!(!case.dir.path().join("local").exists());
}

#[test]
fn a_command_that_no_home_here_reads_is_not_started_and_the_reason_is_told() {
    let homes = Homes::new();
    let case = Case::new(&homes.order(executor(1), "4.1.0"));
    case.start().wait();
    assert_eq!(
        case.exit().error.unwrap(),
        "it needs Spark 4.1 or later (Scala 2.13), and this worker has only Spark 3.5.6, 4.0.1"
    );
    assert!(!case.file("args").exists());
}

#[test]
fn each_disk_for_spark_s_files_gets_a_directory_of_the_executor_s_own() {
    let homes = Homes::new();
    let case = Case::new(&homes.order(executor(1), "4.0.1"));
    let disks = ["a", "b"].map(|disk| homes.dir.path().join(disk));
    let [a, b] = disks.each_ref().map(|disk| disk.display().to_string());
    case.start_with(&[("SPARK_LOCAL_DIRS", &format!("{a},{b}"))])
        .wait();
    let own = disks.map(|disk| disk.join(format!("vesta-{}", case.id)));
    let [a, b] = own.each_ref().map(|dir| dir.display().to_string());
    let wanted = format!("SPARK_EXECUTOR_DIRS={a}:{b}");
    let environment = lines(&case.file("environment"));
    assert!(environment.contains(&wanted), "{environment:#?}");
    assert!(own.iter().all(|dir| dir.is_dir()));
}

#[tokio::test]
async fn a_spark_executor_outlives_its_agent_and_its_files_go_with_it() {
    let homes = Homes::new();
    let mut order = homes.order(executor(3), "4.0.1");
    change(&mut order, |command| {
        command.environment.insert("STAY".into(), "yes".into());
    });
    let case = Case::new(&order);
    let _supervisor = case.start();
    let pid = case.wait_until_running();
    let shuffled = case.dir.path().join("local/shuffle");
    wait_async("it has put a file there", || shuffled.exists()).await;
    let master = FakeMaster::start().await;
    master.lead(1).await;
    let path = case.root.path().canonicalize().unwrap();
    let _agent = Agent::start(&path, &[&master]);
    let taken_over = |report: &InstanceReport| {
        let status = &report.status;
        matches!(status, InstanceStatus::Running { pid: now, .. } if *now == pid)
    };
    master
        .wait_for_report("it is taken over", &case.id, taken_over)
        .await;
    assert!(shuffled.exists());
    // As an executor that is told to end by its application.
    fs::write(case.file("go"), "").unwrap();
    let ended = |report: &InstanceReport| report.status.is_final();
    let report = master.wait_for_report("its end", &case.id, ended).await;
    assert!(
        matches!(&report.status, InstanceStatus::Ended { exit, .. } if exit.code == Some(50)),
        "{report:?}"
    );
    let local = case.dir.path().join("local");
    wait_async("its files are gone", || !local.exists()).await;
    assert!(case.file("args").exists());
}

#[tokio::test]
async fn what_a_killed_spark_executor_left_goes_when_the_next_agent_starts() {
    let homes = Homes::new();
    let case = Case::new(&homes.order(executor(4), "4.0.1"));
    case.start().wait();
    let local = case.dir.path().join("local");
    assert!(local.join("shuffle").exists());
    let master = FakeMaster::start().await;
    let path = case.root.path().canonicalize().unwrap();
    let _agent = Agent::start(&path, &[&master]);
    wait_async("its files are gone", || !local.exists()).await;
}

#[tokio::test]
async fn a_worker_that_is_told_of_a_spark_that_it_can_t_run_does_not_start() {
    let homes = Homes::new();
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    let wrong = HomeSetting {
        path: homes.dir.path().to_owned(),
        java_home: None,
    };
    let config = Config {
        spark_homes: vec![wrong],
        ..config(dir.path(), &[master.address.to_string()])
    };
    let error = Agent::start_with(config).result().await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("spark home") && error.contains("jars"),
        "{error}"
    );
}

#[tokio::test]
async fn a_worker_tells_which_sparks_it_runs_and_runs_what_is_ordered_from_them() {
    let homes = Homes::new();
    let (dir, master) = (Dir::new(), FakeMaster::start().await);
    master.lead(1).await;
    let setting = |version: &str| HomeSetting {
        path: homes.path(version).to_owned(),
        java_home: Some(homes.dir.path().join("jdk")),
    };
    let _agent = Agent::start_with(Config {
        spark_homes: ["3.5.6", "4.0.1"].map(setting).into(),
        ..config(dir.path(), &[master.address.to_string()])
    });
    let hello = |heard: &crate::master::Heard| heard.hellos.first().cloned();
    let hello = master.wait_for("it comes", hello).await;
    let described = WorkerDescription::try_from(hello.description.unwrap()).unwrap();
    let release = |version| SparkRelease::of_version(version).unwrap();
    let expected = ["3.5.6", "4.0.1"].map(|it| (it.to_owned(), release(it)));
    assert_eq!(described.spark_homes, expected.into());

    let id = executor(5);
    let order = homes.order(id.clone(), "3.5.0").run;
    master.order(1, 10, &[order], &[]).await;
    let ended = |report: &InstanceReport| report.status.is_final();
    let report = master.wait_for_report("its end", &id, ended).await;
    assert!(
        matches!(&report.status, InstanceStatus::Ended { exit, .. } if exit.code == Some(50)),
        "{report:?}"
    );
    let environment = lines(&dir.work(&id, "environment"));
    let home = format!("SPARK_HOME={}", homes.path("3.5.6").display());
    assert!(environment.contains(&home), "{environment:#?}");
}

//! The command lines here are those that the workers of Spark 3.5.6 and 4.0.1 were seen to make, less what
//! [`super::command`] names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use vesta_types::{SparkCommand, SparkRelease};

use super::*;

/// A command of an application or submitter of `version`.
pub(super) fn command(version: &str) -> SparkCommand {
    SparkCommand {
        release: SparkRelease::of_version(version).unwrap(),
        main_class: "org.example.Main".to_owned(),
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        class_path: Vec::new(),
        library_path: Vec::new(),
        java_opts: Vec::new(),
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn home(version: &str) -> SparkHome {
    SparkHome {
        path: "/opt/spark".into(),
        version: version.to_owned(),
        release: SparkRelease::of_version(version).unwrap(),
        java: "/jdk/bin/java".into(),
    }
}

fn around() -> Surroundings {
    Surroundings {
        environment: map(&[("LD_LIBRARY_PATH", "/opt/wl")]),
        conf_dir: Some("/opt/spark/conf".into()),
        slf4j_jars: vec!["/opt/spark/jars/slf4j-api-2.0.16.jar".into()],
        java: None,
    }
}

/// As `pyspark` of 4.0.1 sends it for `--conf spark.executor.extraClassPath=…` and so on.
fn executor_command(version: &str) -> SparkCommand {
    SparkCommand {
        main_class: "org.apache.spark.executor.CoarseGrainedExecutorBackend".to_owned(),
        arguments: texts(&[
            "--driver-url",
            "spark://CoarseGrainedScheduler@localhost:43607",
            "--executor-id",
            "{{EXECUTOR_ID}}",
            "--hostname",
            "{{HOSTNAME}}",
            "--cores",
            "{{CORES}}",
            "--app-id",
            "{{APP_ID}}",
            "--worker-url",
            "{{WORKER_URL}}",
            "--resourceProfileId",
            "{{RESOURCE_PROFILE_ID}}",
        ]),
        environment: map(&[("FOO", "bar baz"), ("SPARK_USER", "ann")]),
        class_path: texts(&["/opt/x/a.jar", "/opt/x/b"]),
        library_path: texts(&["/opt/n1", "/opt/n2"]),
        java_opts: texts(&[
            "-Dspark.driver.port=43607",
            "--add-opens=java.base/java.lang=ALL-UNNAMED",
            "-Dgreet=hello world",
            "-Dapp={{APP_ID}}",
            "-Dex={{EXECUTOR_ID}}",
        ]),
        ..command(version)
    }
}

const APP: &str = "app-20261122002638-0000";

fn local_dirs() -> Vec<PathBuf> {
    vec!["/l1/x".into(), "/l2/x".into()]
}

fn run<'a>(home: &'a SparkHome, around: &'a Surroundings, kind: Kind<'a>) -> Run<'a> {
    Run {
        home,
        surroundings: around,
        kind,
        memory_mib: 600,
        cores: 2,
        host: "w1",
        resources: None,
    }
}

fn executor(local_dirs: &[PathBuf]) -> Kind<'_> {
    Kind::Executor {
        app: APP,
        number: 3,
        profile: 1,
        local_dirs,
    }
}

#[test]
fn an_executor_s_command_line_is_that_of_spark_s_worker_but_for_the_worker_s_address() {
    let (home, around, dirs) = (home("4.0.1"), around(), local_dirs());
    let run = Run {
        resources: Some(Path::new("/i/resources.json")),
        ..run(&home, &around, executor(&dirs))
    };
    let line = command_line(&executor_command("4.0.1"), &run);
    assert_eq!(line.program, Path::new("/jdk/bin/java"));
    let expected = [
        "-cp",
        "/opt/x/a.jar:/opt/x/b:/opt/spark/conf:/opt/spark/jars/slf4j-api-2.0.16.jar:/opt/spark/jars/*",
        "-Xmx600M",
        "-Dspark.driver.port=43607",
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        "-Dgreet=hello world",
        "-Dapp=app-20261122002638-0000",
        "-Dex=3",
        "org.apache.spark.executor.CoarseGrainedExecutorBackend",
        "--driver-url",
        "spark://CoarseGrainedScheduler@localhost:43607",
        "--executor-id",
        "3",
        "--hostname",
        "w1",
        "--cores",
        "2",
        "--app-id",
        "app-20261122002638-0000",
        "--resourceProfileId",
        "1",
        "--resourcesFile",
        "/i/resources.json",
    ];
    assert_eq!(line.args, expected);
    let expected = map(&[
        ("FOO", "bar baz"),
        ("LD_LIBRARY_PATH", "/opt/n1:/opt/n2:/opt/wl"),
        ("SPARK_CONF_DIR", "/opt/spark/conf"),
        ("SPARK_EXECUTOR_DIRS", "/l1/x:/l2/x"),
        ("SPARK_HOME", "/opt/spark"),
        ("SPARK_LAUNCH_WITH_SCALA", "0"),
        ("SPARK_SCALA_VERSION", "2.13"),
        ("SPARK_USER", "ann"),
    ]);
    assert_eq!(line.env, expected);
}

#[test]
fn spark_3_5_has_no_jar_before_its_others_and_another_scala() {
    let (home, around, dirs) = (home("3.5.6"), around(), local_dirs());
    let line = command_line(
        &executor_command("3.5.6"),
        &run(&home, &around, executor(&dirs)),
    );
    assert_eq!(
        line.args[1],
        "/opt/x/a.jar:/opt/x/b:/opt/spark/conf:/opt/spark/jars/*"
    );
    assert_eq!(line.env["SPARK_SCALA_VERSION"], "2.12");
    assert!(!line.args.contains(&"--resourcesFile".to_owned()));
}

#[test]
fn a_driver_is_given_its_jar_and_an_address_of_a_worker_where_nobody_can_be() {
    let (home, around) = (home("4.0.1"), around());
    let jar = Path::new("/i/work/cap.jar");
    let kind = Kind::Driver {
        user_jar: Some(jar),
    };
    let command = SparkCommand {
        main_class: "org.apache.spark.deploy.worker.DriverWrapper".to_owned(),
        arguments: texts(&[
            "{{WORKER_URL}}",
            "{{USER_JAR}}",
            "CapMain",
            "{{CORES}}",
            "x{{USER_JAR}}",
            "--worker-url",
            "{{WORKER_URL}}",
        ]),
        java_opts: texts(&["-Dspark.app.name=CapMain", "-Dq=a b", "-Dx={{APP_ID}}"]),
        ..command("4.0.1")
    };
    let run = Run {
        resources: Some(Path::new("/i/resources.json")),
        ..run(&home, &around, kind)
    };
    let line = command_line(&command, &run);
    let expected = [
        "-cp",
        "/opt/spark/conf:/opt/spark/jars/slf4j-api-2.0.16.jar:/opt/spark/jars/*",
        "-Xmx600M",
        "-Dspark.app.name=CapMain",
        "-Dq=a b",
        "-Dx={{APP_ID}}",
        "-Dspark.executorEnv.VESTA_SPARK_VERSION=4.0.1",
        "-Dspark.driver.resourcesFile=/i/resources.json",
        "org.apache.spark.deploy.worker.DriverWrapper",
        "spark://Worker@127.0.0.1:0",
        "/i/work/cap.jar",
        "CapMain",
        "{{CORES}}",
        "x{{USER_JAR}}",
        "--worker-url",
        "spark://Worker@127.0.0.1:0",
    ];
    assert_eq!(line.args, expected);
    assert!(!line.env.contains_key("SPARK_EXECUTOR_DIRS"));
    assert!(!line.env.contains_key("LD_LIBRARY_PATH"), "as inherited");
}

#[test]
fn what_names_a_place_on_the_submitter_s_machine_does_not_count_here() {
    let home = home("4.0.1");
    let around = Surroundings {
        conf_dir: None,
        java: Some("/other/bin/java".into()),
        ..around()
    };
    let kind = Kind::Driver { user_jar: None };
    let command = SparkCommand {
        environment: map(&[
            ("SPARK_HOME", "/home/ann/spark"),
            ("SPARK_CONF_DIR", "/home/ann/conf"),
        ]),
        ..command("4.0.1")
    };
    let line = command_line(&command, &run(&home, &around, kind));
    assert_eq!(line.program, Path::new("/other/bin/java"));
    assert_eq!(line.env["SPARK_HOME"], "/opt/spark");
    assert!(!line.env.contains_key("SPARK_CONF_DIR"));
}

#[test]
fn hadoop_s_configuration_is_last_on_the_class_path_and_the_command_s_own_outweighs_the_worker_s() {
    let home = home("3.5.6");
    let mut around = around();
    around.environment = map(&[
        ("HADOOP_CONF_DIR", "/etc/hadoop"),
        ("YARN_CONF_DIR", "/etc/hadoop"),
        ("SPARK_DIST_CLASSPATH", "/d/*:/opt/spark/conf:"),
    ]);
    let mut command = command("3.5.6");
    let kind = Kind::Driver { user_jar: None };
    let class_path = |command: &SparkCommand| {
        let line = command_line(command, &run(&home, &around, kind));
        line.args[1].clone()
    };
    assert_eq!(
        class_path(&command),
        "/opt/spark/conf:/opt/spark/jars/*:/etc/hadoop:/d/*"
    );
    command.environment = map(&[("HADOOP_CONF_DIR", "/mine"), ("YARN_CONF_DIR", "")]);
    assert_eq!(
        class_path(&command),
        "/opt/spark/conf:/opt/spark/jars/*:/mine:/etc/hadoop:/d/*"
    );
}

#[test]
fn a_secret_among_the_options_reaches_the_program_but_not_its_command_line() {
    let (home, around) = (home("4.0.1"), around());
    let command = SparkCommand {
        java_opts: texts(&[
            "-Dspark.authenticate.secret=hunter1",
            "-Dspark.authenticate=true",
            "-Dspark.authenticate.secret=hunter2",
        ]),
        ..command("4.0.1")
    };
    let line = command_line(
        &command,
        &run(&home, &around, Kind::Driver { user_jar: None }),
    );
    assert!(!line.args.iter().any(|arg| arg.contains("hunter")));
    assert!(line.args.contains(&"-Dspark.authenticate=true".to_owned()));
    // As with the options, the last one counts.
    assert_eq!(line.env["_SPARK_AUTH_SECRET"], "hunter2");
}

#[test]
fn a_version_that_the_user_wants_for_executors_is_left_as_it_is() {
    let (home, around) = (home("4.0.1"), around());
    let option = "-Dspark.executorEnv.VESTA_SPARK_VERSION=4.0.0";
    let command = SparkCommand {
        java_opts: texts(&[option]),
        ..command("4.0.1")
    };
    let line = command_line(
        &command,
        &run(&home, &around, Kind::Driver { user_jar: None }),
    );
    let named: Vec<_> = line
        .args
        .iter()
        .filter(|arg| arg.contains(VERSION_VARIABLE))
        .collect();
    assert_eq!(named, [option]);
}

#[test]
fn the_addresses_that_a_program_holds_are_written_as_spark_s_worker_writes_them() {
    let addresses = |list: &[&str]| texts(list).into_iter().collect::<BTreeSet<_>>();
    let named = BTreeMap::from([
        ("fpga".to_owned(), addresses(&["f"])),
        ("gpu".to_owned(), addresses(&["1", "0"])),
    ]);
    assert_eq!(
        resources_file(&named, true).unwrap(),
        r#"[{"id":{"componentName":"spark.executor","resourceName":"fpga"},"addresses":["f"]},{"id":{"componentName":"spark.executor","resourceName":"gpu"},"addresses":["0","1"]}]"#
    );
    let driver = resources_file(&named, false).unwrap();
    assert!(
        driver.contains(r#""componentName":"spark.driver""#),
        "{driver}"
    );
    assert_eq!(resources_file(&BTreeMap::new(), true), None);
}

//! Descriptions of applications and drivers: what is read of them, how they are passed on, and that nothing shows them.

use std::collections::BTreeMap;

use vesta_javaser::{Limits, Stream, View};
use vesta_spark::message::*;
use vesta_types::SparkCommand;

use crate::fixtures::{VERSIONS, load, profile, received, release};
use crate::plain::{plain, plain_stream};

fn application(version: &str) -> RegisterApplication {
    match received(version, "RegisterApplication").message {
        FromPeer::RegisterApplication(application) => *application,
        other => panic!("{other:?}"),
    }
}

fn submitted(version: &str) -> DriverDescription {
    match received(version, "RequestSubmitDriver").message {
        FromPeer::RequestSubmitDriver(request) => request.description,
        other => panic!("{other:?}"),
    }
}

fn environment(of: &SparkCommand) -> Vec<(&str, &str)> {
    let entries = of.environment.iter();
    entries
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[test]
fn an_application_is_read_with_its_command() {
    for (version, driver_port, options, class_uid) in [
        ("3.5.6", 22005, 19, 6_817_910_790_482_746_242),
        ("4.0.1", 21005, 21, -6_369_593_179_083_993_645),
        ("4.3.0", 29005, 21, -1_872_747_411_836_192_885),
    ] {
        let application = application(version);
        assert_eq!(application.driver.endpoint, "AppClient");
        assert_eq!(application.driver.host, "127.0.0.1");
        assert_eq!(application.driver.port, driver_port);
        assert_eq!(application.driver.release, release(version));
        let of = application.description;
        assert_eq!((of.name.as_str(), of.user.as_str()), ("wire-app", "root"));
        assert_eq!((of.max_cores, of.initial_executor_limit), (None, None));
        assert_eq!(of.ui_url, "");
        let resources = [("memory".to_owned(), 512), ("offHeap".to_owned(), 0)];
        let default_profile = ResourceProfile {
            id: 0,
            executor_resources: BTreeMap::from(resources),
            class_uid,
        };
        assert_eq!(of.default_profile, default_profile);
        let command = &of.command;
        assert_eq!(command.release, release(version));
        let class = "org.apache.spark.executor.CoarseGrainedExecutorBackend";
        assert_eq!(command.main_class, class);
        assert_eq!(command.arguments[0], "--driver-url");
        let url = format!("spark://CoarseGrainedScheduler@127.0.0.1:{driver_port}");
        assert_eq!(command.arguments[1], url);
        assert_eq!(command.arguments[13..], ["{{RESOURCE_PROFILE_ID}}"]);
        let expected = [("OMP_NUM_THREADS", "1"), ("SPARK_USER", "root")];
        assert_eq!(environment(command), expected);
        assert!(command.class_path.is_empty() && command.library_path.is_empty());
        let port = format!("-Dspark.driver.port={driver_port}");
        assert_eq!(command.java_opts[0], port);
        assert!(command.java_opts.len() >= options, "{version}");
    }
}

#[test]
fn an_executor_is_launched_with_the_applications_own_description() {
    for version in VERSIONS {
        let captured = load(version, "LaunchExecutor").stream;
        let stream = Stream::read(&captured, &Limits::default()).unwrap();
        let message = stream.value().unwrap();
        let text = |field| message.get(field, View::text).unwrap();
        let launch = LaunchExecutor {
            master_url: &text("masterUrl"),
            app_id: &text("appId"),
            exec_id: 0,
            rp_id: 0,
            description: &application(version).description.payload,
            cores: 2,
            memory_mib: 512,
            resources: &Resources::new(),
        };
        let written = launch.write(&profile(version)).unwrap();
        assert_eq!(plain_stream(&written), plain(message), "{version}");
        assert!(written == captured, "{version}");
    }
}

#[test]
fn a_launch_names_the_addresses_of_resources() {
    for version in VERSIONS {
        let expected = plain_stream(&load(version, "value-resources-map-gpu").stream);
        let gpus = vec!["0".to_owned(), "1".to_owned()];
        let launch = LaunchDriver {
            driver_id: "d",
            description: &submitted(version),
            resources: &Resources::from([("gpu".to_owned(), gpus)]),
        };
        let written = launch.write(&profile(version)).unwrap();
        let stream = Stream::read(&written, &Limits::default()).unwrap();
        let resources = stream.value().unwrap().field("resources").unwrap();
        assert_eq!(plain(resources), expected);
    }
}

#[test]
fn a_driver_is_read_whole() {
    for (version, scala, options) in [
        ("3.5.6", "2.12", 11),
        ("4.0.1", "2.13", 11),
        ("4.3.0", "2.13", 11),
    ] {
        let driver = submitted(version);
        assert_eq!(driver.jar_url, "file:/opt/demo/wiremain.jar");
        assert_eq!((driver.memory_mib, driver.cores), (512, 1));
        assert!(!driver.supervise && driver.resources.is_empty());
        let command = &driver.command;
        let class = "org.apache.spark.deploy.worker.DriverWrapper";
        assert_eq!(command.main_class, class);
        let arguments = ["{{WORKER_URL}}", "{{USER_JAR}}", "WireMain", "3"];
        assert_eq!(command.arguments, arguments);
        let environment = environment(command);
        assert!(environment.contains(&("SPARK_SCALA_VERSION", scala)));
        assert_eq!(command.java_opts.len(), options);
        let memory = "-Dspark.driver.memory=512m".to_owned();
        assert!(command.java_opts.contains(&memory));
        assert!(command.class_path.is_empty() && command.library_path.is_empty());
    }
}

#[test]
fn a_driver_is_launched_from_what_was_read_of_it() {
    // Not byte for byte: a client of 4.x sends a map with a default, which holds a piece of its program, and arrays
    // where a master writes lists. Both say the same.
    for version in VERSIONS {
        let captured = load(version, "LaunchDriver").stream;
        let stream = Stream::read(&captured, &Limits::default()).unwrap();
        let id = stream.value().unwrap().get("driverId", View::text).unwrap();
        let launch = LaunchDriver {
            driver_id: &id,
            description: &submitted(version),
            resources: &Resources::new(),
        };
        let written = launch.write(&profile(version)).unwrap();
        assert_eq!(plain_stream(&written), plain_stream(&captured), "{version}");
    }
}

#[test]
fn a_driver_of_one_release_is_written_for_a_worker_of_another() {
    let mut driver = submitted("4.3.0");
    driver.supervise = true;
    driver.resources = vec![ResourceRequirement {
        name: "gpu".to_owned(),
        amount: 2,
        parts: 1,
    }];
    let more = |at: u32| (format!("NAME_{at}"), format!("value {at}"));
    driver.command.environment.extend((0..6).map(more));
    driver.command.library_path = vec!["/lib".to_owned()];
    let launch = LaunchDriver {
        driver_id: "d",
        description: &driver,
        resources: &Resources::new(),
    };
    // What the worker would say if it were asked to submit what it was told to launch.
    let [old, new] = ["3.5.6", "4.0.1"].map(|version| {
        let written = launch.write(&profile(version)).unwrap();
        let stream = Stream::read(&written, &Limits::default()).unwrap();
        let mut to = crate::hostile::messages(version);
        let description = to.import(stream.value().unwrap().field("driverDesc").unwrap());
        let bytes = to.submission(description);
        let read = FromPeer::read("Master", &bytes, &MessageLimits::default()).unwrap();
        match read.message {
            FromPeer::RequestSubmitDriver(request) => request.description,
            other => panic!("{other:?}"),
        }
    });
    for mut read in [old, new] {
        read.command.release = driver.command.release;
        assert!(read == driver);
    }
}

#[test]
fn nothing_shows_the_environment_or_the_arguments_of_a_description() {
    for version in VERSIONS {
        let application = format!("{:#?}", application(version));
        let driver = format!("{:#?}", received(version, "RequestSubmitDriver"));
        for shown in [application, driver] {
            for secret in ["SPARK_", "-Dspark", "{{", "wiremain"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}

#[test]
fn a_description_that_is_too_long_to_keep_is_refused() {
    let fixture = load("4.0.1", "RegisterApplication");
    let length = application("4.0.1").description.payload.len();
    for (limit, taken) in [(length, true), (length - 1, false)] {
        let limits = MessageLimits {
            max_description: limit,
            ..MessageLimits::default()
        };
        let read = FromPeer::read("Master", &fixture.stream, &limits);
        assert_eq!(read.is_ok(), taken);
        if let Err(error) = read {
            let expected = format!("longer than {limit} bytes");
            assert!(error.to_string().contains(&expected), "{error}");
        }
    }
}

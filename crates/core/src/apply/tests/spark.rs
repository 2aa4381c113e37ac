//! What is of Spark's: when it is taken, what is the same registration, what drivers ask for.

use std::collections::BTreeMap;

use vesta_types::limits::{EXECUTOR_TARGET_MAX, PROFILES_MAX};
use vesta_types::{
    AppId, ApplicationDescription, ApplicationState, DriverDescription, Launch, ProfileRequest,
    ResourceProfile, SparkApplication, SparkCommand, SparkPeer, SparkRelease, SparkWorker,
    WorkerDescription,
};

use super::support::*;
use crate::command::{Command, Placement, Request, SparkAsk};
use crate::reply::{Answer, RejectCode, Reply};
use crate::version::{SPARK, check_spoken, needed};

fn peer(host: &str, port: u16, endpoint: &str, version: &str) -> SparkPeer {
    SparkPeer {
        host: host.to_owned(),
        port,
        endpoint: endpoint.to_owned(),
        release: SparkRelease::of_version(version).unwrap(),
    }
}

/// Worker `n` as one of Spark's own.
pub(super) fn spark_worker(n: u16, version: &str) -> WorkerDescription {
    WorkerDescription {
        spark: Some(SparkWorker {
            peer: peer(&format!("host{n}"), 7000 + n, "Worker", version),
            web_ui: format!("http://host{n}:8081"),
        }),
        ..worker(n, 0)
    }
}

/// Worker `n` with homes of these versions.
pub(super) fn with_homes(n: u16, versions: &[&str]) -> WorkerDescription {
    let home = |version: &&str| {
        let release = SparkRelease::of_version(version).unwrap();
        ((*version).to_owned(), release)
    };
    WorkerDescription {
        spark_homes: versions.iter().map(home).collect(),
        ..worker(n, 0)
    }
}

fn spark_launch(version: &str) -> Launch {
    let command = SparkCommand {
        release: SparkRelease::of_version(version).unwrap(),
        main_class: "org.example.Main".to_owned(),
        arguments: vec!["{{WORKER_URL}}".to_owned()],
        environment: BTreeMap::from([("SPARK_USER".to_owned(), "ann".to_owned())]),
        class_path: vec!["/a.jar".to_owned()],
        library_path: vec!["/lib".to_owned()],
        java_opts: vec!["-Xss1m".to_owned()],
    };
    Launch {
        spark: Some(Box::new(command)),
        ..Launch::default()
    }
}

pub(super) fn spark_driver(version: &str) -> DriverDescription {
    DriverDescription {
        launch: spark_launch(version),
        ..driver(false)
    }
}

/// The application of a driver that listens on `port`.
pub(super) fn spark_application(version: &str, port: u16) -> ApplicationDescription {
    ApplicationDescription {
        launch: spark_launch(version),
        spark: Some(SparkApplication {
            peer: peer("host9", port, "AppClient", version),
            user: "ann".to_owned(),
        }),
        ..application(None)
    }
}

impl Cluster {
    /// Every master speaks the version that Spark needs.
    pub(super) fn speak_spark(&mut self) {
        self.apply(Command::RaiseVersion {
            epoch: self.epoch(),
            version: SPARK,
        })
        .unwrap();
    }

    pub(super) fn spark_asks(&mut self, app: &AppId, ask: SparkAsk) -> Reply {
        self.apply(Command::FromSparkDriver {
            epoch: self.epoch(),
            app: app.clone(),
            ask,
        })
    }

    pub(super) fn with_spark() -> Cluster {
        let mut cluster = Cluster::new();
        cluster.speak_spark();
        cluster
    }
}

fn profile(id: u32, memory_mib: u64, target: u32) -> ProfileRequest {
    ProfileRequest {
        profile: ResourceProfile {
            id,
            cores: Some(2),
            memory_mib,
            named: BTreeMap::new(),
        },
        target: Some(target),
    }
}

fn targets(wanted: &[ProfileRequest]) -> SparkAsk {
    SparkAsk::SetTargets {
        wanted: wanted.to_vec(),
    }
}

#[test]
fn what_is_of_spark_is_refused_until_every_master_speaks_of_it_and_taken_then() {
    let mut cluster = Cluster::new();
    let key = cluster.new_key();
    let submit = Request::SubmitDriver {
        description: spark_driver("4.0.1"),
    };
    let register = Request::RegisterApplication {
        description: spark_application("4.0.1", 1),
    };
    for round in 0..2 {
        let replies = [
            cluster.attach_as(spark_worker(1, "4.0.1"), &[]),
            cluster.attach_as(with_homes(2, &["4.0.1"]), &[]),
            cluster.with_key(key, submit.clone()),
            cluster.ask(register.clone()),
        ];
        for reply in replies {
            if round == 1 {
                reply.unwrap();
                continue;
            }
            let refused = reply.unwrap_err();
            assert_eq!(refused.code, RejectCode::State);
            assert!(refused.message.contains("version 3"), "{refused}");
        }
        cluster.speak_spark();
    }
    let app: AppId = "app-1-1".parse().unwrap();
    let before = cluster.spark_asks(&app, SparkAsk::Unregister);
    assert_rejected(before, RejectCode::NotFound);
}

#[test]
fn what_is_not_of_spark_needs_no_new_version_and_a_proposer_can_ask_before() {
    let cluster = Cluster::new();
    let epoch = cluster.epoch();
    let attach = |worker| Command::AttachWorker {
        epoch,
        worker,
        reports: Vec::new(),
    };
    let (plain, homes) = (attach(worker(0, 0)), attach(with_homes(0, &["3.5.6"])));
    assert_eq!((needed(&plain), needed(&homes)), (1, SPARK));
    assert!(check_spoken(&plain, &cluster.state).is_ok());
    assert!(check_spoken(&homes, &cluster.state).is_err());
}

#[test]
fn a_driver_that_registers_again_gets_its_application_and_another_one_its_own() {
    let mut cluster = Cluster::with_spark();
    let register = |cluster: &mut Cluster, description| match cluster
        .ask(Request::RegisterApplication { description })
    {
        Ok(Answer::Registered { app }) => app,
        Ok(Answer::Repeated(first)) => match *first {
            Answer::Registered { app } => app,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let first = register(&mut cluster, spark_application("4.0.1", 1));
    let again = ApplicationDescription {
        payload: vec![9],
        ..spark_application("4.0.1", 1)
    };
    assert_eq!(register(&mut cluster, again.clone()), first);
    cluster.lead();
    assert_eq!(register(&mut cluster, again), first, "whoever leads");
    assert_eq!(cluster.state.applications.len(), 1);
    let named = ApplicationDescription {
        name: "another".to_owned(),
        ..spark_application("4.0.1", 1)
    };
    let others = [spark_application("4.0.1", 2), spark_application("3.5.6", 1)];
    for other in others.into_iter().chain([named]) {
        let other = register(&mut cluster, other);
        assert_ne!(other, first);
    }
    cluster.spark_asks(&first, SparkAsk::Unregister).unwrap();
    assert_eq!(cluster.app(&first).state, ApplicationState::Finished);
    let anew = register(&mut cluster, spark_application("4.0.1", 1));
    assert_ne!(anew, first, "one that is over is not gone on with");
}

#[test]
fn native_applications_with_the_same_name_stay_different() {
    let mut cluster = Cluster::with_spark();
    assert_ne!(cluster.register(), cluster.register());
}

#[test]
fn targets_of_several_profiles_are_set_together_and_a_repetition_changes_nothing() {
    let mut cluster = Cluster::with_spark();
    let app = cluster.register_as(spark_application("4.0.1", 1));
    let wanted = [profile(0, 1, 3), profile(1, 512, 2), profile(2, 1024, 0)];
    cluster.spark_asks(&app, targets(&wanted)).unwrap();
    let set = cluster.app(&app).description.profiles.clone();
    let known = set.values().map(|it| (it.profile.memory_mib, it.target));
    // A profile that is known stays as it is.
    let expected = [(256, Some(3)), (512, Some(2)), (1024, Some(0))];
    assert_eq!(known.collect::<Vec<_>>(), expected);
    cluster.spark_asks(&app, targets(&wanted)).unwrap();
    assert_eq!(cluster.app(&app).description.profiles, set);
    cluster
        .spark_asks(&app, targets(&[profile(1, 512, 9)]))
        .unwrap();
    let now = &cluster.app(&app).description.profiles;
    assert_eq!(now[&1].target, Some(9));
    assert_eq!(now[&0], set[&0], "what is not named stays");
    let stale = Command::FromSparkDriver {
        epoch: cluster.epoch(),
        app: app.clone(),
        ask: targets(&[profile(0, 1, 0)]),
    };
    cluster.lead();
    assert_rejected(cluster.apply(stale), RejectCode::StaleEpoch);
}

#[test]
fn targets_that_can_t_all_be_set_leave_every_one_as_it_was() {
    let mut cluster = Cluster::with_spark();
    let app = cluster.register_as(ApplicationDescription {
        max_cores: Some(4),
        ..spark_application("4.0.1", 1)
    });
    let mut large = profile(1, 512, 1);
    large.profile.cores = Some(5);
    let refused = cluster.spark_asks(&app, targets(&[profile(0, 1, 3), large]));
    assert_rejected(refused, RejectCode::Invalid);
    let many: Vec<_> = (0..=PROFILES_MAX as u32)
        .map(|n| profile(n, 1, 1))
        .collect();
    let refused = cluster.spark_asks(&app, targets(&many));
    assert_rejected(refused, RejectCode::Limit);
    assert_eq!(cluster.app(&app).description.profiles[&0].target, None);
    let huge = targets(&[profile(0, 1, u32::MAX)]);
    cluster.spark_asks(&app, huge).unwrap();
    let target = cluster.app(&app).description.profiles[&0].target;
    assert_eq!(target, Some(EXECUTOR_TARGET_MAX), "as many as can be");
}

#[test]
fn a_launch_is_either_a_program_s_or_spark_s() {
    let mut cluster = Cluster::with_spark();
    let mut both = spark_driver("4.0.1");
    both.launch.program = "/bin/true".to_owned();
    let refused = cluster.ask(Request::SubmitDriver { description: both });
    assert_rejected(refused, RejectCode::Invalid);
    for description in [
        ApplicationDescription {
            launch: launch(),
            ..spark_application("4.0.1", 1)
        },
        ApplicationDescription {
            spark: None,
            ..spark_application("4.0.1", 1)
        },
    ] {
        let refused = cluster.ask(Request::RegisterApplication { description });
        assert_rejected(refused, RejectCode::Invalid);
    }
    let both = WorkerDescription {
        spark: spark_worker(0, "4.0.1").spark,
        ..with_homes(0, &["4.0.1"])
    };
    assert_rejected(cluster.attach_as(both, &[]), RejectCode::Invalid);
}

#[test]
fn a_plan_that_puts_something_where_it_can_t_run_is_left_out() {
    let mut cluster = Cluster::with_spark();
    cluster.attach_as(worker(0, 0), &[]).unwrap();
    cluster.attach_as(spark_worker(1, "4.0.1"), &[]).unwrap();
    cluster.attach_as(with_homes(2, &["3.5.6"]), &[]).unwrap();
    let native = (cluster.submit(false), cluster.register());
    let spark = (
        cluster.submit_as(spark_driver("4.0.1")),
        cluster.register_as(spark_application("4.0.1", 1)),
    );
    let places = |cluster: &Cluster, (driver, app): &(_, _)| -> Vec<[Placement; 2]> {
        let at = |n| {
            [
                cluster.driver_placement(driver, n),
                cluster.executor_placement(app, n),
            ]
        };
        (0..3).map(at).collect()
    };
    let [wrong, right] = [
        [(&native, 1), (&spark, 0), (&spark, 2)].as_slice(),
        [(&native, 0), (&spark, 1)].as_slice(),
    ]
    .map(|all| {
        let each = all
            .iter()
            .flat_map(|(of, n)| places(&cluster, of)[*n].clone());
        each.collect::<Vec<_>>()
    });
    assert_eq!(cluster.place(wrong), (0, 6));
    assert_eq!(cluster.place(right), (4, 0));
}

#[test]
fn descriptions_of_spark_count_with_all_their_texts() {
    let plain = |launch: &Launch| launch.bytes();
    let launch = spark_launch("4.0.1");
    assert_eq!(plain(&launch), launch.spark.as_ref().unwrap().bytes());
    let described = spark_application("4.0.1", 1);
    let without = ApplicationDescription {
        spark: None,
        ..described.clone()
    };
    let texts = "host9".len() + "AppClient".len() + "ann".len();
    assert_eq!(described.bytes() - without.bytes(), texts as u64);
    assert!(matches!(
        Cluster::with_spark().ask(Request::RegisterApplication {
            description: described
        }),
        Ok(Answer::Registered { .. })
    ));
}

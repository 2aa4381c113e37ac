use super::*;
use vesta_types::limits::{SPARK_HOMES_MAX, SPARK_VERSION_BYTES_MAX};
use vesta_types::{Artifact, ClusterId, DriverId, SparkCommand, SparkRelease};

fn instance() -> InstanceId {
    let cluster: ClusterId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
    InstanceId::driver(cluster, DriverId::mint(Timestamp(1_795_258_800_000), 3), 2)
}

fn gpus() -> BTreeMap<String, BTreeSet<String>> {
    BTreeMap::from([(
        "gpu".to_owned(),
        BTreeSet::from(["0".to_owned(), "1".to_owned()]),
    )])
}

fn worker() -> WorkerDescription {
    WorkerDescription {
        id: "worker-20261121110000-host-7710".parse().unwrap(),
        incarnation: Incarnation {
            store: Uuid::from_u128(1),
            boot: Uuid::from_u128(2),
        },
        host: "host.example".into(),
        port: 7710,
        containment: Default::default(),
        capacity: Capacity {
            cores: 4,
            memory_mib: 8192,
            named: gpus(),
        },
        spark: None,
        spark_homes: BTreeMap::from([("4.0.1".to_owned(), release())]),
    }
}

fn release() -> SparkRelease {
    SparkRelease::of_version("4.0.1").unwrap()
}

/// A launch of Spark's, which has no program beside it.
fn spark_launch() -> Launch {
    let command = SparkCommand {
        release: release(),
        main_class: "org.example.Main".into(),
        arguments: vec!["{{WORKER_URL}}".into()],
        environment: BTreeMap::from([("A".into(), "b".into())]),
        class_path: vec!["/a.jar".into()],
        library_path: vec!["/lib".into()],
        java_opts: vec!["-Xss1m".into()],
    };
    Launch {
        spark: Some(Box::new(command)),
        artifacts: order().launch.artifacts,
        ..Launch::default()
    }
}

#[test]
fn an_order_of_spark_s_survives_the_wire_and_names_no_program_beside_it() {
    let order = RunOrder {
        launch: spark_launch(),
        ..order()
    };
    let wire = worker::Run::from(&order);
    assert_eq!(RunOrder::try_from(wire.clone()), Ok(order));
    let mut both = wire;
    both.launch.as_mut().unwrap().program = "/bin/true".into();
    assert_eq!(RunOrder::try_from(both).unwrap_err().field, "launch");
}

#[test]
fn homes_that_no_worker_could_have_are_refused() {
    let spoilt = |versions: Vec<String>| {
        let homes = versions.into_iter().map(|it| (it, release().into()));
        let wire = worker::Description {
            spark_homes: homes.collect(),
            ..worker::Description::from(&worker())
        };
        WorkerDescription::try_from(wire).unwrap_err().field
    };
    let many = (0..=SPARK_HOMES_MAX).map(|n| format!("4.0.{n}"));
    for versions in [
        many.collect(),
        vec![String::new()],
        vec!["../4".to_owned()],
        vec!["4".repeat(SPARK_VERSION_BYTES_MAX + 1)],
    ] {
        assert_eq!(spoilt(versions), "spark_homes");
    }
}

fn order() -> RunOrder {
    RunOrder {
        instance: instance(),
        launch: Launch {
            program: "/bin/echo".into(),
            args: vec!["{{WORKER_URL}}".into()],
            env: BTreeMap::from([("A".into(), "b".into())]),
            artifacts: vec![Artifact {
                uri: "file:/tmp/a.jar".into(),
            }],
            spark: None,
        },
        booking: Booking {
            cores: 2,
            memory_mib: 512,
            named: gpus(),
        },
        supervise: true,
        conf: BTreeMap::from([("spark.x".into(), "1".into())]),
        profile: 0,
        name: "wordcount".into(),
        payload: vec![1, 2, 3],
        executor: Some(ExecutorSize {
            cores: 1,
            memory_mib: 256,
        }),
        lease: None,
        total_executor_cores: Some(8),
    }
}

#[test]
fn a_worker_survives_the_wire() {
    let wire = worker::Description::from(&worker());
    assert_eq!(WorkerDescription::try_from(wire), Ok(worker()));
}

#[test]
fn a_worker_that_no_scheduler_could_use_is_refused_by_field() {
    type Spoil = fn(&mut worker::Description);
    let spoils: [(&str, Spoil); 8] = [
        ("worker_id", |d| d.worker_id = "worker-../x".into()),
        ("store", |d| d.store = "7".into()),
        ("boot", |d| d.boot = String::new()),
        ("host", |d| d.host = "a b\u{1b}".into()),
        ("port", |d| d.port = 70_000),
        ("port", |d| d.port = 0),
        ("cores", |d| d.cores = 0),
        ("memory_mib", |d| d.memory_mib = u64::MAX),
    ];
    for (field, spoil) in spoils {
        let mut wire = worker::Description::from(&worker());
        spoil(&mut wire);
        let error = WorkerDescription::try_from(wire).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn an_order_survives_the_wire_with_its_payload() {
    let wire = worker::Run::from(&order());
    assert_eq!(RunOrder::try_from(wire), Ok(order()));
}

#[test]
fn one_order_that_can_t_be_read_does_not_hold_up_the_others() {
    let mut bad = worker::Run::from(&order());
    bad.cores = 0;
    let orders = worker::Orders {
        cluster_id: instance().cluster.to_string(),
        epoch: 3,
        index: 7,
        run: vec![bad, (&order()).into()],
        stop: vec!["../../etc/passwd".into(), instance().to_string()],
    };
    let (set, unread) = order_set(orders).unwrap();
    assert_eq!(set.run, vec![order()]);
    assert_eq!(set.stop, vec![instance()]);
    let fields: BTreeSet<_> = unread.iter().map(|error| error.field).collect();
    assert_eq!(fields, BTreeSet::from(["cores", "stop"]));
}

#[test]
fn half_an_executor_size_is_refused() {
    let mut wire = worker::Run::from(&order());
    wire.executor_memory_mib = None;
    assert_eq!(
        RunOrder::try_from(wire).unwrap_err().field,
        "executor_memory_mib"
    );
}

#[test]
fn every_status_survives_the_wire() {
    let at = Timestamp(5);
    let exit = Exit {
        code: None,
        signal: Some(9),
        killed: true,
        error: Some("x".into()),
    };
    let statuses = [
        InstanceStatus::Accepted,
        InstanceStatus::Running { pid: 7, since: at },
        InstanceStatus::Ended {
            exit: exit.clone(),
            at,
            ran: None,
        },
        InstanceStatus::Ended {
            exit,
            at,
            ran: Some(Ran { pid: 7, since: at }),
        },
        InstanceStatus::NeverRan {
            reason: "revoked".into(),
        },
        InstanceStatus::Interrupted {
            reason: "reboot".into(),
        },
    ];
    for status in statuses {
        let report = InstanceReport {
            instance: instance(),
            status,
            restart: 4,
        };
        assert_eq!(
            InstanceReport::try_from(worker::Instance::from(&report)),
            Ok(report)
        );
    }
}

#[test]
fn an_instance_without_a_status_says_nothing_and_is_refused() {
    let wire = worker::Instance {
        instance_id: instance().to_string(),
        restart: 0,
        status: None,
    };
    assert_eq!(InstanceReport::try_from(wire).unwrap_err().field, "status");
}

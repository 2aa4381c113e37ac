//! What a master's configuration is refused for.

use super::*;

const SAMPLE: &str = include_str!("../../../../../config/master.toml");

fn settings() -> Settings {
    let peers = ["1=a:7700/a:7701", "2=b:7700/b:7701", "3=c:7700/c:7701"];
    Settings {
        node_id: Some(1),
        data_dir: Some("data".into()),
        peers: Some(peers.map(str::to_owned).to_vec()),
        ..Settings::default()
    }
}

/// What is said of the plain settings with some of them replaced.
fn refused(with: Settings) -> String {
    with.over(settings()).check().unwrap_err().to_string()
}

fn none() -> Settings {
    Settings::default()
}

#[test]
fn the_sample_holds_the_defaults_and_names_every_setting() {
    let sample: Settings = toml::from_str(SAMPLE).unwrap();
    let defaults = Settings {
        node_id: sample.node_id,
        data_dir: sample.data_dir.clone(),
        peers: sample.peers.clone(),
        form: sample.form,
        ..Settings::default()
    };
    let names = format!("{:?}", Settings::default());
    for name in names
        .split(['{', ','])
        .skip(1)
        .filter_map(|part| part.split(':').next())
    {
        let key = format!("{} = ", name.trim());
        let mut lines = SAMPLE.lines().map(|line| line.trim_start_matches("# "));
        assert!(
            lines.any(|line| line.starts_with(&key)),
            "{name} is not in the sample"
        );
    }
    assert_eq!(sample.check().unwrap(), defaults.check().unwrap());
}

#[test]
fn one_master_needs_no_list_of_peers() {
    let alone = Settings {
        peers: None,
        ..settings()
    }
    .check()
    .unwrap();
    assert_eq!(alone.peers, std::slice::from_ref(&alone.own));
    assert_eq!(
        (alone.own.client.as_str(), alone.own.raft.as_str()),
        ("127.0.0.1:7700", "127.0.0.1:7701")
    );
    assert!(alone.warnings.is_empty());
}

#[test]
fn a_master_advertises_what_the_list_says() {
    let config = settings().check().unwrap();
    assert_eq!(config.own.client, "a:7700");
    let other = refused(Settings {
        advertise: Some("x:7700".into()),
        ..none()
    });
    assert!(
        other.contains("x:7700") && other.contains("a:7700"),
        "{other}"
    );
}

#[test]
fn clients_and_masters_can_t_come_to_the_same_port() {
    for (listen, raft) in [
        ("127.0.0.1:7700", "127.0.0.1:7700"),
        ("0.0.0.0:7700", "127.0.0.1:7700"),
    ] {
        let said = refused(Settings {
            listen: Some(listen.parse().unwrap()),
            raft_listen: Some(raft.parse().unwrap()),
            insecure: Some(true),
            ..none()
        });
        let both = format!("listen = {listen} and raft_listen = {raft}");
        assert!(said.contains(&both), "{said}");
    }
    let two_machines = Settings {
        listen: Some("127.0.0.1:7700".parse().unwrap()),
        raft_listen: Some("127.0.0.2:7700".parse().unwrap()),
        ..none()
    };
    assert!(two_machines.over(settings()).check().is_ok());
}

#[test]
fn an_even_number_of_masters_is_warned_about() {
    let two = ["1=a:1/a:2", "2=b:1/b:2"].map(str::to_owned).to_vec();
    let config = Settings {
        peers: Some(two),
        ..none()
    }
    .over(settings())
    .check()
    .unwrap();
    assert!(
        config.warnings[0].contains("2 masters"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn what_outweighs_what() {
    let below = Settings {
        heartbeat_ms: Some(50),
        snapshot_every: Some(7),
        ..settings()
    };
    let above = Settings {
        heartbeat_ms: Some(60),
        ..none()
    };
    let both = above.over(below);
    assert_eq!(
        (both.heartbeat_ms, both.snapshot_every),
        (Some(60), Some(7))
    );
}

#[test]
fn the_scale_scales_all_times_and_no_relation_between_them() {
    let config = Settings {
        time_scale: Some(0.1),
        ..none()
    }
    .over(settings())
    .check()
    .unwrap();
    assert_eq!(config.worker_timeout, Duration::from_secs(6));
    assert_eq!(config.recovery_timeout, Duration::from_secs(6));
    assert_eq!(config.app_lease, Duration::from_secs(30));
    assert_eq!(config.order_ttl, Duration::from_millis(1_500));
    assert_eq!(config.worker_heartbeat, Duration::from_millis(500));
    assert_eq!(config.election_max, Duration::from_millis(600));
}

#[test]
fn a_contradiction_names_both_values() {
    let s = |seconds| Some(Duration::from_secs(seconds));
    let open = Some("0.0.0.0:7700".parse().unwrap());
    let table = [
        (
            Settings {
                worker_timeout: s(17),
                ..none()
            },
            ["worker_timeout = 17s", "order_ttl = 15s"],
        ),
        (
            Settings {
                recovery_timeout: s(17),
                ..none()
            },
            ["recovery_timeout = 17s", "order_ttl = 15s"],
        ),
        (
            Settings {
                worker_heartbeat: s(8),
                ..none()
            },
            ["worker_heartbeat = 8s", "order_ttl = 15s"],
        ),
        (
            Settings {
                app_lease: s(14),
                ..none()
            },
            ["app_lease = 14s", "worker_heartbeat = 5s"],
        ),
        (
            Settings {
                heartbeat_ms: Some(101),
                ..none()
            },
            ["election_min_ms = 300", "heartbeat_ms = 101"],
        ),
        (
            Settings {
                election_max_ms: Some(300),
                ..none()
            },
            ["election_max_ms = 300", "election_min_ms = 300"],
        ),
        (
            Settings {
                node_id: Some(4),
                ..none()
            },
            ["node_id = 4", "1, 2, 3"],
        ),
        (
            Settings {
                listen: open,
                ..none()
            },
            ["listen = 0.0.0.0:7700", "insecure"],
        ),
        (
            Settings {
                raft_listen: open,
                ..none()
            },
            ["raft_listen = 0.0.0.0:7700", "insecure"],
        ),
    ];
    for (with, both) in table {
        let error = refused(with);
        for words in both {
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}

#[test]
fn the_least_verdict_delay_is_taken() {
    let least = Some(Duration::from_millis(17_500));
    let with = Settings {
        worker_timeout: least,
        recovery_timeout: least,
        ..none()
    };
    with.over(settings()).check().unwrap();
}

#[test]
fn a_value_that_can_t_be_used_is_named() {
    let list = |peers: &[&str]| Some(peers.iter().map(|peer| (*peer).to_owned()).collect());
    let table = [
        (
            Settings {
                node_id: None,
                ..settings()
            },
            "node_id",
        ),
        (
            Settings {
                node_id: Some(0),
                ..settings()
            },
            "node_id: 0",
        ),
        (
            Settings {
                data_dir: None,
                ..settings()
            },
            "data_dir",
        ),
        (
            Settings {
                data_dir: Some("".into()),
                ..settings()
            },
            "data_dir",
        ),
        (
            Settings {
                snapshot_every: Some(0),
                ..settings()
            },
            "snapshot_every: 0",
        ),
        (
            Settings {
                max_drivers: Some(0),
                ..settings()
            },
            "max_drivers: 0 is not a whole number from 1",
        ),
        (
            Settings {
                metrics_listen: Some("127.0.0.1:0".parse().unwrap()),
                ..settings()
            },
            "metrics_listen: 127.0.0.1:0",
        ),
        (
            Settings {
                metrics_listen: Some("10.0.0.1:7709".parse().unwrap()),
                ..settings()
            },
            "metrics_listen",
        ),
        (
            Settings {
                max_executor_retries: Some(-2),
                ..settings()
            },
            "max_executor_retries: -2",
        ),
        (
            Settings {
                heartbeat_ms: Some(1),
                ..settings()
            },
            "heartbeat_ms: 1",
        ),
        (
            Settings {
                time_scale: Some(0.0),
                ..settings()
            },
            "time_scale: 0",
        ),
        (
            Settings {
                time_scale: Some(f64::NAN),
                ..settings()
            },
            "time_scale: NaN",
        ),
        (
            Settings {
                listen: Some("127.0.0.1:0".parse().unwrap()),
                ..settings()
            },
            "listen: 127.0.0.1:0",
        ),
        (
            Settings {
                peers: list(&["a:1/a:2"]),
                ..settings()
            },
            "peers: \"a:1/a:2\"",
        ),
        (
            Settings {
                peers: list(&["0=a:1/a:2"]),
                ..settings()
            },
            "peers: \"0=a:1/a:2\"",
        ),
        (
            Settings {
                peers: list(&["1=a:1"]),
                ..settings()
            },
            "peers: \"1=a:1\"",
        ),
        (
            Settings {
                peers: list(&["1=a/a:2"]),
                ..settings()
            },
            "peers: \"1=a/a:2\"",
        ),
        (
            Settings {
                peers: list(&["1=a:1/a:2", "1=b:1/b:2"]),
                ..settings()
            },
            "two peers have id 1",
        ),
        (
            Settings {
                peers: list(&["1=a:1/a:2", "2=a:1/b:2"]),
                ..settings()
            },
            "a:1 is twice",
        ),
        (
            Settings {
                peers: list(&["1=a:1/a:1"]),
                ..settings()
            },
            "a:1 is twice",
        ),
        (
            Settings {
                peers: list(&["1=a:1/a:2"; 8]),
                ..settings()
            },
            "a list of 8",
        ),
        (
            Settings {
                advertise: Some("x".into()),
                ..settings()
            },
            "advertise: \"x\"",
        ),
    ];
    for (settings, words) in table {
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn a_master_that_listens_everywhere_must_say_where_it_is_reached() {
    let open = Settings {
        peers: None,
        listen: Some("0.0.0.0:7700".parse().unwrap()),
        insecure: Some(true),
        ..settings()
    };
    assert!(
        open.clone()
            .check()
            .unwrap_err()
            .to_string()
            .contains("advertise")
    );
    let said = Settings {
        advertise: Some("m1:7700".into()),
        ..open
    };
    assert_eq!(said.check().unwrap().own.client, "m1:7700");
}

#[test]
fn a_policy_of_selection_is_written_as_spark_writes_it() {
    use vesta_core::plan::WorkerSelection;
    for policy in WorkerSelection::ALL {
        let text = format!("worker_selection = \"{}\"", policy.as_str());
        let read: Settings = toml::from_str(&text).unwrap();
        assert_eq!(read.worker_selection, Some(policy));
        assert_eq!(units::worker_selection(policy.as_str()), Ok(policy));
    }
    let error = units::worker_selection("cores_free").unwrap_err();
    assert!(
        error.contains("\"cores_free\" is none of CORES_FREE_ASC"),
        "{error}"
    );
    let error = toml::from_str::<Settings>("worker_selection = \"CORES\"").unwrap_err();
    assert!(error.to_string().contains("CORES_FREE_DESC"), "{error}");
}

#[test]
fn spark_s_gateway_and_pages_are_behind_the_same_checks_as_its_door() {
    let at = |port: u16| Some(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    let config = Settings {
        spark_listen: at(7077),
        spark_rest_listen: at(6066),
        spark_ui_listen: at(8080),
        spark_masters: Some("spark://a:7077,b:7077".into()),
        ..none()
    };
    let spark = config.over(settings()).check().unwrap().spark.unwrap();
    assert_eq!((spark.rest, spark.ui), (at(6066), at(8080)));
    let open = |rest: bool| Settings {
        spark_listen: at(7077),
        spark_rest_listen: rest.then(|| "0.0.0.0:6066".parse().unwrap()),
        spark_ui_listen: (!rest).then(|| "0.0.0.0:8080".parse().unwrap()),
        ..none()
    };
    let said = refused(open(true));
    assert!(said.contains("spark_rest_listen"), "{said}");
    let said = refused(open(false));
    assert!(said.contains("spark_ui_listen"), "{said}");
    let said = refused(Settings {
        spark_rest_listen: at(6066),
        ..none()
    });
    assert!(said.contains("spark_listen"), "{said}");
    let said = refused(Settings {
        spark_listen: at(7077),
        spark_masters: Some("m1:7077".into()),
        ..none()
    });
    assert!(said.contains("spark_masters"), "{said}");
}

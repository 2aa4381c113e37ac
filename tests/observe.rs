//! Metrics and readiness, asked over plain HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};

use vesta_local::wait_until;

use crate::http;
use crate::support::{self, BOUND, FOR_EVER, options};

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Status and body of a page; `None` while nobody listens.
async fn get(address: SocketAddr, page: &str) -> Option<(u16, String)> {
    let reply = http::ask(address, "GET", page, "").await?;
    assert!(reply.content_type.contains("text/plain"), "{reply:?}");
    Some((reply.status, reply.body))
}

/// The samples of an exposition by name with labels, and what `promtool check metrics` would object to.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut kinds = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut samples = BTreeMap::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect(line);
            assert!(helped.insert(name.to_owned()), "{name} is described twice");
            assert!(!help.is_empty(), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert!(
                kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{line}"
            );
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect(line);
        let value: f64 = value.parse().expect(line);
        assert!(
            samples.insert(name.to_owned(), value).is_none(),
            "{name} is there twice"
        );
        let family = name.split('{').next().unwrap();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(family.chars().all(plain), "{family}");
        assert!(
            family.starts_with("vesta_") || family.starts_with("process_"),
            "{family}"
        );
        let parts = ["_bucket", "_sum", "_count"];
        let histogram = parts.iter().find_map(|part| family.strip_suffix(part));
        let histogram =
            histogram.filter(|name| kinds.get(*name).is_some_and(|it| it == "histogram"));
        let kind = kinds.get(histogram.unwrap_or(family)).expect(family);
        assert!(
            helped.contains(histogram.unwrap_or(family)),
            "{family} has no HELP"
        );
        assert_eq!(
            kind == "counter",
            family.ends_with("_total"),
            "{family} is a {kind}"
        );
        assert!(value >= 0.0, "{line}");
    }
    for (name, _) in kinds.iter().filter(|(_, kind)| *kind == "histogram") {
        let buckets = samples
            .iter()
            .filter(|(it, _)| it.starts_with(&format!("{name}_bucket")));
        let most = buckets.map(|(_, value)| *value).fold(0.0, f64::max);
        assert_eq!(most, samples[&format!("{name}_count")], "{name}");
        assert!(
            samples.contains_key(&format!("{name}_bucket{{le=\"+Inf\"}}")),
            "{name}"
        );
    }
    samples
}

async fn metrics(address: SocketAddr) -> BTreeMap<String, f64> {
    let (status, body) = get(address, "/metrics").await.unwrap();
    assert_eq!(status, 200);
    parse(&body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_shows_in_the_metrics_and_readiness_follows_the_quorum() {
    let mut cluster = support::prepare(options()).await;
    let ports: Vec<SocketAddr> = (0..3).map(|_| free_address()).collect();
    for (master, port) in cluster.masters.iter_mut().zip(&ports) {
        master.set_env("VESTA_MASTER_METRICS_LISTEN", port.to_string());
    }
    let at_worker = free_address();
    cluster.workers[0].set_env("VESTA_WORKER_METRICS_LISTEN", at_worker.to_string());
    cluster.start_all().await;
    let old = cluster.leader().await;
    let driver = cluster
        .submit(&cluster.driver_of("runs", 1, FOR_EVER))
        .await;
    cluster.running(&driver.id).await;
    let waits = cluster.submit(&cluster.driver_of("waits", 64, "")).await;

    for (at, port) in ports.iter().enumerate() {
        let ready = wait_until(format!("master {at} to be ready"), BOUND, async || {
            get(*port, "/ready").await == Some((200, "ok\n".to_owned()))
        });
        ready.await.unwrap();
        assert_eq!(get(*port, "/live").await.unwrap().0, 200);
        assert_eq!(get(*port, "/else").await.unwrap().0, 404);
        let now = metrics(*port).await;
        assert_eq!(
            now["vesta_raft_is_leader"],
            f64::from(u8::from(at == old)),
            "{now:?}"
        );
        assert_eq!(now["vesta_raft_voters"], 3.0);
        assert_eq!(now[r#"vesta_workers{state="ALIVE"}"#], 1.0);
        assert_eq!(now[r#"vesta_drivers{state="RUNNING"}"#], 1.0);
        assert_eq!(now["vesta_waiting_drivers"], 1.0);
        assert_eq!(now[r#"vesta_cores{kind="used"}"#], 1.0);
        assert!(now["vesta_log_sync_seconds_count"] > 0.0);
        assert!(now["process_resident_memory_bytes"] > 1e6);
    }
    let before = metrics(ports[old]).await;
    assert_eq!(before[r#"vesta_master_status{status="ALIVE"}"#], 1.0);
    assert!(before["vesta_leader_decision_seconds_count"] > 0.0);
    let worker = metrics(at_worker).await;
    assert_eq!(worker[r#"vesta_worker_instances{state="running"}"#], 1.0);
    assert_eq!(worker["vesta_worker_sessions"], 3.0);
    assert_eq!(get(at_worker, "/ready").await.unwrap().0, 200);

    let (_, new) = cluster.kill_leader().await;
    let after = metrics(ports[new]).await;
    for rises in [
        "vesta_raft_term",
        "vesta_elections_total",
        "vesta_apply_index",
    ] {
        assert!(
            after[rises] > before[rises],
            "{rises}: {} {}",
            before[rises],
            after[rises]
        );
    }
    assert_eq!(after["vesta_raft_is_leader"], 1.0);
    assert_eq!(after["vesta_leaderships_total"], 1.0);
    assert_eq!(after["vesta_recovered"], 1.0);
    assert_eq!(
        after[r#"vesta_drivers{state="RUNNING"}"#], 1.0,
        "it runs on"
    );

    // Without a quorum nobody is ready, and it says why; everybody lives.
    let third = (0..3).find(|at| *at != old && *at != new).unwrap();
    cluster.masters[third].kill().unwrap();
    let unready = wait_until("the last master not to be ready", BOUND, async || {
        let answer = get(ports[new], "/ready").await;
        answer.is_some_and(|(status, why)| status == 503 && why.contains("no quorum"))
    });
    unready.await.unwrap();
    assert_eq!(get(ports[new], "/live").await.unwrap().0, 200);
    cluster.restart_master(old).await;
    cluster.leader().await;
    cluster.vesta(&["kill", &driver.id.to_string()]).await;
    cluster.vesta(&["kill", &waits.id.to_string()]).await;
    cluster.finish().await;
}

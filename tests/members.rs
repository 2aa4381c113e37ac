//! Masters come, go, move and are replaced while work goes on, and nothing is lost or run twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use vesta_client::proto::{ListMastersReply, ListRequest};
use vesta_client::{Client, MasterList, new_key};
use vesta_local::{Options, wait_until};

use crate::support::{
    self, BOUND, FOR_EVER, Running, Submitted, options, start, stderr, stdout, with_key,
};

/// Short drivers, submitted one after the other for as long as this is.
struct Load {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    submitting: JoinHandle<Vec<Submitted>>,
}

impl Load {
    /// Through a client that knows the masters at `url`, and what they tell it.
    fn begin(cluster: &Running, url: &str) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let client = support::client(url);
        let driver = cluster.driver_of("load", 1, "");
        let (stopped, count) = (stop.clone(), Arc::new(AtomicUsize::new(0)));
        let accepted = count.clone();
        let submitting = tokio::spawn(async move {
            let mut submitted = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let key = new_key();
                let driver = with_key(&driver, key);
                let reply = client.submit_driver(key, &driver).await.unwrap();
                submitted.push(Submitted::new(key, &reply, &driver));
                count.fetch_add(1, Ordering::Relaxed);
                // The pace of the load.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            submitted
        });
        Load {
            stop,
            accepted,
            submitting,
        }
    }

    /// Stops it when at least 20 were accepted, however slow the machine; everything that was, once it is
    /// over.
    async fn end(self, cluster: &Running) -> Vec<Submitted> {
        let enough = wait_until("20 submissions to be accepted", BOUND, async || {
            self.accepted.load(Ordering::Relaxed) >= 20
        });
        enough.await.unwrap();
        self.stop.store(true, Ordering::Relaxed);
        let submitted = self.submitting.await.unwrap();
        for one in &submitted {
            let driver = cluster
                .driver_that(&one.id, "over", |driver| driver.ended)
                .await;
            assert_eq!(
                (driver.state.as_str(), driver.attempt),
                ("FINISHED", 1),
                "{driver:?}"
            );
        }
        submitted
    }
}

async fn masters(client: &Client) -> ListMastersReply {
    let request = ListRequest {
        state_hash: true,
        ..ListRequest::default()
    };
    client.list_masters(request).await.unwrap()
}

/// All masters that are members have come to one state.
async fn agree(cluster: &Running) {
    let client = cluster.client();
    let mut last = None;
    let alike = wait_until("one hash on all masters", BOUND, async || {
        let masters = masters(&client).await.masters;
        let mut states = masters
            .iter()
            .map(|one| (one.hash_index, one.state_hash.clone()));
        let first = states.next().unwrap();
        let alike = !first.1.is_empty() && states.all(|one| one == first);
        last = Some(masters);
        alike
    });
    let alike = alike.await;
    assert!(alike.is_ok(), "{last:#?}");
}

/// Runs `vesta cluster …`, which must succeed.
async fn change(url: &str, args: &[&str]) -> String {
    let args = [&["cluster"], args].concat();
    let output = support::vesta(url, &args).await;
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

async fn refused(url: &str, args: &[&str]) -> String {
    let args = [&["cluster"], args].concat();
    let output = support::vesta(url, &args).await;
    assert_eq!(
        output.status.code(),
        Some(1),
        "{args:?}: {}",
        stderr(&output)
    );
    stderr(&output)
}

/// Starts one more master and makes it a member, asked of the masters at `url`.
async fn join(cluster: &mut Running, url: &str) -> usize {
    let (at, named) = cluster.add_master().unwrap();
    cluster.masters[at].start().unwrap();
    let said = change(url, &["add", &named]).await;
    assert_eq!(said, format!("node {} is a voter", at + 1));
    at
}

/// Removes the master at `at`, which ends by itself.
async fn leave(cluster: &mut Running, url: &str, at: usize) {
    let id = (at + 1).to_string();
    change(url, &["remove", &id]).await;
    let status = cluster.masters[at].wait(BOUND).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1));
    let log = cluster.masters[at].log_text();
    assert!(log.contains("no longer, a member of the cluster"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_masters_are_replaced_under_load_and_nothing_is_lost() {
    let mut cluster = start(Options {
        cores: 6,
        ..options()
    })
    .await;
    let first = cluster.master_url();
    let (told, gate) = (cluster.dir().join("told"), cluster.dir().join("gate"));
    let body = format!(
        "if [ $VESTA_RESTART = 0 ]; then {}; exit 1; fi; echo \"$VESTA_MASTER\" > '{}'",
        support::until(&gate),
        told.display()
    );
    let mut again = cluster.driver_of("again", 1, &body);
    again.supervise = true;
    let again = cluster.submit(&again).await;
    cluster.running(&again.id).await;
    let load = Load::begin(&cluster, &first);
    // Its client, its worker and its own driver know the first three masters alone.
    let (app, _events) = cluster
        .app_of("stays", 2, FOR_EVER)
        .register()
        .await
        .unwrap();
    let live = |app: &vesta_client::proto::Application| {
        let live = app
            .executors
            .iter()
            .filter(|one| !one.ended && one.pid != 0);
        live.map(|one| (one.number, one.pid)).collect::<Vec<_>>()
    };
    let before = cluster
        .application_that(app.app_id(), "running two executors", |app| {
            live(app).len() == 2
        })
        .await;

    for old in 0..3 {
        let url = cluster.master_url();
        join(&mut cluster, &url).await;
        leave(&mut cluster, &url, old).await;
    }
    let reply = masters(&cluster.client()).await;
    let ids: Vec<u64> = reply.masters.iter().map(|master| master.node_id).collect();
    assert_eq!(ids, [4, 5, 6]);
    assert!(reply.masters.iter().all(|master| master.voter));

    // The application follows: what it asks for is done, and what it had is untouched.
    let asked = tokio::time::timeout(BOUND, app.set_target(3)).await;
    asked.unwrap().unwrap();
    let after = cluster
        .application_that(app.app_id(), "running three executors", |app| {
            live(app).len() == 3
        })
        .await;
    assert!(
        live(&before).iter().all(|one| live(&after).contains(one)),
        "{before:?} {after:?}"
    );

    let submitted = load.end(&cluster).await;
    assert!(submitted.len() >= 20, "{}", submitted.len());
    agree(&cluster).await;

    // D29: what is launched, or launched again, is told of the masters that there are now.
    std::fs::write(&gate, "").unwrap();
    cluster.driver_in(&again.id, "FINISHED").await;
    let told = std::fs::read_to_string(told).unwrap();
    let told: MasterList = told.parse().unwrap();
    let mut told = told.addresses().to_vec();
    let mut now: Vec<String> = cluster.masters[3..]
        .iter()
        .map(|master| master.address().to_string())
        .collect();
    told.sort();
    now.sort();
    assert_eq!(told, now);

    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_masters_are_restarted_one_by_one_under_load_and_nothing_is_lost() {
    let mut cluster = start(options()).await;
    let load = Load::begin(&cluster, &cluster.master_url());
    let (app, _events) = cluster
        .app_of("stays", 2, FOR_EVER)
        .register()
        .await
        .unwrap();
    let pids = async |cluster: &Running| {
        let running = cluster.application_that(app.app_id(), "running two executors", |app| {
            app.executors
                .iter()
                .filter(|one| !one.ended && one.pid != 0)
                .count()
                == 2
        });
        let running = running.await;
        running
            .executors
            .iter()
            .map(|one| one.pid)
            .collect::<Vec<_>>()
    };
    let before = pids(&cluster).await;
    for round in 0..2 {
        for at in 0..3 {
            // Half of them in order, with a hand-over, half of them not.
            if (round + at) % 2 == 0 {
                assert!(
                    cluster.masters[at].stop(BOUND).await.unwrap(),
                    "it ends by itself"
                );
            } else {
                cluster.masters[at].kill().unwrap();
            }
            cluster.restart_master(at).await;
            cluster.leader().await;
        }
    }
    let submitted = load.end(&cluster).await;
    assert!(submitted.len() >= 20, "{}", submitted.len());
    assert_eq!(pids(&cluster).await, before, "no executor was touched");
    agree(&cluster).await;
    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_bounded_under_load_and_a_wiped_master_comes_back_by_snapshot_under_a_new_id()
{
    let every = 60;
    let mut options = options();
    options.master_settings = toml::toml! { snapshot_every = 60 };
    let mut cluster = start(options).await;
    let load = Load::begin(&cluster, &cluster.master_url());
    let leader = cluster.leader().await;
    let wiped = (0..3).find(|at| *at != leader).unwrap();
    cluster.masters[wiped].kill().unwrap();
    let rest: Vec<u64> = (1..=3).filter(|id| *id != wiped as u64 + 1).collect();
    let client = cluster.client();
    let mut longest = 0;
    let bounded = wait_until("several snapshots", BOUND, async || {
        let masters = masters(&client).await.masters;
        let alive: Vec<_> = masters
            .iter()
            .filter(|one| rest.contains(&one.node_id))
            .collect();
        let length = |one: &&vesta_client::proto::Master| one.last_log_index - one.purged_index;
        longest = alive.iter().map(length).max().unwrap_or(0).max(longest);
        alive.len() == 2 && alive.iter().all(|one| one.purged_index > every * 3)
    });
    bounded.await.unwrap();
    assert!(
        longest <= every * 5,
        "{longest} entries are kept of a log of which {every} make a snapshot"
    );

    // Its directory is lost. Under its old id it is refused; so is that id for anybody, for good.
    std::fs::remove_dir_all(cluster.masters[wiped].dir()).unwrap();
    let own = cluster.configure_alone(wiped).unwrap();
    cluster.masters[wiped].start().unwrap();
    let url = cluster.master_url();
    let id = (wiped + 1).to_string();
    let said = refused(&url, &["add", &own]).await;
    assert!(said.contains("another data directory"), "{said}");
    change(&url, &["remove", &id]).await;
    let said = refused(&url, &["add", &own]).await;
    assert!(said.contains("was used before"), "{said}");
    cluster.masters[wiped].kill().unwrap();

    let at = join(&mut cluster, &url).await;
    cluster.caught_up(at).await;
    let reply = masters(&cluster.client()).await;
    let newcomer = reply
        .masters
        .iter()
        .find(|one| one.node_id == at as u64 + 1)
        .unwrap();
    assert!(
        newcomer.snapshot_index > 0,
        "the log's beginning is gone, so it came by snapshot"
    );
    let submitted = load.end(&cluster).await;
    agree(&cluster).await;
    // What it has of snapshot and log is the same after a restart, too.
    cluster.masters[at].kill().unwrap();
    cluster.restart_master(at).await;
    agree(&cluster).await;
    cluster.assert_ran_once(&submitted);
    cluster.finish().await;
}

/// D37. A master comes back under another address.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_moved_is_added_again_and_workers_follow_it_there() {
    let mut cluster = start(options()).await;
    let leader = cluster.leader().await;
    let moves = (0..3).find(|at| *at != leader).unwrap();
    let url = cluster.url_of(leader);
    cluster.masters[moves].kill().unwrap();
    let named = cluster.move_master(moves).unwrap();
    cluster.masters[moves].start().unwrap();
    change(&url, &["add", &named]).await;
    cluster.caught_up(moves).await;
    let id = (moves + 1).to_string();
    let said = change(&url, &["transfer", &id]).await;
    assert_eq!(said, format!("node {id} leads"));
    assert_eq!(cluster.leader().await, moves);
    let driver = cluster.submit(&cluster.driver_of("there", 1, "")).await;
    cluster.driver_in(&driver.id, "FINISHED").await;
    cluster.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_shown_and_what_can_t_be_done_with_them_is_refused_with_its_reason() {
    let mut cluster = start(Options {
        masters: 1,
        workers: 0,
        ..options()
    })
    .await;
    let url = cluster.master_url();
    let said = refused(&url, &["remove", "1"]).await;
    assert!(said.contains("is the only voter"), "{said}");
    let said = refused(&url, &["remove", "9"]).await;
    assert!(said.contains("there is no member 9"), "{said}");
    let said = refused(&url, &["transfer"]).await;
    assert!(said.contains("nobody to hand over to"), "{said}");
    let said = refused(
        &url,
        &["add", "--timeout", "1s", "2=127.0.0.1:1/127.0.0.1:2"],
    )
    .await;
    assert!(said.contains("start it first"), "{said}");
    let own = cluster.masters[0].address();
    let said = refused(&url, &["add", &format!("2={own}/127.0.0.1:2")]).await;
    assert!(said.contains("is an address of node 1"), "{said}");
    let usage = support::vesta(&url, &["cluster", "add", "2=nothing"]).await;
    assert_eq!(usage.status.code(), Some(2));
    assert!(
        stderr(&usage).contains("ID=CLIENTS/RAFT"),
        "{}",
        stderr(&usage)
    );

    join(&mut cluster, &url).await;
    let shown = change(&url, &["members"]).await;
    for fact in [
        "leader",
        "voter",
        "rules of version ",
        "2 voters",
        "loss of 0",
    ] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }
    let json = support::vesta(&url, &["cluster", "members", "--json"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let hashes: Vec<&str> = json["masters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|master| master["state_hash"].as_str().unwrap())
        .collect();
    assert!(hashes.iter().all(|hash| hash.len() == 16), "{hashes:?}");

    // With one of two gone nothing can be committed; with one of three, one may go.
    let third = join(&mut cluster, &url).await;
    let leader = cluster.leader().await;
    let other = (0..3).find(|at| *at != leader && *at != third).unwrap();
    cluster.masters[third].kill().unwrap();
    let id = (other + 1).to_string();
    let mut said = String::new();
    wait_until("its silence to be noticed", BOUND, async || {
        let output = support::vesta(&url, &["cluster", "remove", &id]).await;
        said = stderr(&output);
        output.status.code() == Some(1)
    })
    .await
    .unwrap();
    assert!(said.contains("nothing is heard of 3"), "{said}");
    cluster.finish().await;
}

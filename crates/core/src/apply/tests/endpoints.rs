//! The endpoint directory.

use proptest::prelude::*;
use vesta_types::limits::ENDPOINTS_PER_OWNER_MAX;
use vesta_types::{Exit, InstanceId};

use super::support::*;
use crate::command::Request;
use crate::reply::{RejectCode, Reply};
use crate::state::EndpointOwner;

fn publish(cluster: &mut Cluster, by: &InstanceId, restart: u32, address: &str) -> Reply {
    named(cluster, by, restart, "rpc", address)
}

fn named(cluster: &mut Cluster, by: &InstanceId, restart: u32, name: &str, address: &str) -> Reply {
    cluster.ask(Request::PublishEndpoint {
        instance: by.clone(),
        restart,
        name: name.to_owned(),
        address: address.to_owned(),
    })
}

/// The only endpoint named `rpc` that there is.
fn rpc(cluster: &Cluster) -> Option<&str> {
    let mut all = cluster.state.endpoints.values();
    let found = all.next()?.get("rpc").map(|it| it.address.as_str());
    assert!(all.next().is_none());
    found
}

#[test]
fn an_endpoint_is_there_until_its_driver_ends_and_over_a_change_of_leader() {
    let mut cluster = Cluster::with_workers(1);
    let (id, instance) = cluster.running_driver(false, 0);
    publish(&mut cluster, &instance, 0, "h:1").unwrap();
    publish(&mut cluster, &instance, 0, "h:2").unwrap();
    assert_eq!(rpc(&cluster), Some("h:2"));
    cluster.lead();
    assert_eq!(rpc(&cluster), Some("h:2"), "its owner has not answered yet");
    cluster.attach(0, 0, &[runs(&instance)]);
    assert_eq!(rpc(&cluster), Some("h:2"));
    cluster.report(0, &[exited(&instance, 0)]);
    assert!(cluster.state.endpoints.is_empty());
    let refused = publish(&mut cluster, &instance, 0, "h:3");
    assert_rejected(refused, RejectCode::State);
    assert!(cluster.state.drivers.contains_key(&id));
}

#[test]
fn an_old_attempt_does_not_overwrite_what_the_new_one_published() {
    let mut cluster = Cluster::with_workers(2);
    let (id, first) = cluster.running_driver(true, 0);
    publish(&mut cluster, &first, 0, "old:1").unwrap();
    cluster.lose(0);
    assert!(cluster.state.endpoints.is_empty(), "its attempt is over");
    let second = cluster.place_driver(&id, 1);
    publish(&mut cluster, &second, 0, "new:1").unwrap();
    assert_rejected(publish(&mut cluster, &first, 0, "old:2"), RejectCode::State);
    // Nor does an attempt that was never made.
    let future = InstanceId::driver(cluster_id(), id, 3);
    assert_rejected(publish(&mut cluster, &future, 0, "x:1"), RejectCode::State);
    assert_eq!(rpc(&cluster), Some("new:1"));
}

#[test]
fn a_restart_takes_over_from_the_one_before_even_before_its_worker_has_reported_it() {
    let mut cluster = Cluster::with_workers(1);
    let (_, instance) = cluster.running_driver(true, 0);
    publish(&mut cluster, &instance, 0, "first:1").unwrap();
    named(&mut cluster, &instance, 0, "ui", "first:2").unwrap();
    publish(&mut cluster, &instance, 1, "second:1").unwrap();
    assert_eq!(rpc(&cluster), Some("second:1"));
    let owned = cluster.state.endpoints.values().next().unwrap();
    assert_eq!(
        owned.len(),
        1,
        "what the first run had published went with it"
    );
    assert_rejected(
        publish(&mut cluster, &instance, 0, "first:1"),
        RejectCode::State,
    );
    let mut report = runs(&instance);
    report.restart = 2;
    cluster.report(0, &[report]);
    assert_eq!(rpc(&cluster), None, "the second run is over");
}

#[test]
fn an_executor_s_endpoint_goes_with_it() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    publish(&mut cluster, &executor, 0, "e:1").unwrap();
    assert_eq!(rpc(&cluster), Some("e:1"));
    let exit = Exit {
        code: Some(1),
        ..Exit::default()
    };
    cluster.report(0, &[ended(&executor, exit)]);
    assert!(cluster.state.endpoints.is_empty());
    assert_rejected(
        publish(&mut cluster, &executor, 0, "e:2"),
        RejectCode::State,
    );
}

#[test]
fn a_run_has_only_so_many_names() {
    let mut cluster = Cluster::with_workers(1);
    let (_, instance) = cluster.running_driver(false, 0);
    for n in 0..ENDPOINTS_PER_OWNER_MAX {
        named(&mut cluster, &instance, 0, &format!("n{n}"), "h:1").unwrap();
    }
    let refused = named(&mut cluster, &instance, 0, "more", "h:1");
    assert_rejected(refused, RejectCode::Limit);
    named(&mut cluster, &instance, 0, "n4", "h:9").unwrap();
}

#[derive(Clone, Debug)]
enum Event {
    /// By which attempt, counted back from the current one, in which restart.
    Publish(u32, u32, u8),
    Restarted(u32),
    Lose(u16),
    Place(u16),
    Lead,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..3u32, 0..4u32, any::<u8>())
            .prop_map(|(a, r, address)| Event::Publish(a, r, address)),
        2 => (0..4u32).prop_map(Event::Restarted),
        1 => (0..2u16).prop_map(Event::Lose),
        3 => (0..2u16).prop_map(Event::Place),
        1 => Just(Event::Lead),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in whatever order: what is found was published by the newest run that ever spoke
    /// or was reported, and by nobody while the driver waits.
    #[test]
    fn only_the_newest_run_is_ever_found(events in prop::collection::vec(event(), 1..60)) {
        let mut cluster = Cluster::with_workers(2);
        let id = cluster.submit(true);
        // The run that counts, if one is placed; and what it has published.
        let mut newest: Option<(u32, u32)> = None;
        let mut expected: Option<String> = None;
        for event in events {
            let attempt = cluster.driver(&id).attempt;
            match event {
                Event::Publish(back, restart, address) => {
                    let by = attempt.saturating_sub(back);
                    let instance = InstanceId::driver(cluster_id(), id.clone(), by);
                    let address = format!("h{by}-{restart}:{address}");
                    let answer = publish(&mut cluster, &instance, restart, &address);
                    let may = newest.is_some_and(|run| (by, restart) >= run);
                    prop_assert_eq!(answer.is_ok(), may, "{:?} {} {}", newest, by, restart);
                    if may {
                        expected = Some(address);
                        newest = Some((by, restart));
                    }
                }
                Event::Restarted(restart) => {
                    let Some((by, last)) = newest else { continue };
                    let on = cluster.driver(&id).placement.as_ref().unwrap().worker.clone();
                    let on = u16::from(on == worker_id(1));
                    let instance = InstanceId::driver(cluster_id(), id.clone(), by);
                    let mut report = runs(&instance);
                    report.restart = restart;
                    if !cluster.state.is_confirmed(&cluster.state.workers[&worker_id(on)]) {
                        cluster.attach(on, 0, &[report]);
                    } else {
                        cluster.report(on, &[report]);
                    }
                    if restart > last {
                        newest = Some((by, restart));
                        expected = None;
                    }
                }
                Event::Lose(n) => {
                    let on = cluster.driver(&id).placement.as_ref().map(|it| it.worker.clone());
                    cluster.lose(n);
                    cluster.attach(n, 0, &[]);
                    if on == Some(worker_id(n)) {
                        newest = None;
                        expected = None;
                    }
                }
                Event::Place(n) => {
                    if cluster.driver(&id).placement.is_some()
                        || !cluster.state.is_confirmed(&cluster.state.workers[&worker_id(n)])
                    {
                        continue;
                    }
                    cluster.place_driver(&id, n);
                    newest = Some((cluster.driver(&id).attempt, 0));
                }
                Event::Lead => {
                    cluster.lead();
                },
            }
            let owner = EndpointOwner::Driver(id.clone());
            let found = cluster.state.endpoints.get(&owner).and_then(|it| it.get("rpc"));
            prop_assert_eq!(found.map(|it| it.address.clone()), expected.clone());
        }
    }
}

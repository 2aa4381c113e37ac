//! What a worker is told.

use super::support::*;
use crate::orders::{Should, for_worker};

#[test]
fn a_worker_runs_what_is_placed_on_it_and_stops_what_was_asked_to_end() {
    let mut cluster = Cluster::with_workers(2);
    let (kept, kept_instance) = cluster.running_driver(false, 0);
    let (ending, ending_instance) = cluster.running_driver(false, 0);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    cluster.running_executor(&app, 1);
    cluster.kill(&ending).unwrap();
    let orders = for_worker(&cluster.state, &worker_id(0));
    let run: Vec<_> = orders
        .run
        .iter()
        .map(|(instance, _)| instance.clone())
        .collect();
    assert_eq!(run, [kept_instance, executor]);
    assert_eq!(orders.stop, [ending_instance]);
    match (orders.run[0].1, orders.run[1].1) {
        (Should::Driver(driver), Should::Executor(of, executor)) => {
            assert_eq!((&driver.id, &of.id, executor.number), (&kept, &app, 0));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_worker_that_is_unknown_or_dead_has_no_orders() {
    let mut cluster = Cluster::with_workers(1);
    cluster.running_driver(true, 0);
    cluster.lose(0);
    for n in [0, 5] {
        let orders = for_worker(&cluster.state, &worker_id(n));
        assert!(orders.run.is_empty() && orders.stop.is_empty());
    }
}

#[test]
fn orders_are_sorted_and_name_nothing_twice() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    for _ in 0..4 {
        cluster.running_executor(&app, 0);
    }
    cluster.running_driver(false, 0);
    let stop = cluster.register();
    for _ in 0..3 {
        cluster.running_executor(&stop, 0);
    }
    cluster.expire(&stop).unwrap();
    let orders = for_worker(&cluster.state, &worker_id(0));
    assert!(orders.run.iter().map(|(instance, _)| instance).is_sorted());
    assert!(orders.stop.is_sorted());
    assert_eq!((orders.run.len(), orders.stop.len()), (5, 3));
}

//! Ports that launches ask for by name.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::ports::PORT;
use vesta_types::{DriverDescription, WorkerDescription};

use super::support::*;
use crate::command::{Placement, Request};
use crate::plan::{Policy, Reasons, plan};

/// Worker 0 with these ports.
fn with_ports(ports: &[&str]) -> Cluster {
    let mut cluster = Cluster::new();
    let mut description: WorkerDescription = worker(0, 0);
    let ports: BTreeSet<String> = ports.iter().map(|port| (*port).to_owned()).collect();
    if !ports.is_empty() {
        description.capacity.named.insert(PORT.to_owned(), ports);
    }
    cluster.attach_as(description, &[]).unwrap();
    cluster
}

fn asking(args: &[&str]) -> DriverDescription {
    let mut description = driver(true);
    description.launch.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    description
}

fn place_all(cluster: &mut Cluster) -> Vec<Placement> {
    let plan = plan(&cluster.state, &Policy::default()).placements;
    cluster.place(plan.clone());
    plan
}

#[test]
fn each_driver_gets_ports_of_its_own_and_waits_while_none_is_free() {
    let mut cluster = with_ports(&["20000", "20001", "20002"]);
    let first = cluster.submit_as(asking(&["{{PORT:ui}}", "{{PORT:rpc}}"]));
    let second = cluster.submit_as(asking(&["{{PORT:ui}}"]));
    let third = cluster.submit_as(asking(&["{{PORT:ui}}"]));
    place_all(&mut cluster);
    let held = |id| {
        let placement = cluster.driver(id).placement.as_ref();
        placement.map(|it| it.booking.named[PORT].clone())
    };
    let (one, two) = (held(&first).unwrap(), held(&second).unwrap());
    assert_eq!((one.len(), two.len()), (2, 1));
    assert!(one.is_disjoint(&two));
    assert_eq!(held(&third), None);
    let why = Reasons::of(&cluster.state, &Policy::default()).driver(cluster.driver(&third));
    assert!(why.unwrap().contains("1 × port"));

    let instance = cluster.instance(&second);
    cluster.report(0, &[exited(&instance, 0)]);
    place_all(&mut cluster);
    let third = cluster.driver(&third).placement.as_ref().unwrap();
    assert_eq!(third.booking.named[PORT], two);
}

#[test]
fn on_workers_without_a_range_it_waits_and_says_why() {
    let mut cluster = with_ports(&[]);
    let id = cluster.submit_as(asking(&["{{PORT:ui}}"]));
    assert!(place_all(&mut cluster).is_empty());
    let why = Reasons::of(&cluster.state, &Policy::default()).driver(cluster.driver(&id));
    let why = why.unwrap();
    assert!(
        why.contains("no registered worker") && why.contains("1 × port"),
        "{why}"
    );
}

#[test]
fn every_executor_gets_the_ports_that_its_application_s_launch_names() {
    let mut cluster = with_ports(&["20000", "20001", "20002"]);
    let mut description = application(None);
    description
        .launch
        .env
        .insert("UI".to_owned(), "{{PORT:ui}}".to_owned());
    let mut more = description.profiles[&0].clone();
    more.profile.id = 1;
    more.profile.named = BTreeMap::from([(PORT.to_owned(), 1)]);
    more.target = Some(1);
    description.profiles.get_mut(&0).unwrap().target = Some(1);
    let app = cluster.register_as(description);
    for _ in 0..2 {
        let wanted = more.clone();
        let app = app.clone();
        let added = cluster.ask(Request::AddProfile { app, wanted });
        added.expect("the same profile again is the same");
    }
    place_all(&mut cluster);
    let ports = |number| cluster.executor(&app, number).booking.named[PORT].len();
    assert_eq!((ports(0), ports(1)), (1, 2));
}

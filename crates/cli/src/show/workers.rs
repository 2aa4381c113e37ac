//! Workers.

use std::collections::{BTreeMap, BTreeSet};

use vesta_client::proto::Worker;
use vesta_types::Containment;

use super::table::{Rows, fitting};
use crate::units::show_memory;

/// The workers, in at most `width` characters if that is given.
pub fn workers(workers: &[Worker], width: Option<usize>) -> String {
    let cores = |worker: &Worker| format!("{}/{}", worker.cores_used, worker.cores);
    let memory = |worker: &Worker| {
        let used = show_memory(worker.memory_used_mib);
        format!("{used}/{}", show_memory(worker.memory_mib))
    };
    let heard = |worker: &Worker| {
        let ago = |ms| format!("{:.1} s ago", ms as f64 / 1000.0);
        worker.last_heard_ms.map_or_else(|| "-".to_owned(), ago)
    };
    let row = |worker: &Worker| {
        [
            worker.id.clone(),
            worker.state.clone(),
            format!("{}:{}", worker.host, worker.port),
            cores(worker),
            memory(worker),
            worker.drivers.to_string(),
            worker.executors.to_string(),
            heard(worker),
            worker_notes(worker),
        ]
    };
    let heading = [
        "WORKER",
        "STATE",
        "ADDRESS",
        "CORES",
        "MEMORY",
        "DRIVERS",
        "EXECUTORS",
        "HEARD",
        "NOTES",
    ];
    let wide = Rows::new(heading, workers.iter().map(row).collect());
    fitting(&wide, width, |width| {
        let row = |worker: &Worker| {
            [
                worker.id.clone(),
                worker.state.clone(),
                cores(worker),
                memory(worker),
                heard(worker),
            ]
        };
        let heading = ["WORKER", "STATE", "CORES", "MEMORY", "HEARD"];
        let notes = workers.iter().map(worker_notes).collect();
        Rows::new(heading, workers.iter().map(row).collect()).lines_in(width, None, notes)
    })
}

/// What is left of a drained worker, and until when; `None` if it is not drained.
pub fn drain(worker: &Worker) -> Option<String> {
    let drain = worker.drain.as_ref()?;
    let supervised = worker.drivers.saturating_sub(drain.unsupervised);
    let counts = [
        (worker.executors, "executor", "executors"),
        (supervised, "supervised driver", "supervised drivers"),
    ];
    let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
    let named = |(count, one, many)| format!("{count} {}", if count == 1 { one } else { many });
    let left: Vec<String> = counts.map(named).collect();
    let mut text = if left.is_empty() {
        String::new()
    } else {
        let when = match drain.left_ms {
            _ if drain.over => "being moved".to_owned(),
            Some(ms) => format!("to be moved in {} s", ms / 1_000),
            None => format!(
                "to be moved {} s after it was drained",
                drain.deadline_ms / 1_000
            ),
        };
        format!("{} {when}", left.join(", "))
    };
    if drain.unsupervised > 0 {
        let and = if text.is_empty() { "" } else { "; " };
        let s = if drain.unsupervised == 1 { "" } else { "s" };
        text.push_str(&format!(
            "{and}waits for {} unsupervised driver{s}",
            drain.unsupervised
        ));
    }
    Some(if text.is_empty() {
        "drained: nothing is left".to_owned()
    } else {
        format!("drained: {text}")
    })
}

fn worker_notes(worker: &Worker) -> String {
    let mut notes = Vec::new();
    let registered: BTreeMap<_, _> = worker.addresses.iter().collect();
    for (name, all) in registered {
        let used = worker.addresses_used.get(name);
        let used = used.map_or(0, |used| used.addresses.len());
        notes.push(format!("{name} {used}/{}", all.addresses.len()));
    }
    if !worker.spark.is_empty() {
        notes.push(format!("a Spark worker: {}", worker.spark));
    }
    let homes: BTreeSet<&str> = worker.spark_homes.keys().map(String::as_str).collect();
    if !homes.is_empty() {
        let homes: Vec<&str> = homes.into_iter().collect();
        notes.push(format!("Spark homes: {}", homes.join(" ")));
    }
    notes.extend(drain(worker));
    if worker.suspect {
        notes.push("its connection is broken".to_owned());
    }
    let counts = [
        (worker.stopping, "to be stopped"),
        (worker.quarantined, "that the state can't explain"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        notes.push(format!("{count} {what}"));
    }
    // What a Spark worker does with its processes is its own.
    if worker.spark.is_empty() && worker.containment == Containment::ProcessGroups.as_str() {
        notes.push("no cgroups".to_owned());
    }
    if worker.stale_orders_refused > 0 {
        notes.push(format!(
            "{} stale orders refused",
            worker.stale_orders_refused
        ));
    }
    notes.join(", ")
}

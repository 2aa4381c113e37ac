//! Workers.

use std::collections::BTreeMap;

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

fn worker_notes(worker: &Worker) -> String {
    let mut notes = Vec::new();
    let registered: BTreeMap<_, _> = worker.addresses.iter().collect();
    for (name, all) in registered {
        let used = worker.addresses_used.get(name);
        let used = used.map_or(0, |used| used.addresses.len());
        notes.push(format!("{name} {used}/{}", all.addresses.len()));
    }
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
    if worker.containment == Containment::ProcessGroups.as_str() {
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

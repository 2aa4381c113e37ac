//! A worker.

use serde::Serialize;
use vesta_core::Worker;

use super::{Resources, Seen, resources};

#[derive(Serialize)]
pub(super) struct WorkerInfo<'a> {
    id: &'a str,
    host: &'a str,
    port: u16,
    webuiaddress: &'a str,
    cores: u32,
    coresused: u32,
    coresfree: u32,
    memory: u64,
    memoryused: u64,
    memoryfree: u64,
    resources: Resources<'a>,
    resourcesused: Resources<'a>,
    resourcesfree: Resources<'a>,
    state: String,
    lastheartbeat: u64,
}

impl<'a> WorkerInfo<'a> {
    pub(super) fn of(worker: &'a Worker, seen: &Seen<'_>) -> WorkerInfo<'a> {
        let description = &worker.description;
        let capacity = &description.capacity;
        let spark = description.spark.as_ref();
        let mut free = resources(&capacity.named);
        for (name, used) in &worker.booked.named {
            if let Some(left) = free.get_mut(name.as_str()) {
                left.addresses.retain(|address| !used.contains(*address));
            }
        }
        // Only a leader hears heartbeats.
        let heard = seen.workers.get(&description.id);
        let heard = heard.map_or(worker.registered, |glance| seen.now.minus(glance.silent));
        WorkerInfo {
            id: description.id.as_str(),
            host: &description.host,
            port: description.port,
            webuiaddress: spark.map_or("", |spark| &spark.web_ui),
            cores: capacity.cores,
            coresused: worker.booked.cores,
            coresfree: worker.cores_free(),
            memory: capacity.memory_mib,
            memoryused: worker.booked.memory_mib,
            memoryfree: worker.memory_free_mib(),
            resources: resources(&capacity.named),
            resourcesused: resources(&worker.booked.named),
            resourcesfree: free,
            state: worker.state.to_string(),
            lastheartbeat: heard.0,
        }
    }
}

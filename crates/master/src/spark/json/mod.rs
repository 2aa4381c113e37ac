//! What the masters know, as the JSON of Spark's masters: its names, its order, its layout. No IO.
//!
//! Environments, arguments and Java options are nobody's to read here.

mod application;
mod driver;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vesta_core::ClusterState;
use vesta_spark::rest::text;
use vesta_types::{RecoveryState, Timestamp, WorkerId};

use crate::leader::WorkerGlance;
use application::ApplicationInfo;
use driver::DriverInfo;
use worker::WorkerInfo;

/// What a master knows beside the state.
pub(super) struct Seen<'a> {
    /// Its own URL.
    pub url: &'a str,
    /// What it is.
    pub status: RecoveryState,
    /// What its leadership knows of workers; nothing on a standby.
    pub workers: &'a BTreeMap<WorkerId, WorkerGlance>,
    /// Now.
    pub now: Timestamp,
}

/// A resource and its addresses.
#[derive(Serialize)]
struct Resource<'a> {
    name: &'a str,
    addresses: Vec<&'a str>,
}

type Resources<'a> = BTreeMap<&'a str, Resource<'a>>;

/// How much of a resource is wanted.
#[derive(Serialize)]
struct Requirement<'a> {
    name: &'a str,
    amount: u32,
}

/// Everything, in Spark's order.
#[derive(Serialize)]
struct MasterState<'a> {
    url: &'a str,
    workers: Vec<WorkerInfo<'a>>,
    aliveworkers: usize,
    cores: u64,
    coresused: u64,
    memory: u64,
    memoryused: u64,
    resources: Vec<Resources<'a>>,
    resourcesused: Vec<Resources<'a>>,
    activeapps: Vec<ApplicationInfo<'a>>,
    completedapps: Vec<ApplicationInfo<'a>>,
    activedrivers: Vec<DriverInfo<'a>>,
    completeddrivers: Vec<DriverInfo<'a>>,
    status: String,
}

#[derive(Serialize)]
#[allow(non_snake_case)]
struct Utilization {
    waitingDrivers: usize,
    cores: u64,
    coresused: u64,
    coresutilization: u64,
    memory: u64,
    memoryused: u64,
    memoryutilization: u64,
}

/// Everything, or one `field` of it.
pub(super) fn show(state: &ClusterState, seen: &Seen<'_>, field: Option<&str>) -> String {
    let all = MasterState::of(state, seen);
    let Some(field) = field else {
        return text(&all);
    };
    match field {
        "url" => one(field, all.url),
        "workers" => one(field, all.workers),
        "aliveworkers" => one(field, all.aliveworkers),
        "cores" => one(field, all.cores),
        "coresused" => one(field, all.coresused),
        "memory" => one(field, all.memory),
        "memoryused" => one(field, all.memoryused),
        "resources" => one(field, all.resources),
        "resourcesused" => one(field, all.resourcesused),
        "activeapps" => one(field, all.activeapps),
        "completedapps" => one(field, all.completedapps),
        "activedrivers" => one(field, all.activedrivers),
        "completeddrivers" => one(field, all.completeddrivers),
        "status" => one(field, all.status),
        "clusterutilization" => text(&all.utilization()),
        // As Spark answers.
        _ => one(field, ""),
    }
}

fn one(name: &str, value: impl Serialize) -> String {
    text(&BTreeMap::from([(name, value)]))
}

impl<'a> MasterState<'a> {
    fn of(state: &'a ClusterState, seen: &Seen<'a>) -> MasterState<'a> {
        let alive = || state.workers.values().filter(|worker| worker.is_alive());
        let (active, completed) = state
            .applications
            .values()
            .partition::<Vec<_>, _>(|app| app.is_live());
        let apps = |apps: Vec<&'a vesta_core::Application>| {
            let apps = apps.into_iter();
            apps.map(|app| ApplicationInfo::of(app, seen.now)).collect()
        };
        let (waiting, ended) = state
            .drivers
            .values()
            .partition::<Vec<_>, _>(|driver| !driver.state.is_final());
        let drivers = |drivers: Vec<&'a vesta_core::Driver>| {
            drivers.into_iter().map(DriverInfo::of).collect()
        };
        let workers = state.workers.values();
        MasterState {
            url: seen.url,
            workers: workers.map(|worker| WorkerInfo::of(worker, seen)).collect(),
            aliveworkers: alive().count(),
            cores: alive()
                .map(|it| u64::from(it.description.capacity.cores))
                .sum(),
            coresused: alive().map(|it| u64::from(it.booked.cores)).sum(),
            memory: alive().map(|it| it.description.capacity.memory_mib).sum(),
            memoryused: alive().map(|it| it.booked.memory_mib).sum(),
            resources: alive()
                .map(|it| resources(&it.description.capacity.named))
                .collect(),
            resourcesused: alive().map(|it| resources(&it.booked.named)).collect(),
            activeapps: apps(active),
            completedapps: apps(completed),
            activedrivers: drivers(waiting),
            completeddrivers: drivers(ended),
            status: seen.status.to_string(),
        }
    }

    fn utilization(&self) -> Utilization {
        let percent = |used: u64, all: u64| (used * 100).checked_div(all).unwrap_or(100);
        let waiting = self.activedrivers.iter();
        Utilization {
            waitingDrivers: waiting.filter(|driver| driver.waits()).count(),
            cores: self.cores,
            coresused: self.coresused,
            coresutilization: percent(self.coresused, self.cores),
            memory: self.memory,
            memoryused: self.memoryused,
            memoryutilization: percent(self.memoryused, self.memory),
        }
    }
}

fn resources(named: &BTreeMap<String, BTreeSet<String>>) -> Resources<'_> {
    let mut shown = Resources::new();
    for (name, addresses) in named {
        let addresses = addresses.iter().map(String::as_str).collect();
        shown.insert(name, Resource { name, addresses });
    }
    shown
}

/// The time as Java's `Date` shows it, in UTC.
fn date(time: Timestamp) -> String {
    let millis = i64::try_from(time.0).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%a %b %d %H:%M:%S UTC %Y").to_string()
}

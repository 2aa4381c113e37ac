//! I10, I11, I20: what the masters say at the end adds up and agrees.

use std::collections::BTreeMap;

use super::Run;
use super::collector::Collector;
use crate::record::{CheckResult, MasterState};

/// Drivers in these states hold nothing.
const WAITS: [&str; 2] = ["SUBMITTED", "RELAUNCHING"];

/// What is booked on each worker is what its drivers and executors hold.
pub(super) fn check_resources(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "resources",
        "what is booked on a worker is the sum of what is live there, and no more than it has (I10, I11)",
    );
    let Some(state) = run.last_state() else {
        found.unknown("no master told its state at the end".to_owned(), vec![]);
        return found.done();
    };
    let booked = booked(state);
    for worker in state.workers.iter().filter(|it| it.state != "DEAD") {
        found.looked();
        let (cores, memory) = booked.get(worker.id.as_str()).copied().unwrap_or_default();
        let (cores_used, memory_used) = (worker.cores_used, worker.memory_used_mib);
        let id = &worker.id;
        let line = format!(
            "state.json of {}: {id} {}: {cores_used} of {} cores, {memory_used} of {} MiB used, {} drivers, \
             {} executors, {} quarantined; live there: {cores} cores, {memory} MiB",
            state.node,
            worker.state,
            worker.cores,
            worker.memory_mib,
            worker.drivers,
            worker.executors,
            worker.quarantined,
        );
        if cores_used > worker.cores || memory_used > worker.memory_mib {
            found.invalid(format!("{id} has less than is booked on it"), vec![line]);
        } else if (u64::from(cores_used), memory_used) != (cores, memory) {
            found.invalid(
                format!("what is booked on {id} is not what is live there"),
                vec![line],
            );
        } else if worker.quarantined > 0 {
            found.invalid(
                format!("{id} runs what its masters can't explain"),
                vec![line],
            );
        }
    }
    found.done()
}

/// Cores and MiB that drivers and executors hold, by worker.
fn booked(state: &MasterState) -> BTreeMap<&str, (u64, u64)> {
    let mut booked: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut add = |worker, cores, memory| {
        let sum: &mut (u64, u64) = booked.entry(worker).or_default();
        sum.0 += u64::from(cores);
        sum.1 += memory;
    };
    let drivers = state.drivers.iter().filter(|it| !it.ended);
    for driver in drivers.filter(|it| !WAITS.contains(&it.state.as_str())) {
        add(driver.worker.as_str(), driver.cores, driver.memory_mib);
    }
    let executors = state.applications.iter().flat_map(|it| &it.executors);
    for executor in executors.filter(|it| !it.ended) {
        add(
            executor.worker.as_str(),
            executor.cores,
            executor.memory_mib,
        );
    }
    booked
}

/// Masters that have applied the same have the same state, and one of them leads.
pub(super) fn check_agreement(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "agreement",
        "at the end one master leads, and masters that applied the same index have the same state (I20)",
    );
    let Some(state) = &run.state else {
        found.unknown("no master told its state at the end".to_owned(), vec![]);
        return found.done();
    };
    let mut hashes: BTreeMap<u64, &MasterState> = BTreeMap::new();
    let mut leaders = Vec::new();
    for master in &state.masters {
        let (index, hash) = &master.hash;
        let line =
            |it: &MasterState| format!("state.json: {} at {}: {}", it.node, it.hash.0, it.hash.1);
        if let Some(error) = &master.error {
            found.unknown(
                format!("{} did not tell its state: {error}", master.node),
                vec![],
            );
            continue;
        }
        found.looked();
        if master.leader {
            leaders.push(line(master));
        }
        let other = hashes.entry(*index).or_insert(master);
        if other.hash.1 != *hash {
            let what = format!("{} and {} differ at index {index}", other.node, master.node);
            found.invalid(what, vec![line(other), line(master)]);
        }
    }
    if leaders.len() > 1 {
        found.invalid(
            format!("{} masters lead at the end", leaders.len()),
            leaders,
        );
    } else if leaders.is_empty() {
        found.unknown("no master leads at the end".to_owned(), vec![]);
    }
    found.done()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, run, unknown, valid};
    use super::{check_agreement, check_resources};
    use crate::check::Run;
    use crate::record::{DriverState, FinalState, MasterState, WorkerState};

    fn of(masters: Vec<MasterState>) -> Run {
        let mut run = run();
        run.state = Some(FinalState { masters });
        run
    }

    fn one_driver_on(worker: WorkerState, state: &str) -> Run {
        let driver = DriverState {
            state: state.to_owned(),
            worker: "w".to_owned(),
            cores: 1,
            memory_mib: 32,
            ..DriverState::default()
        };
        of(vec![MasterState {
            drivers: vec![driver],
            workers: vec![worker],
            ..MasterState::default()
        }])
    }

    fn worker(cores: u32, cores_used: u32, memory_used_mib: u64) -> WorkerState {
        WorkerState {
            id: "w".to_owned(),
            state: "ALIVE".to_owned(),
            cores,
            cores_used,
            memory_mib: 64,
            memory_used_mib,
            ..WorkerState::default()
        }
    }

    #[test]
    fn bookings_that_add_up() {
        valid(check_resources(&one_driver_on(worker(4, 1, 32), "RUNNING")));
        valid(check_resources(&one_driver_on(
            worker(4, 0, 0),
            "SUBMITTED",
        )));
    }

    #[test]
    fn bookings_that_do_not_add_up_are_found() {
        invalid(
            check_resources(&one_driver_on(worker(4, 2, 32), "RUNNING")),
            "not what is live",
        );
        invalid(
            check_resources(&one_driver_on(worker(4, 0, 0), "RUNNING")),
            "not what is live",
        );
        invalid(
            check_resources(&one_driver_on(worker(0, 1, 32), "RUNNING")),
            "less than is booked",
        );
        let mut strange = worker(4, 1, 32);
        strange.quarantined = 1;
        invalid(
            check_resources(&one_driver_on(strange, "RUNNING")),
            "can't explain",
        );
        unknown(check_resources(&run()), "no master told");
    }

    fn master(number: u32, leader: bool, index: u64, hash: &str) -> MasterState {
        MasterState {
            node: format!("master-{number}"),
            leader,
            hash: (index, hash.to_owned()),
            ..MasterState::default()
        }
    }

    #[test]
    fn masters_agree_at_one_index_and_one_leads() {
        valid(check_agreement(&of(vec![
            master(1, true, 9, "a"),
            master(2, false, 9, "a"),
            master(3, false, 8, "b"),
        ])));
        let differ = of(vec![master(1, true, 9, "a"), master(2, false, 9, "b")]);
        invalid(check_agreement(&differ), "differ at index 9");
        let two = of(vec![master(1, true, 9, "a"), master(2, true, 9, "a")]);
        invalid(check_agreement(&two), "2 masters lead");
        let none = of(vec![master(1, false, 9, "a")]);
        unknown(check_agreement(&none), "no master leads");
    }
}

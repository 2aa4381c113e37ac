//! What the ledger shows, set against what was submitted. Pure.

use std::collections::BTreeSet;

use vesta_local::ledger::{Event, Record, Runs};
use vesta_types::instance::Work;
use vesta_types::{AppId, DriverId, InstanceId};

use super::submissions::Entry;

/// What went wrong, by the ledger: nothing, if all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Executors that started and did not come to their regular end. Nobody asks for the end of one in
    /// the demo, and nothing else happens to them: so a fail-over killed them.
    pub executors_killed: Vec<InstanceId>,
    /// Drivers that started and never came to their regular end.
    pub drivers_lost: Vec<DriverId>,
    /// What ran twice, one sentence each.
    pub run_twice: Vec<String>,
    /// Drivers that were acknowledged and never started.
    pub submissions_lost: Vec<DriverId>,
}

/// Sets the ledger against what was submitted.
pub fn tally(records: &[Record], submissions: &[Entry]) -> Tally {
    let expected: Vec<_> = submissions.iter().map(Entry::expected).collect();
    let verdict = Runs::of(records).judge(&expected);
    let mut run_twice = verdict.twice;
    for entry in submissions.iter().filter(|entry| entry.drivers.len() > 1) {
        let drivers: Vec<&str> = entry.drivers.iter().map(DriverId::as_str).collect();
        let drivers = drivers.join(", ");
        run_twice.push(format!(
            "the key {} was answered with the drivers {drivers}",
            entry.key
        ));
    }
    let of = |event| {
        let records = records.iter().filter(move |record| record.event == event);
        records
            .map(|record| record.instance.clone())
            .collect::<BTreeSet<_>>()
    };
    let (started, ended) = (of(Event::Started), of(Event::Ended));
    let drivers_ended: BTreeSet<&DriverId> = ended.iter().filter_map(driver).collect();
    let drivers_started: BTreeSet<&DriverId> = started.iter().filter_map(driver).collect();
    let is_executor = |id: &&InstanceId| matches!(id.work, Work::Executor { .. });
    Tally {
        executors_killed: started
            .difference(&ended)
            .filter(is_executor)
            .cloned()
            .collect(),
        drivers_lost: drivers_started
            .difference(&drivers_ended)
            .copied()
            .cloned()
            .collect(),
        run_twice,
        submissions_lost: verdict.lost,
    }
}

/// The driver that an instance is an attempt of.
pub fn driver(instance: &InstanceId) -> Option<&DriverId> {
    match &instance.work {
        Work::Driver { driver, .. } => Some(driver),
        Work::Executor { .. } => None,
    }
}

/// The application that an instance is an executor of.
pub fn application(instance: &InstanceId) -> Option<&AppId> {
    match &instance.work {
        Work::Executor { app, .. } => Some(app),
        Work::Driver { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vesta_types::{DriverDescription, Launch, Timestamp};

    use super::*;

    const CLUSTER: &str = "67e5504410b1426f9247bb680e5fe0c8";

    fn driver(number: u64) -> DriverId {
        DriverId::mint(Timestamp(0), number)
    }

    fn record(event: Event, instance: InstanceId) -> Record {
        Record {
            event,
            instance,
            attempt: 1,
            restart: 0,
            pid: 1,
            at: Timestamp(0),
            key: None,
            boot_us: 0,
            epoch: 1,
            note: String::new(),
        }
    }

    fn of_driver(event: Event, number: u64) -> Record {
        record(
            event,
            InstanceId::driver(CLUSTER.parse().unwrap(), driver(number), 1),
        )
    }

    fn of_executor(event: Event, number: u32) -> Record {
        let app = AppId::mint(Timestamp(0), 0);
        record(
            event,
            InstanceId::executor(CLUSTER.parse().unwrap(), app, number),
        )
    }

    fn entry(number: u64) -> Entry {
        let description = DriverDescription {
            name: "short".into(),
            launch: Launch::default(),
            cores: 1,
            memory_mib: 1,
            supervise: false,
            conf: BTreeMap::new(),
            executor: None,
            on_disconnect: None,
            lease: None,
            total_executor_cores: None,
            named: Default::default(),
        };
        Entry {
            name: "short".into(),
            key: vesta_client::new_key(),
            description,
            begun_ms: 0,
            acknowledged_ms: Some(1),
            drivers: BTreeSet::from([driver(number)]),
            calls: Vec::new(),
            refused: None,
        }
    }

    /// One driver and two executors that ran from beginning to end.
    fn all_well() -> Vec<Record> {
        let mut records = vec![of_driver(Event::Started, 1), of_driver(Event::Ended, 1)];
        for number in 0..2 {
            records.push(of_executor(Event::Started, number));
            records.push(of_executor(Event::Ended, number));
        }
        records
    }

    #[test]
    fn what_ran_once_from_beginning_to_end_is_well() {
        assert_eq!(tally(&all_well(), &[entry(1)]), Tally::default());
    }

    #[test]
    fn an_executor_without_a_regular_end_was_killed() {
        let mut records = all_well();
        let end = records.pop().unwrap();
        assert_eq!(
            tally(&records, &[entry(1)]).executors_killed,
            [end.instance]
        );
    }

    #[test]
    fn a_driver_that_ran_and_came_to_no_end_is_lost() {
        let mut records = all_well();
        records.remove(1);
        let tally = tally(&records, &[entry(1)]);
        assert_eq!(
            (tally.drivers_lost, tally.submissions_lost),
            (vec![driver(1)], vec![])
        );
    }

    #[test]
    fn an_acknowledged_driver_that_never_ran_is_a_lost_submission() {
        let tally = tally(&all_well(), &[entry(1), entry(2)]);
        assert_eq!(
            (tally.drivers_lost, tally.submissions_lost),
            (vec![], vec![driver(2)])
        );
    }

    #[test]
    fn a_command_that_ran_twice_under_one_instance_is_run_twice() {
        let mut records = all_well();
        records.push(Record {
            pid: 2,
            ..of_driver(Event::Started, 1)
        });
        assert_eq!(tally(&records, &[entry(1)]).run_twice.len(), 1);
    }

    #[test]
    fn a_key_that_was_answered_with_two_drivers_is_run_twice() {
        let mut twice = entry(1);
        twice.drivers.insert(driver(2));
        assert_eq!(tally(&all_well(), &[twice]).run_twice.len(), 1);
    }
}

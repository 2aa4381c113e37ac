//! Run twice, or never: the verdict on a ledger.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::instance::Work;
use vesta_types::{DriverId, InstanceId, SubmissionKey};

use super::{Event, Record};

/// A driver that was submitted, whether the submission was acknowledged or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The key that it was submitted with.
    pub key: SubmissionKey,
    /// The id that it was acknowledged with; `None` if no answer came.
    pub driver: Option<DriverId>,
    /// Whether it may be executed again after it failed.
    pub supervised: bool,
    /// Whether it was never asked to end, so that it must run.
    pub must_run: bool,
}

/// What a ledger shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What ran twice, one sentence each.
    pub twice: Vec<String>,
    /// Drivers that were acknowledged and never executed.
    pub lost: Vec<DriverId>,
}

impl Verdict {
    /// Whether nothing ran twice and nothing was lost.
    pub fn is_good(&self) -> bool {
        self.twice.is_empty() && self.lost.is_empty()
    }
}

/// Which instances were executed, by a ledger's records.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Process ids of each execution: one of an instance and restart, if all is well.
    executions: BTreeMap<(InstanceId, u32), Vec<u32>>,
    /// Executed instances of each driver.
    instances: BTreeMap<DriverId, BTreeSet<InstanceId>>,
    /// Executed drivers of each submission key.
    drivers: BTreeMap<SubmissionKey, BTreeSet<DriverId>>,
}

impl Runs {
    /// Reads what started.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Runs {
        let mut runs = Runs::default();
        for record in records {
            if record.event != Event::Started {
                continue;
            }
            let execution = (record.instance.clone(), record.restart);
            runs.executions
                .entry(execution)
                .or_default()
                .push(record.pid);
            if let Work::Driver { driver, .. } = &record.instance.work {
                let instances = runs.instances.entry(driver.clone()).or_default();
                instances.insert(record.instance.clone());
                if let Some(key) = record.key {
                    let drivers = runs.drivers.entry(key).or_default();
                    drivers.insert(driver.clone());
                }
            }
        }
        runs
    }

    /// Whether the driver was executed at all.
    pub fn executed(&self, driver: &DriverId) -> bool {
        self.instances.contains_key(driver)
    }

    /// How many executions there were, of drivers and executors.
    pub fn executions(&self) -> usize {
        self.executions.values().map(Vec::len).sum()
    }

    /// The verdict. *Run twice* is: one instance (and restart of it) executed twice; one submission key
    /// with two drivers; an unsupervised driver executed twice.
    pub fn judge(&self, submissions: &[Submission]) -> Verdict {
        let mut twice = Vec::new();
        for ((instance, restart), pids) in &self.executions {
            if pids.len() > 1 {
                let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
                let pids = pids.join(", ");
                twice.push(format!(
                    "{instance}, restart {restart}, was executed by the processes {pids}"
                ));
            }
        }
        for submission in submissions {
            let key = submission.key;
            let mut drivers = self.drivers.get(&key).cloned().unwrap_or_default();
            drivers.extend(submission.driver.clone());
            if drivers.len() > 1 {
                let drivers: Vec<&str> = drivers.iter().map(DriverId::as_str).collect();
                let drivers = drivers.join(", ");
                twice.push(format!("submission key {key} became the drivers {drivers}"));
            }
            for driver in drivers.iter().filter(|_| !submission.supervised) {
                twice.extend(self.unsupervised_twice(driver));
            }
        }
        let lost = submissions.iter().filter(|submission| submission.must_run);
        let lost = lost.filter_map(|submission| submission.driver.clone());
        Verdict {
            twice,
            lost: lost.filter(|driver| !self.executed(driver)).collect(),
        }
    }

    fn unsupervised_twice(&self, driver: &DriverId) -> Option<String> {
        let instances = self.instances.get(driver)?;
        let executions = self.executions.keys();
        let executions = executions.filter(|(instance, _)| instances.contains(instance));
        let executions: Vec<String> = executions
            .map(|(instance, restart)| format!("{instance} (restart {restart})"))
            .collect();
        (executions.len() > 1).then(|| {
            let executions = executions.join(", ");
            format!("unsupervised {driver} was executed as {executions}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesta_types::Timestamp;

    fn driver(number: u64) -> DriverId {
        DriverId::mint(Timestamp(0), number)
    }

    fn key(number: u64) -> SubmissionKey {
        let text = format!("019aa5a0-0000-7000-8000-{number:012}");
        text.parse().unwrap()
    }

    fn started(number: u64, attempt: u32, restart: u32, pid: u32) -> Record {
        let cluster = "67e5504410b1426f9247bb680e5fe0c8".parse().unwrap();
        Record {
            event: Event::Started,
            instance: InstanceId::driver(cluster, driver(number), attempt),
            attempt,
            restart,
            pid,
            at: Timestamp(0),
            key: Some(key(number)),
            boot_us: 0,
            epoch: 1,
            note: String::new(),
        }
    }

    fn submitted(number: u64) -> Submission {
        Submission {
            key: key(number),
            driver: Some(driver(number)),
            supervised: false,
            must_run: true,
        }
    }

    fn judge(records: &[Record], submissions: &[Submission]) -> Verdict {
        Runs::of(records).judge(submissions)
    }

    #[test]
    fn each_driver_once_is_good() {
        let mut end = started(1, 1, 0, 10);
        end.event = Event::Ended;
        let records = [started(1, 1, 0, 10), end, started(2, 1, 0, 11)];
        assert!(judge(&records, &[submitted(1), submitted(2)]).is_good());
        assert_eq!(Runs::of(&records).executions(), 2);
    }

    #[test]
    fn one_instance_executed_twice_is_run_twice_even_if_nobody_submitted_it() {
        let records = [started(1, 1, 0, 10), started(1, 1, 0, 11)];
        let verdict = judge(&records, &[]);
        assert_eq!(verdict.twice.len(), 1);
        assert!(verdict.twice[0].contains("10, 11"), "{verdict:?}");
    }

    #[test]
    fn a_supervised_driver_may_be_restarted_and_relaunched() {
        let records = [
            started(1, 1, 0, 10),
            started(1, 1, 1, 11),
            started(1, 2, 0, 12),
        ];
        let mut submission = submitted(1);
        submission.supervised = true;
        assert!(judge(&records, &[submission.clone()]).is_good());
        submission.supervised = false;
        assert_eq!(judge(&records, &[submission]).twice.len(), 1);
    }

    #[test]
    fn an_unsupervised_driver_that_is_restarted_in_place_is_run_twice() {
        let records = [started(1, 1, 0, 10), started(1, 1, 1, 11)];
        assert_eq!(judge(&records, &[submitted(1)]).twice.len(), 1);
    }

    #[test]
    fn two_drivers_of_one_key_are_run_twice_whether_they_ran_or_were_only_acknowledged() {
        let mut other = started(2, 1, 0, 11);
        other.key = Some(key(1));
        let verdict = judge(&[started(1, 1, 0, 10), other.clone()], &[submitted(1)]);
        assert_eq!(verdict.twice.len(), 1, "{verdict:?}");
        // Acknowledged as driver 1, and driver 2 ran.
        let verdict = judge(&[other], &[submitted(1)]);
        assert_eq!((verdict.twice.len(), verdict.lost), (1, vec![driver(1)]));
    }

    #[test]
    fn acknowledged_and_never_executed_is_lost_unless_it_was_asked_to_end() {
        let verdict = judge(&[started(2, 1, 0, 10)], &[submitted(1), submitted(2)]);
        assert_eq!(verdict.lost, [driver(1)]);
        let mut killed = submitted(1);
        killed.must_run = false;
        assert!(judge(&[], &[killed]).is_good());
        let mut unknown = submitted(1);
        unknown.driver = None;
        assert!(judge(&[], &[unknown]).is_good());
    }
}

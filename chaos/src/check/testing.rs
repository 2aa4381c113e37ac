//! Small runs, written by hand, for the tests of checks.

use std::time::Duration;

use vesta_local::ledger::{self, Record};
use vesta_types::{ClusterId, DriverId, InstanceId, OnDisconnect, SubmissionKey, Timestamp};

use super::calls::Call;
use super::run::{Ran, Run};
use crate::record::{
    Answer, CallId, CheckResult, Clock, Event, Judgement, Manner, Moment, NetMode, Op, Options,
    Outcome, Submit, Timings, What,
};

pub(super) fn run() -> Run {
    Run::new(Options {
        seed: 1,
        scenario: None,
        seconds: 60,
        masters: 3,
        workers: 2,
        net: NetMode::Loopback,
        timings: Timings::scaled(0.1, Duration::from_secs(2), Duration::from_secs(1)),
        faults: vec!["kill-leader".into()],
        commit: String::new(),
        started_boot_us: 0,
        started_wall_ms: 0,
        calls_min: 2,
    })
}

pub(super) fn at(seconds: f64) -> Moment {
    Moment::of(Duration::from_secs_f64(seconds))
}

pub(super) fn key(number: u64) -> SubmissionKey {
    let text = format!("019aa5a0-0000-7000-8000-{number:012}");
    text.parse().unwrap()
}

pub(super) fn driver(number: u64) -> DriverId {
    DriverId::mint(Timestamp(0), number)
}

fn cluster() -> ClusterId {
    "67e5504410b1426f9247bb680e5fe0c8".parse().unwrap()
}

pub(super) fn submit(number: u64) -> Submit {
    Submit {
        key: key(number),
        manner: Manner::Exits {
            after_ms: 0,
            code: 0,
        },
        supervised: false,
        on_disconnect: OnDisconnect::Keep,
        probe: false,
    }
}

pub(super) fn lasting(number: u64, on_disconnect: OnDisconnect) -> Submit {
    Submit {
        manner: Manner::Forever,
        supervised: true,
        on_disconnect,
        ..submit(number)
    }
}

impl Run {
    pub(super) fn call(
        mut self,
        from: f64,
        to: f64,
        op: Op,
        outcome: impl Into<Option<Outcome>>,
    ) -> Run {
        let call = self.calls.len() as u64;
        let client = "c".to_owned();
        self.calls.push(Call {
            id: CallId { client, call },
            invoked: at(from),
            op,
            returned: outcome.into().map(|outcome| (at(to), outcome)),
        });
        self.end = self.end.max(at(to));
        self
    }

    /// A submission that was acknowledged within 10 ms.
    pub(super) fn submitted(self, when: f64, submit: Submit, number: u64) -> Run {
        let driver = driver(number);
        let answer = Answer::Submitted {
            driver,
            duplicate: false,
        };
        self.call(when, when + 0.01, Op::Submit(submit), Outcome::Ok(answer))
    }

    pub(super) fn killed(self, when: f64, number: u64) -> Run {
        let op = Op::Kill {
            key: key(9_000 + number),
            driver: driver(number),
        };
        let state = "RUNNING".to_owned();
        let answer = Answer::Killed {
            success: true,
            state,
        };
        self.call(when, when + 0.01, op, Outcome::Ok(answer))
    }

    pub(super) fn read_status(
        self,
        when: f64,
        number: u64,
        state: &str,
        attempt: u32,
        index: u64,
    ) -> Run {
        let op = Op::Status {
            driver: driver(number),
            consistent: false,
        };
        let answer = Answer::Status {
            state: state.to_owned(),
            ended: !["SUBMITTED", "RUNNING", "RELAUNCHING", "UNKNOWN"].contains(&state),
            attempt,
            restart: 0,
            kill_requested: false,
            stale: false,
            index,
        };
        self.call(when, when + 0.01, op, Outcome::Ok(answer))
    }

    pub(super) fn found(self, when: f64, number: u64, found: Option<u64>) -> Run {
        let op = Op::FindKey { key: key(number) };
        let stale = false;
        let answer = match found {
            Some(found) => Answer::Found {
                id: driver(found).to_string(),
                stale,
            },
            None => Answer::NotFound { stale },
        };
        self.call(when, when + 0.01, op, Outcome::Ok(answer))
    }

    /// A process of a driver's attempt, from its first to its last line.
    pub(super) fn ran(self, number: u64, attempt: u32, pid: u32, from: f64, to: f64) -> Run {
        let instance = InstanceId::driver(cluster(), driver(number), attempt);
        self.process(instance, number, pid, from, to)
    }

    /// A process of an executor of the application that the driver of this number registered.
    pub(super) fn ran_executor(self, of: u64, pid: u32, from: f64, to: f64) -> Run {
        let app = vesta_types::AppId::mint(Timestamp(0), of);
        let instance = InstanceId::executor(cluster(), app, pid);
        self.process(instance, of, pid, from, to)
    }

    fn process(mut self, instance: InstanceId, number: u64, pid: u32, from: f64, to: f64) -> Run {
        let mut ran = Ran::new(Clock::started_at(0));
        for (event, when) in [
            (ledger::Event::Started, from),
            (ledger::Event::Beat, (from + to) / 2.0),
            (ledger::Event::Ended, to),
        ] {
            ran.add(Record {
                event,
                instance: instance.clone(),
                attempt: 1,
                restart: 0,
                pid,
                at: Timestamp(0),
                key: Some(key(number)),
                boot_us: at(when).0,
                epoch: 1,
                note: String::new(),
            });
        }
        self.executions.extend(ran.done());
        self.end = self.end.max(at(to));
        self
    }

    pub(super) fn happened(mut self, when: f64, what: What) -> Run {
        self.add(Event { at: at(when), what });
        self
    }

    pub(super) fn phase_from(self, when: f64, phase: crate::record::Phase) -> Run {
        self.happened(when, What::Phase { phase })
    }

    /// A fault that hit `target`, which led if it is a master.
    pub(super) fn fault(self, id: u32, from: f64, to: f64, target: &str) -> Run {
        let leader = target.starts_with("master").then(|| target.to_owned());
        let by = "its process is gone".to_owned();
        self.happened(
            from,
            What::FaultBegan {
                id,
                fault: "kill-leader".into(),
                targets: vec![target.to_owned()],
                leader,
                phases: vec![crate::record::Letter::R],
            },
        )
        .happened(from, What::FaultSeen { id, by })
        .happened(to, What::FaultEnded { id })
    }
}

#[track_caller]
pub(super) fn valid(result: CheckResult) {
    assert_eq!(result.judgement, Judgement::Valid, "{result:#?}");
    assert!(result.looked_at > 0, "it looked at nothing: {result:#?}");
}

/// Invalid, once, for this reason, with lines that show it.
#[track_caller]
pub(super) fn invalid(result: CheckResult, why: &str) {
    assert_eq!(result.judgement, Judgement::Invalid, "{result:#?}");
    assert_eq!(result.found, 1, "{result:#?}");
    assert!(result.findings[0].what.contains(why), "{result:#?}");
    assert!(!result.findings[0].lines.is_empty(), "{result:#?}");
}

#[track_caller]
pub(super) fn unknown(result: CheckResult, why: &str) {
    assert_eq!(result.judgement, Judgement::Unknown, "{result:#?}");
    assert!(result.findings[0].what.contains(why), "{result:#?}");
}

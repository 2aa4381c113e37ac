//! I24: what is read is never older than what was known before.
//!
//! A status is a register that moves one way only; so instead of searching for an order of all calls it is
//! enough to compare each read with what was surely true when it was sent: answers that came before it.

use std::collections::HashMap;
use std::time::Duration;

use vesta_types::DriverId;
use vesta_types::limits::HISTORY_AGE;

use super::collector::Collector;
use super::kills::kills;
use super::{Call, Run};
use crate::record::{Answer, CheckResult, Moment, Op};

/// Before so much of the shortest time for which ended drivers are kept is over, none is forgotten.
const KEPT: Duration = HISTORY_AGE.saturating_sub(Duration::from_secs(30));

/// Reads that don't say that they are stale show ever later states.
pub(super) fn check_indexes(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "indexes",
        "a read that is not called stale reflects no earlier index than one that was answered before it \
         was sent (I24)",
    );
    let mut reads: Vec<(Moment, Moment, u64, &Call)> = run.calls.iter().filter_map(read).collect();
    reads.sort_by_key(|it| it.0);
    let mut answered = reads.clone();
    answered.sort_by_key(|it| it.1);
    let mut answered = answered.into_iter().peekable();
    let mut highest: Option<(u64, &Call)> = None;
    for (invoked, _, index, call) in reads {
        found.looked();
        while let Some((_, _, index, before)) = answered.next_if(|it| it.1 < invoked) {
            if highest.is_none_or(|(highest, _)| index > highest) {
                highest = Some((index, before));
            }
        }
        if let Some((highest, before)) = highest.filter(|(highest, _)| *highest > index) {
            let what = format!("a read reflects index {index} after another reflected {highest}");
            found.invalid(what, vec![before.line(), call.line()]);
        }
    }
    found.done()
}

fn read(call: &Call) -> Option<(Moment, Moment, u64, &Call)> {
    let (at, answer) = call.ok()?;
    let index = match answer {
        Answer::Status {
            stale: false,
            index,
            ..
        }
        | Answer::Listed {
            stale: false,
            index,
            ..
        } => *index,
        _ => return None,
    };
    Some((call.invoked, at, index, call))
}

/// What is known of one driver from answers that came in so far.
#[derive(Clone, Copy, Default)]
struct Known<'a> {
    /// The highest attempt.
    attempt: Option<(u32, &'a Call)>,
    /// Its final state.
    ended: Option<(&'a str, &'a Call)>,
}

/// A driver's status never goes back, and shows the writes that were acknowledged before it was read.
pub(super) fn check_drivers(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "reads",
        "a driver's status never goes back, and shows submissions and kills that were acknowledged before \
         (I24)",
    );
    let mut reads: HashMap<&DriverId, Vec<&Call>> = HashMap::new();
    for call in &run.calls {
        if let Op::Status { driver, .. } = &call.op
            && call.ok().is_some_and(|it| !is_stale(it.1))
        {
            reads.entry(driver).or_default().push(call);
        }
    }
    let kills = kills(run);
    let mut submitted: HashMap<DriverId, &Call> = HashMap::new();
    for (_, driver, call) in run.named() {
        submitted.entry(driver).or_insert(call);
    }
    // It ages from its end, which is after it was submitted; under which key that was may be known later only.
    let mut sent: HashMap<DriverId, Moment> = HashMap::new();
    let asked = run.asked();
    for (key, driver, call) in run.named() {
        let first = asked.get(&key).copied().unwrap_or(call.invoked);
        let sent = sent.entry(driver).or_insert(first);
        *sent = first.min(*sent);
    }
    let mut drivers: Vec<_> = reads.into_iter().collect();
    drivers.sort_by_key(|it| it.0);
    for (driver, reads) in drivers {
        let mut answered = reads.clone();
        answered.sort_by_key(|call| call.ok().map(|it| it.0));
        let mut answered = answered.into_iter().peekable();
        let mut known = Known::default();
        for call in reads {
            found.looked();
            while let Some(before) =
                answered.next_if(|it| it.ok().is_some_and(|it| it.0 < call.invoked))
            {
                known.learn(before);
            }
            let killed = kills.get(driver).filter(|(_, at)| *at < call.invoked);
            let submitted = submitted.get(driver).filter(|it| {
                it.ok().is_some_and(|(at, _)| {
                    let sent = sent.get(driver).copied().unwrap_or(at);
                    at < call.invoked && call.invoked.since(sent) < KEPT
                })
            });
            if let Some((what, before)) =
                known.contradicted(call, killed.map(|it| it.0), submitted.copied())
            {
                found.invalid(
                    format!("{driver}: {what}"),
                    vec![before.line(), call.line()],
                );
            }
        }
    }
    found.done()
}

fn is_stale(answer: &Answer) -> bool {
    match answer {
        Answer::Status { stale, .. } | Answer::NotFound { stale } => *stale,
        _ => false,
    }
}

impl<'a> Known<'a> {
    fn learn(&mut self, call: &'a Call) {
        if let Some((
            _,
            Answer::Status {
                state,
                ended,
                attempt,
                ..
            },
        )) = call.ok()
        {
            if self.attempt.is_none_or(|(highest, _)| *attempt > highest) {
                self.attempt = Some((*attempt, call));
            }
            if *ended {
                self.ended.get_or_insert((state, call));
            }
        }
    }

    /// What a read shows that can't be after all this, and the call that shows why.
    fn contradicted(
        &self,
        read: &'a Call,
        killed: Option<&'a Call>,
        submitted: Option<&'a Call>,
    ) -> Option<(&'static str, &'a Call)> {
        match read.ok()?.1 {
            Answer::NotFound { .. } => {
                submitted.map(|before| ("it is not known after it was acknowledged", before))
            }
            Answer::Status {
                state,
                ended,
                attempt,
                kill_requested,
                ..
            } => {
                if let Some((end, before)) = self.ended
                    && (!ended || end != state)
                {
                    return Some(("it had ended, and its state changed", before));
                }
                if let Some((highest, before)) = self.attempt
                    && *attempt < highest
                {
                    return Some(("its attempt went back", before));
                }
                killed
                    .filter(|_| !kill_requested && !ended)
                    .map(|before| ("its acknowledged kill is not known", before))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, driver, invalid, key, run, submit, valid};
    use super::{check_drivers, check_indexes};
    use crate::check::Run;
    use crate::record::{Answer, Op, Outcome};

    fn read_twice(first: (&str, u32, u64), then: (&str, u32, u64)) -> Run {
        run()
            .read_status(1.0, 1, first.0, first.1, first.2)
            .read_status(2.0, 1, then.0, then.1, then.2)
    }

    #[test]
    fn a_driver_that_moves_on() {
        let run = read_twice(("RUNNING", 1, 5), ("FINISHED", 1, 9));
        valid(check_indexes(&run));
        valid(check_drivers(&run));
    }

    #[test]
    fn a_read_of_an_earlier_index_is_found() {
        let run = read_twice(("RUNNING", 1, 9), ("RUNNING", 1, 5));
        invalid(check_indexes(&run), "index 5 after another reflected 9");
    }

    #[test]
    fn reads_at_one_time_may_show_either_order_and_stale_ones_anything() {
        let mut run = read_twice(("FINISHED", 2, 9), ("RUNNING", 1, 5));
        run.calls[1].invoked = at(1.0);
        valid(check_indexes(&run));
        valid(check_drivers(&run));
        let mut run = read_twice(("FINISHED", 2, 9), ("RUNNING", 1, 5));
        if let Some((_, Outcome::Ok(Answer::Status { stale, .. }))) = &mut run.calls[1].returned {
            *stale = true;
        }
        valid(check_indexes(&run));
        valid(check_drivers(&run));
    }

    #[test]
    fn an_end_that_is_taken_back_and_an_attempt_that_goes_back_are_found() {
        let run = read_twice(("FINISHED", 1, 5), ("RUNNING", 1, 9));
        invalid(check_drivers(&run), "its state changed");
        let run = read_twice(("RUNNING", 2, 5), ("RUNNING", 1, 9));
        invalid(check_drivers(&run), "attempt went back");
    }

    #[test]
    fn a_read_that_does_not_show_an_acknowledged_kill_is_found() {
        let run = run().killed(1.0, 1).read_status(2.0, 1, "RUNNING", 1, 5);
        invalid(check_drivers(&run), "kill is not known");
    }

    #[test]
    fn a_read_that_does_not_find_what_was_acknowledged_is_found_until_history_may_forget_it() {
        let op = || Op::Status {
            driver: driver(1),
            consistent: false,
        };
        let none = || Outcome::Ok(Answer::NotFound { stale: false });
        let early = run()
            .submitted(1.0, submit(1), 1)
            .call(2.0, 2.1, op(), none());
        invalid(check_drivers(&early), "not known after it was acknowledged");
        let mut jumped = early.fault(1, 1.5, 1.6, "master-1");
        jumped.faults[0].name = "wall-jump".to_owned();
        invalid(
            check_drivers(&jumped),
            "not known after it was acknowledged",
        );
        let late = run()
            .submitted(1.0, submit(1), 1)
            .call(700.0, 700.1, op(), none());
        valid(check_drivers(&late));
    }
    #[test]
    fn a_driver_whose_id_is_learned_late_ages_from_its_submission() {
        let find = || Op::FindKey { key: key(1) };
        let found = || {
            Outcome::Ok(Answer::Found {
                id: driver(1).to_string(),
                stale: false,
            })
        };
        let op = || Op::Status {
            driver: driver(1),
            consistent: false,
        };
        let none = || Outcome::Ok(Answer::NotFound { stale: false });
        let unknown = || Outcome::Unknown {
            why: "no answer".to_owned(),
        };
        let run = run().call(1.0, 6.0, Op::Submit(submit(1)), unknown()).call(
            590.0,
            590.1,
            find(),
            found(),
        );
        let late = run.clone().call(620.0, 620.1, op(), none());
        valid(check_drivers(&late));
        let at_once = self::run()
            .call(1.0, 6.0, Op::Submit(submit(1)), unknown())
            .call(90.0, 90.1, find(), found())
            .call(91.0, 91.1, op(), none());
        invalid(
            check_drivers(&at_once),
            "not known after it was acknowledged",
        );
    }
}

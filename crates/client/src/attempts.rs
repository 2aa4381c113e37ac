//! How one call goes on after each attempt, without IO.

use std::time::Duration;

use crate::Refusal;
use crate::options::ClientOptions;

/// What one attempt's failure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was done there: nobody was reached, or a master said so.
    NothingDone,
    /// Nothing was done there: it has too much to do, and wants to be asked again after this time.
    Busy(Duration),
    /// Nothing was done there, and never will be: whoever answers is no master's client port.
    NoMaster,
    /// It may have been done.
    Lost,
    /// It was refused, for good.
    Refused(Refusal),
    /// Whoever asks may not.
    NotAllowed,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next master is asked.
    Next,
    /// This round is over: after this time all are asked again.
    Round(Duration),
    /// The answer stands.
    End,
}

/// With less time left than this no attempt is begun.
const ATTEMPT_MIN: Duration = Duration::from_millis(50);

/// One call, over as many masters and attempts as its deadline allows.
#[derive(Clone, Debug)]
pub struct Attempts {
    is_write: bool,
    may_be_done: bool,
    /// Whether it makes sense to ask all of them again.
    may_change: bool,
}

impl Attempts {
    /// A call that changes something, or does not.
    pub fn new(is_write: bool) -> Attempts {
        Attempts {
            is_write,
            may_be_done: false,
            may_change: false,
        }
    }

    /// A round over all masters begins.
    pub fn begin_round(&mut self) {
        self.may_change = false;
    }

    /// With less time left than this no attempt is begun. For another attempt at a write of which so far
    /// surely nothing was done it is more: a master that knows no leader holds it for a while before it
    /// says so; cutting that short would only turn a certainty into an unknown outcome.
    pub fn least(&self, options: &ClientOptions) -> Duration {
        if self.is_write && !self.may_be_done {
            options.attempt.mul_f64(0.8).min(options.deadline / 4)
        } else {
            ATTEMPT_MIN
        }
    }

    /// An attempt failed like this.
    pub fn failed(&mut self, verdict: Verdict) -> Then {
        match verdict {
            Verdict::Refused(_) | Verdict::NotAllowed => return Then::End,
            Verdict::NothingDone => self.may_change = true,
            // Every write ends at the leader: another master would only ask it in vain.
            Verdict::Busy(pause) => {
                self.may_change = true;
                return Then::Round(pause);
            }
            Verdict::NoMaster => {}
            Verdict::Lost => {
                self.may_change = true;
                self.may_be_done = true;
            }
        }
        Then::Next
    }

    /// Whether asking all masters again may get another answer.
    pub fn may_change(&self) -> bool {
        self.may_change
    }

    /// Whether the write may have been done, though nobody said so.
    pub fn may_be_done(&self) -> bool {
        self.may_be_done
    }
}

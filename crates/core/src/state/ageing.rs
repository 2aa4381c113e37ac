//! The time by which history ages.

use serde::{Deserialize, Serialize};
use vesta_types::Timestamp;
use vesta_types::limits::AGEING_STEP_MAX;

/// A clock that goes on with the times of entries, by a bounded step each.
///
/// Those times are the wall clocks' of leaders, which are set, jump, and differ from one leader to the
/// next. By this clock a jump ahead costs what has ended one step of its time at most, and after a jump
/// back ageing goes on at once. Where entries are rarer than a step, it is late: what has ended is kept
/// the longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ageing {
    /// What this clock says.
    pub clock: Timestamp,
    /// The time of the newest entry since times last went back by more than a step.
    pub last: Timestamp,
}

impl Ageing {
    /// A clock that says `clock` at an entry of the time `at`.
    pub fn new(clock: Timestamp, at: Timestamp) -> Ageing {
        Ageing { clock, last: at }
    }

    /// The next entry is of the time `at`. Entries that overtook each other, by less than a step, do not
    /// count twice.
    pub fn advance(&mut self, at: Timestamp) {
        let step = at.since(self.last).min(AGEING_STEP_MAX);
        self.clock = self.clock.plus(step);
        if at > self.last || self.last.since(at) > AGEING_STEP_MAX {
            self.last = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_overtook_each_other_do_not_make_it_faster() {
        let mut ageing = Ageing::new(Timestamp(0), Timestamp(1_000));
        for ms in 1_000..2_000 {
            ageing.advance(Timestamp(ms + 500));
            ageing.advance(Timestamp(ms));
        }
        assert_eq!(ageing.clock, Timestamp(1_499));
    }
}

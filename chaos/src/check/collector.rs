//! Collects what a check finds.

use crate::record::{CheckResult, Finding, Judgement};

/// So many findings of one check are kept: the first ones tell the most.
const KEPT: usize = 5;

/// What one check finds.
pub(super) struct Collector(CheckResult);

impl Collector {
    /// Of the check of this name, which demands this.
    pub(super) fn new(check: &str, demands: &str) -> Collector {
        Collector(CheckResult {
            check: check.to_owned(),
            demands: demands.to_owned(),
            ..CheckResult::default()
        })
    }

    /// One more thing was looked at.
    pub(super) fn looked(&mut self) {
        self.0.looked_at += 1;
    }

    /// Something is not as it must be.
    pub(super) fn invalid(&mut self, what: String, lines: Vec<String>) {
        self.found(Judgement::Invalid, what, lines);
    }

    /// Something can't be known.
    pub(super) fn unknown(&mut self, what: String, lines: Vec<String>) {
        self.found(Judgement::Unknown, what, lines);
    }

    fn found(&mut self, judgement: Judgement, what: String, lines: Vec<String>) {
        self.0.judgement = self.0.judgement.max(judgement);
        self.0.found += 1;
        let worse = judgement == Judgement::Invalid;
        if self.0.findings.len() >= KEPT {
            // What is wrong is worth more than what is not known.
            let last = self.0.findings.last().map(|it| it.judgement);
            if !(worse && last == Some(Judgement::Unknown)) {
                return;
            }
            self.0.findings.pop();
        }
        let finding = Finding {
            judgement,
            what,
            lines,
        };
        let at = if worse {
            let first = self.0.findings.iter();
            first
                .take_while(|it| it.judgement == Judgement::Invalid)
                .count()
        } else {
            self.0.findings.len()
        };
        self.0.findings.insert(at, finding);
    }

    pub(super) fn done(self) -> CheckResult {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_before_what_is_not_known_and_decides() {
        let mut found = Collector::new("x", "y");
        for _ in 0..9 {
            found.unknown("u".into(), vec![]);
        }
        found.invalid("i".into(), vec![]);
        let result = found.done();
        assert_eq!(result.judgement, Judgement::Invalid);
        assert_eq!((result.found, result.findings.len()), (10, KEPT));
        assert_eq!(result.findings[0].what, "i");
    }
}

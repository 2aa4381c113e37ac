//! Which part of the text is with whom. Pure: it decides, the driver sends.

use std::collections::BTreeMap;

/// An executor's connection; a new number for each.
pub type Link = u64;

/// The parts of one job, by number from 0.
#[derive(Debug)]
pub struct Parts {
    /// What became of each part.
    parts: Vec<Part>,
    /// Parts from this number on are kept back until [`Parts::release`].
    kept_from: usize,
    /// How often a part was taken from an executor that was lost.
    taken_back: u64,
    /// How many parts each link has returned.
    returned: BTreeMap<Link, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Waiting,
    With(Link),
    Counted,
}

/// What an executor is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Count this part.
    Count(usize),
    /// Wait: what is left is with others, or is kept back.
    Wait,
    /// Nothing is left.
    Finished,
}

impl Parts {
    /// A job of `total` parts, of which the last `kept` wait for [`Parts::release`].
    pub fn new(total: usize, kept: usize) -> Parts {
        Parts {
            parts: vec![Part::Waiting; total],
            kept_from: total.saturating_sub(kept),
            taken_back: 0,
            returned: BTreeMap::new(),
        }
    }

    /// Hands a part to `link`, the lowest that waits.
    pub fn next(&mut self, link: Link) -> Next {
        if self.is_finished() {
            return Next::Finished;
        }
        let may_go = &mut self.parts[..self.kept_from];
        let Some(number) = may_go.iter().position(|part| *part == Part::Waiting) else {
            return Next::Wait;
        };
        may_go[number] = Part::With(link);
        Next::Count(number)
    }

    /// Takes the counts of a part. Only those of the link that has the part count: whatever else comes
    /// was counted already, or is being counted again.
    #[must_use]
    pub fn counted(&mut self, link: Link, number: usize) -> bool {
        let theirs = self.parts.get(number) == Some(&Part::With(link));
        if theirs {
            self.parts[number] = Part::Counted;
            *self.returned.entry(link).or_default() += 1;
        }
        theirs
    }

    /// `link` is gone: what it has goes to another.
    pub fn lost(&mut self, link: Link) {
        for part in self
            .parts
            .iter_mut()
            .filter(|part| **part == Part::With(link))
        {
            *part = Part::Waiting;
            self.taken_back += 1;
        }
    }

    /// Nothing is kept back any more.
    pub fn release(&mut self) {
        self.kept_from = self.parts.len();
    }

    /// Whether nothing is kept back any more.
    pub fn is_released(&self) -> bool {
        self.kept_from == self.parts.len()
    }

    /// Whether every part is counted.
    pub fn is_finished(&self) -> bool {
        self.counted_so_far() == self.parts.len()
    }

    /// How many parts are counted.
    pub fn counted_so_far(&self) -> usize {
        self.parts
            .iter()
            .filter(|part| **part == Part::Counted)
            .count()
    }

    /// How often a part was taken from an executor that was lost.
    pub fn taken_back(&self) -> u64 {
        self.taken_back
    }

    /// How many parts `link` has returned.
    pub fn returned_by(&self, link: Link) -> u64 {
        self.returned.get(&link).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_handed_out_once() {
        let mut parts = Parts::new(3, 0);
        assert_eq!(parts.next(1), Next::Count(0));
        assert_eq!(parts.next(2), Next::Count(1));
        assert!(parts.counted(1, 0));
        assert_eq!(parts.next(1), Next::Count(2));
        assert_eq!(parts.next(3), Next::Wait, "the rest is with others");
        assert!(parts.counted(2, 1) && parts.counted(1, 2));
        assert_eq!(parts.next(3), Next::Finished);
        assert_eq!(
            (
                parts.returned_by(1),
                parts.returned_by(2),
                parts.returned_by(3)
            ),
            (2, 1, 0)
        );
    }

    #[test]
    fn the_part_of_a_lost_executor_goes_to_another() {
        let mut parts = Parts::new(2, 0);
        assert_eq!(parts.next(1), Next::Count(0));
        assert_eq!(parts.next(2), Next::Count(1));
        assert!(parts.counted(2, 1));
        parts.lost(1);
        assert_eq!(parts.next(2), Next::Count(0));
        assert_eq!(parts.taken_back(), 1);
    }

    #[test]
    fn a_part_never_counts_twice() {
        let mut parts = Parts::new(2, 0);
        assert_eq!(parts.next(1), Next::Count(0));
        parts.lost(1);
        assert!(!parts.counted(1, 0), "it was taken from this one");
        assert_eq!(parts.next(2), Next::Count(0));
        assert!(!parts.counted(1, 0), "another has it now");
        assert!(parts.counted(2, 0));
        assert!(!parts.counted(2, 0), "a repetition");
        assert!(!parts.counted(2, 1), "never handed out");
        assert!(!parts.counted(2, 9), "there is no such part");
        assert_eq!(parts.counted_so_far(), 1);
    }

    #[test]
    fn the_last_parts_wait_for_their_release() {
        let mut parts = Parts::new(3, 2);
        assert_eq!(parts.next(1), Next::Count(0));
        assert!(parts.counted(1, 0));
        assert_eq!(parts.next(1), Next::Wait);
        assert!(!parts.is_finished());
        parts.release();
        assert_eq!(parts.next(1), Next::Count(1));
    }
}

//! The newest entries of the log, decoded, in memory.

use std::collections::VecDeque;

use crate::codec;
use crate::limits::{RECENT_BYTES, RECENT_ENTRIES};
use crate::types::Entry;

/// A contiguous run of the newest entries; a copy of what the journal holds, never more.
#[derive(Default)]
pub(crate) struct Recent {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    /// Adds an entry that was just put into the journal.
    pub(crate) fn push(&mut self, entry: Entry) {
        if self
            .entries
            .back()
            .is_some_and(|last| last.log_id.index + 1 != entry.log_id.index)
        {
            self.entries.clear();
            self.bytes = 0;
        }
        self.bytes += codec::entry_bytes(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > RECENT_ENTRIES || self.bytes > RECENT_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= codec::entry_bytes(&oldest);
        }
    }

    /// All entries of `from..to`, if every one of them is here.
    pub(crate) fn get(&self, from: u64, to: u64) -> Option<Vec<Entry>> {
        let first = self.entries.front()?.log_id.index;
        let start = usize::try_from(from.checked_sub(first)?).ok()?;
        let end = usize::try_from(to.checked_sub(first)?).ok()?;
        if start >= end || end > self.entries.len() {
            return None;
        }
        Some(self.entries.range(start..end).cloned().collect())
    }

    /// Forgets what was purged: everything up to and with `index`.
    pub(crate) fn forget_to(&mut self, index: u64) {
        while self
            .entries
            .front()
            .is_some_and(|oldest| oldest.log_id.index <= index)
        {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= codec::entry_bytes(&oldest);
        }
    }

    /// Forgets everything, when the end of the log is cut.
    pub(crate) fn clear(&mut self) {
        *self = Recent::default();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use openraft::EntryPayload;

    use super::*;
    use crate::types::Command;

    fn entry(index: u64, bytes: usize) -> Entry {
        let payload = EntryPayload::Normal(Command(Bytes::from(vec![7; bytes])));
        Entry {
            log_id: codec::log_id(1, index),
            payload,
        }
    }

    #[test]
    fn only_whole_ranges_are_served() {
        let mut recent = Recent::default();
        (5..10).for_each(|index| recent.push(entry(index, 1)));
        assert_eq!(recent.get(6, 9).map(|found| found.len()), Some(3));
        assert!(recent.get(4, 9).is_none(), "entry 4 is not here");
        assert!(recent.get(6, 11).is_none(), "entry 10 is not here");
    }

    #[test]
    fn the_oldest_go_when_the_bytes_are_too_many() {
        let mut recent = Recent::default();
        (0..3).for_each(|index| recent.push(entry(index, RECENT_BYTES / 2)));
        assert!(recent.get(0, 1).is_none());
        assert!(recent.get(2, 3).is_some());
        assert!(recent.bytes <= RECENT_BYTES);
    }

    #[test]
    fn purged_entries_are_forgotten() {
        let mut recent = Recent::default();
        (0..5).for_each(|index| recent.push(entry(index, 1)));
        recent.forget_to(2);
        assert!(recent.get(2, 4).is_none());
        assert_eq!(recent.get(3, 5).map(|found| found.len()), Some(2));
    }

    #[test]
    fn a_gap_begins_a_new_run() {
        let mut recent = Recent::default();
        recent.push(entry(3, 1));
        recent.push(entry(8, 1));
        assert!(recent.get(3, 4).is_none());
        assert!(recent.get(8, 9).is_some());
    }
}

//! The check of the whole log at open: checksums, holes, missing parts.

use std::path::Path;

use crate::{
    JournalError, MAX_PART_BYTES,
    part::{self, Part},
};

/// What the check has found so far; fed with every part in the order of the keys.
pub(crate) struct Scan<'a> {
    path: &'a Path,
    /// The first index that the log must have, if it has any.
    first: u64,
    current: Option<Current>,
    last: Option<u64>,
    /// The first of the records at the end that lack their last parts.
    torn_from: Option<u64>,
}

/// The record that is being looked at.
struct Current {
    index: u64,
    length: u32,
    parts: u32,
}

impl Current {
    fn is_whole(&self) -> bool {
        self.parts == part::count(self.length)
    }
}

/// The outcome: how far the whole records reach.
pub(crate) struct Extent {
    /// The last index whose record is whole.
    pub(crate) last: Option<u64>,
    /// The first index of a torn tail.
    pub(crate) torn_from: Option<u64>,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(path: &'a Path, first: u64) -> Self {
        Self {
            path,
            first,
            current: None,
            last: None,
            torn_from: None,
        }
    }

    /// Takes the next part. An error names the index that is damaged.
    pub(crate) fn feed<'v>(
        &mut self,
        key: &[u8],
        value: &'v [u8],
    ) -> Result<Part<'v>, JournalError> {
        let part = Part::parse(key, value).map_err(|detail| match part::parse_key(key) {
            Some((index, _)) => JournalError::damaged_entry(self.path, index, detail),
            None => JournalError::damaged_log(self.path, detail),
        })?;
        let damaged = |detail| Err(JournalError::damaged_entry(self.path, part.index, detail));
        if self
            .current
            .as_ref()
            .is_none_or(|current| current.index != part.index)
        {
            self.finish_current();
            let expected = self
                .current
                .as_ref()
                .map_or(self.first, |current| current.index + 1);
            if part.index != expected {
                return Err(JournalError::damaged_entry(
                    self.path,
                    expected,
                    format!("it is missing: index {} comes in its place", part.index),
                ));
            }
            self.current = Some(Current {
                index: part.index,
                length: part.length,
                parts: 0,
            });
        }
        let current = self.current.as_mut().expect("set just above if it was not");
        if part.number != current.parts {
            let (missing, found) = (current.parts, part.number);
            return damaged(format!(
                "part {missing} is missing: part {found} comes in its place"
            ));
        }
        let start = part.number as usize * MAX_PART_BYTES;
        let rest = (part.length as usize).saturating_sub(start);
        if part.length != current.length || part.bytes.len() != rest.min(MAX_PART_BYTES) {
            return damaged(format!(
                "part {} does not fit the parts before it",
                part.number
            ));
        }
        current.parts += 1;
        if current.is_whole() {
            if let Some(torn) = self.torn_from {
                return Err(JournalError::damaged_entry(
                    self.path,
                    torn,
                    "it lacks its last parts, and whole entries come after it",
                ));
            }
            self.last = Some(part.index);
        }
        Ok(part)
    }

    fn finish_current(&mut self) {
        if let Some(current) = &self.current
            && !current.is_whole()
        {
            self.torn_from.get_or_insert(current.index);
        }
    }

    /// Ends the check after the last part.
    pub(crate) fn finish(mut self) -> Extent {
        self.finish_current();
        Extent {
            last: self.last,
            torn_from: self.torn_from,
        }
    }
}

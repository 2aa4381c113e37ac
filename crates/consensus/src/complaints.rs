//! Says each thing once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::limits::COMPLAINTS_MAX;

/// Remembers what was said already: a peer that is refused is refused ten times a second.
#[derive(Default)]
pub(crate) struct Complaints {
    said: Mutex<HashSet<String>>,
}

impl Complaints {
    /// Whether this is the first time; after very many different ones everything is said again.
    pub(crate) fn is_new(&self, text: &str) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.contains(text) {
            return false;
        }
        if said.len() >= COMPLAINTS_MAX {
            said.clear();
        }
        said.insert(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once() {
        let complaints = Complaints::default();
        assert!(complaints.is_new("a"));
        assert!(complaints.is_new("b"));
        assert!(!complaints.is_new("a"));
    }
}

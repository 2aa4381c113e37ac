//! Which masters there are: those of the configuration first, then whatever a master names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::clock::Boottime;
use crate::store::{read_members, write_members};

/// Without any session for so long, the configured masters are tried again beside the named ones.
const ALONE: Duration = Duration::from_secs(5);

/// Most masters that are taken from a welcome: more than any cluster has.
const MASTERS_MAX: usize = 32;

/// The masters, and an attempt at a session with each.
pub(super) struct Masters {
    configured: Vec<String>,
    /// What was named last, before this start.
    remembered: Vec<String>,
    /// What a master named since, and its epoch.
    named: Option<(u64, Vec<String>)>,
    /// Since when there is no session.
    alone: Option<Boottime>,
    dialers: BTreeMap<String, JoinHandle<()>>,
}

impl Masters {
    pub(super) fn new(configured: &[String], dir: &Path) -> Masters {
        Masters {
            configured: configured.to_vec(),
            remembered: read_members(dir),
            named: None,
            alone: None,
            dialers: BTreeMap::new(),
        }
    }

    /// A master named these. `true` if that changes them. Names of a lower epoch are old.
    pub(super) fn named(&mut self, epoch: u64, mut masters: Vec<String>, dir: &Path) -> bool {
        masters.truncate(MASTERS_MAX);
        let old = self.named.as_ref().is_some_and(|(known, _)| epoch < *known);
        if masters.is_empty() || old {
            return false;
        }
        let changed = self
            .named
            .as_ref()
            .is_none_or(|(_, known)| *known != masters);
        if changed && let Err(error) = write_members(dir, &masters) {
            tracing::warn!(%error, "the masters' addresses can't be kept");
        }
        self.named = Some((epoch, masters));
        changed
    }

    /// The masters are another cluster's from now on: at these addresses, or where those that are known
    /// are if there are none. What it says next counts, whatever the epoch was.
    pub(super) fn adopted(&mut self, masters: Vec<String>, dir: &Path) {
        self.named = None;
        if masters.is_empty() {
            return;
        }
        if let Err(error) = write_members(dir, &masters) {
            tracing::warn!(%error, "the masters' addresses can't be kept");
        }
        self.named = Some((0, masters));
    }

    /// A session was opened.
    pub(super) fn heard(&mut self) {
        self.alone = None;
    }

    /// A session was lost; `alone` if it was the only one.
    pub(super) fn lost(&mut self, now: Boottime, alone: bool) {
        if alone {
            self.alone.get_or_insert(now);
        }
    }

    /// The masters that processes are told of.
    pub(super) fn targets(&self) -> Vec<String> {
        match &self.named {
            Some((_, named)) => named.clone(),
            None => self.known(),
        }
    }

    /// Every address at which a master may be. One master under two names would keep closing one session
    /// for the other, so the configured names are used only while nobody named any, or nobody answers.
    fn wanted(&self, now: Boottime) -> BTreeSet<String> {
        let alone = self.alone.is_some_and(|since| now.since(since) >= ALONE);
        let mut wanted: BTreeSet<String> = self.targets().into_iter().collect();
        if alone {
            wanted.extend(self.known());
        }
        wanted
    }

    fn known(&self) -> Vec<String> {
        let mut known = self.configured.clone();
        known.extend(
            self.remembered
                .iter()
                .filter(|old| !self.configured.contains(old))
                .cloned(),
        );
        known
    }

    /// When to look again.
    pub(super) fn next_look(&self, now: Boottime) -> Boottime {
        match self.alone {
            Some(since) if now.since(since) < ALONE => since.plus(ALONE),
            _ => Boottime(u64::MAX),
        }
    }

    /// Begins what is missing and ends what is not wanted any more; the latter.
    pub(super) fn adjust(
        &mut self,
        now: Boottime,
        begin: impl Fn(String) -> JoinHandle<()>,
    ) -> Vec<String> {
        let wanted = self.wanted(now);
        for master in &wanted {
            self.dialers
                .entry(master.clone())
                .or_insert_with(|| begin(master.clone()));
        }
        let gone: Vec<String> = self
            .dialers
            .keys()
            .filter(|master| !wanted.contains(*master))
            .cloned()
            .collect();
        for master in &gone {
            if let Some(dialer) = self.dialers.remove(master) {
                dialer.abort();
            }
        }
        gone
    }
}

impl Drop for Masters {
    fn drop(&mut self) {
        for dialer in self.dialers.values() {
            dialer.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(masters: &[&str]) -> BTreeSet<String> {
        masters.iter().map(|master| (*master).to_owned()).collect()
    }

    #[test]
    fn masters_are_replaced_by_what_a_newer_epoch_names_and_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let configured = ["m1:1".to_owned()];
        let mut masters = Masters::new(&configured, dir.path());
        assert_eq!(masters.wanted(Boottime(0)), set(&["m1:1"]));
        assert!(masters.named(3, vec!["a:1".into(), "b:1".into()], dir.path()));
        assert!(!masters.named(2, vec!["old:1".into()], dir.path()));
        assert!(!masters.named(3, vec![], dir.path()));
        assert_eq!(masters.wanted(Boottime(0)), set(&["a:1", "b:1"]));
        let restarted = Masters::new(&configured, dir.path());
        assert_eq!(restarted.wanted(Boottime(0)), set(&["m1:1", "a:1", "b:1"]));
    }

    #[test]
    fn configured_masters_are_tried_again_when_nobody_answers() {
        let dir = tempfile::tempdir().unwrap();
        let mut masters = Masters::new(&["m1:1".to_owned()], dir.path());
        masters.named(3, vec!["a:1".into()], dir.path());
        masters.lost(Boottime(0), true);
        let later = Boottime(0).plus(ALONE);
        assert_eq!(masters.next_look(Boottime(0)), later);
        assert_eq!(masters.wanted(later), set(&["a:1", "m1:1"]));
        masters.heard();
        assert_eq!(masters.wanted(later), set(&["a:1"]));
    }
}

//! What is on a disk.

use std::collections::BTreeMap;
use std::path::PathBuf;

use uuid::Uuid;
use vesta_consensus::JournalError;
use vesta_journal::{Identity, Purged, Record, Snapshot, SnapshotMeta, Vote};

use super::Durable;

/// As the journal keeps: identity and snapshots are durable at once, entries after a sync.
pub(super) struct Content {
    pub(super) identity: Identity,
    /// The highest index committed and durable here, recorded or not.
    pub(super) committed: u64,
    entries: BTreeMap<u64, Vec<u8>>,
    /// Entries from this index on are not synced.
    unsynced_from: u64,
    /// What a canary has claimed to be synced, and is with the next sync.
    claimed: u64,
    pub(super) purged: Option<Purged>,
    pub(super) snapshot: Option<Snapshot>,
}

impl Content {
    pub(super) fn new(directory_uuid: Uuid) -> Content {
        Content {
            identity: Identity {
                directory_uuid,
                cluster_id: None,
                node_id: None,
                founding: None,
                vote: None,
                committed_index: 0,
            },
            committed: 0,
            entries: BTreeMap::new(),
            unsynced_from: 0,
            claimed: 0,
            purged: None,
            snapshot: None,
        }
    }

    pub(super) fn check_memory(&self) -> Result<(), JournalError> {
        let durable = self.durable();
        let reached = durable.last.max(durable.snapshot);
        let committed = self.identity.committed_index;
        if committed > reached {
            return Err(JournalError::Amnesia {
                dir: PathBuf::from("the simulated disk"),
                committed,
                detail: format!("and log and snapshots end at index {reached}"),
            });
        }
        Ok(())
    }

    pub(super) fn durable(&self) -> Durable {
        let synced = self.entries.range(..self.unsynced_from).next_back();
        let purged = self.purged.as_ref().map_or(0, |purged| purged.index);
        Durable {
            snapshot: self
                .snapshot
                .as_ref()
                .map_or(0, |snapshot| snapshot.meta.index),
            last: synced.map_or(purged, |(index, _)| *index),
        }
    }

    pub(super) fn synced_entry(&self, index: u64) -> Option<Vec<u8>> {
        let synced = index < self.unsynced_from;
        self.entries.get(&index).filter(|_| synced).cloned()
    }

    pub(super) fn unsynced(&self) -> usize {
        self.entries.range(self.unsynced_from..).count()
    }

    /// Keeps the first `written` of the entries that are not synced.
    pub(super) fn lose_unsynced(&mut self, written: usize) -> usize {
        let lost: Vec<u64> = self
            .entries
            .range(self.unsynced_from..)
            .map(|(index, _)| *index)
            .skip(written)
            .collect();
        for index in &lost {
            self.entries.remove(index);
        }
        self.sync();
        // What only the lost process knew.
        self.committed = self.identity.committed_index;
        lost.len()
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(index, _)| *index)
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.entries.last_key_value().map(|(index, _)| *index)
    }

    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        for record in records {
            let purged = self.purged.as_ref().map(|purged| purged.index);
            let before = self.last().or(purged);
            if before.is_some_and(|before| before + 1 != record.index) {
                return Err(JournalError::Refused(format!(
                    "entry {} where the log ends at {before:?}",
                    record.index
                )));
            }
            if self.entries.is_empty() {
                self.unsynced_from = record.index;
            }
            self.entries.insert(record.index, record.bytes.clone());
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) {
        self.unsynced_from = self.last().map_or(0, |last| last + 1);
    }

    /// The canary "acknowledge-before-flush": what it says to have synced is written by the next sync.
    pub(super) fn sync_late(&mut self) {
        let end = self.last().map_or(0, |last| last + 1);
        self.unsynced_from = self.claimed.min(end);
        self.claimed = end;
    }

    pub(super) fn read(&self, from: u64, to: u64) -> Vec<Record> {
        let record = |(index, bytes): (&u64, &Vec<u8>)| Record {
            index: *index,
            bytes: bytes.clone(),
        };
        self.entries.range(from..to.max(from)).map(record).collect()
    }

    pub(super) fn truncate_from(&mut self, index: u64) -> Result<(), JournalError> {
        let cuts = self.last().is_some_and(|last| index <= last);
        if cuts && self.committed > 0 && index <= self.committed {
            return Err(JournalError::Refused(format!(
                "a truncation from index {index} on: everything up to {} is committed",
                self.committed
            )));
        }
        self.entries.split_off(&index);
        self.unsynced_from = self.unsynced_from.min(index);
        self.claimed = self.claimed.min(index);
        Ok(())
    }

    pub(super) fn purge_to(&mut self, index: u64, marker: Vec<u8>) {
        if self
            .purged
            .as_ref()
            .is_some_and(|purged| purged.index >= index)
        {
            return;
        }
        self.entries = self.entries.split_off(&(index + 1));
        self.purged = Some(Purged { index, marker });
    }

    pub(super) fn save_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        data: &[u8],
    ) -> Result<(), JournalError> {
        if let Some(newest) = &self.snapshot
            && newest.meta.index > meta.index
        {
            return Err(JournalError::Refused(format!(
                "a snapshot at index {}: there is one at index {}",
                meta.index, newest.meta.index
            )));
        }
        self.snapshot = Some(Snapshot {
            meta: meta.clone(),
            data: data.to_vec(),
        });
        Ok(())
    }

    pub(super) fn save_vote(&mut self, vote: Vote) {
        self.identity.vote = Some(vote);
    }

    /// Records what of `index` is durable here.
    pub(super) fn note_committed(&mut self, index: u64) {
        let durable = self.durable();
        let reached = durable.last.max(durable.snapshot);
        self.committed = self.committed.max(index.min(reached));
        self.identity.committed_index = self.committed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(index: u64) -> Record {
        Record {
            index,
            bytes: vec![u8::try_from(index).unwrap()],
        }
    }

    fn content(synced: u64, unsynced: u64) -> Content {
        let mut content = Content::new(Uuid::from_u128(1));
        content
            .append(&(0..synced).map(record).collect::<Vec<_>>())
            .unwrap();
        content.sync();
        content
            .append(&(synced..synced + unsynced).map(record).collect::<Vec<_>>())
            .unwrap();
        content
    }

    #[test]
    fn what_was_not_synced_is_lost_and_the_rest_is_kept() {
        let mut content = content(5, 3);
        assert_eq!(content.durable().last, 4);
        assert_eq!(content.lose_unsynced(1), 2);
        assert_eq!(
            content.last(),
            Some(5),
            "the first of the three was written"
        );
        assert_eq!(content.durable().last, 5);
    }

    #[test]
    fn what_replaces_a_cut_end_is_not_synced_for_having_its_index() {
        let mut content = content(5, 0);
        content.truncate_from(2).unwrap();
        content.append(&[record(2), record(3)]).unwrap();
        assert_eq!(content.durable().last, 1);
        assert_eq!(content.lose_unsynced(0), 2);
    }

    #[test]
    fn a_disk_that_lacks_what_was_committed_does_not_open() {
        let mut content = content(5, 0);
        content.note_committed(4);
        assert!(content.check_memory().is_ok());
        content.entries.remove(&4);
        assert!(matches!(
            content.check_memory(),
            Err(JournalError::Amnesia { committed: 4, .. })
        ));
    }

    #[test]
    fn nothing_is_recorded_as_committed_above_what_is_synced() {
        let mut content = content(3, 5);
        content.note_committed(6);
        assert_eq!(content.identity.committed_index, 2);
    }
}

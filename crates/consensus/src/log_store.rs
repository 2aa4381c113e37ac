//! openraft's log over the journal.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{LogIdOptionExt, OptionalSend};
use prost::Message;
use vesta_journal::Record;

use crate::codec;
use crate::disk::{Disk, Store};
use crate::flusher::Flusher;
use crate::limits::APPEND_BYTES;
use crate::recent::Recent;
use crate::types::{Entry, LogId, TypeConfig, Vote};

/// The log: entries go into the journal at once and are made durable by the flusher.
#[derive(Clone)]
pub(crate) struct LogStore {
    reader: LogReader,
    flusher: Flusher,
}

impl LogStore {
    pub(crate) fn new(store: Store, flusher: Flusher) -> Self {
        LogStore {
            reader: LogReader {
                store,
                recent: Arc::default(),
            },
            flusher,
        }
    }

    fn disk(&self) -> &dyn Disk {
        &*self.reader.store
    }

    fn purged(&self) -> io::Result<Option<LogId>> {
        match self.disk().purged() {
            Some(purged) => Ok(Some(codec::decode_log_id(&purged.marker)?)),
            None => Ok(None),
        }
    }

    fn id_at(&self, index: u64) -> io::Result<Option<LogId>> {
        let entries = self.reader.read(index, index + 1)?;
        Ok(entries.first().map(|entry| entry.log_id))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let purged = self.purged()?;
        let last = match self.disk().last_index() {
            Some(index) => self.id_at(index)?,
            None => None,
        };
        Ok(LogState {
            last_purged_log_id: purged,
            last_log_id: last.max(purged),
        })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.reader.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.flusher.save_vote(codec::vote_to_journal(vote)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(index) = committed.index() {
            self.flusher.committed(index);
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let index = self.disk().identity().committed_index;
        // The journal says 0 before anything was committed, and entry 0 need not be. What is no
        // longer in the log is covered by a snapshot, which openraft looks at by itself.
        let log = self.disk().first_index()..=self.disk().last_index();
        if index == 0 || !log.contains(&Some(index)) || log.start().is_none() {
            return Ok(None);
        }
        self.id_at(index)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let records: Vec<Record> = entries
            .iter()
            .map(|entry| Record {
                index: entry.log_id.index,
                bytes: codec::entry_to_wire(entry).encode_to_vec(),
            })
            .collect();
        self.disk().append(&records).map_err(io::Error::other)?;
        {
            let mut recent = self.reader.recent();
            entries.into_iter().for_each(|entry| recent.push(entry));
        }
        self.flusher.appended(callback);
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.reader.recent().clear();
        self.flusher.truncate_from(last.next_index()).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.flusher
            .purge_to(upto.index, codec::encode_log_id(&upto))
            .await?;
        self.reader.recent().forget_to(upto.index);
        Ok(())
    }
}

/// Reads the log, for replication and for applying.
#[derive(Clone)]
pub(crate) struct LogReader {
    store: Store,
    recent: Arc<Mutex<Recent>>,
}

impl LogReader {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        // It is only a copy of the journal, whole after every step.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, from: u64, to: u64) -> io::Result<Vec<Entry>> {
        if from >= to {
            return Ok(Vec::new());
        }
        if let Some(entries) = self.recent().get(from, to) {
            return Ok(entries);
        }
        let records = self.store.read(from, to).map_err(io::Error::other)?;
        records
            .iter()
            .map(|record| Ok(codec::decode_entry(&record.bytes)?))
            .collect()
    }
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let from = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let end = self.store.last_index().map_or(0, |last| last + 1);
        let to = match range.end_bound() {
            Bound::Included(index) => index.saturating_add(1).min(end),
            Bound::Excluded(index) => (*index).min(end),
            Bound::Unbounded => end,
        };
        let first = self.store.first_index().unwrap_or(end);
        self.read(from.max(first), to)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.store.vote().map(codec::vote_from_journal))
    }

    /// Stops at about [`APPEND_BYTES`], so that an append stays small; always gives at least one
    /// entry.
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        // Old entries are read a few at a time: a long range of large ones must not be in memory at
        // once.
        const STEP: u64 = 64;
        let mut from = start;
        while from < end && bytes < APPEND_BYTES {
            let to = end.min(from + STEP);
            let step = self.try_get_log_entries(from..to).await?;
            if step.is_empty() {
                break;
            }
            for entry in step {
                bytes += codec::entry_bytes(&entry);
                if bytes > APPEND_BYTES && !entries.is_empty() {
                    return Ok(entries);
                }
                entries.push(entry);
            }
            from = to;
        }
        Ok(entries)
    }
}

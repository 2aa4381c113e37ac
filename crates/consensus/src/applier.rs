//! openraft's state machine over ours: applies in log order, builds and installs snapshots.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use prost::Message;

use crate::codec;
use crate::disk::Store;
use crate::failure::Failure;
use crate::limits::APPLY_RUN;
use crate::machine::StateMachine;
use crate::types::{Entry, LogId, Reply, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};

/// Drives the state machine. Its state is in memory; what is durable is the log and the snapshots.
pub(crate) struct Applier {
    store: Store,
    /// Never contended: only one thread drives it, and the lock makes it shareable, as openraft
    /// asks.
    machine: Mutex<Box<dyn StateMachine>>,
    failure: Failure,
    last: Option<LogId>,
    membership: StoredMembership,
}

impl Applier {
    pub(crate) fn new(store: Store, machine: Box<dyn StateMachine>, failure: Failure) -> Self {
        let machine = Mutex::new(machine);
        Applier {
            store,
            machine,
            failure,
            last: None,
            membership: StoredMembership::default(),
        }
    }

    fn machine(&mut self) -> &mut dyn StateMachine {
        self.machine
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
    }

    fn apply_one(&mut self, entry: Entry) -> io::Result<Reply> {
        let LogId { leader_id, index } = entry.log_id;
        let reply = match entry.payload {
            EntryPayload::Blank => Vec::new(),
            EntryPayload::Normal(command) => {
                // openraft would go on without its state machine after a panic.
                let machine = self.machine();
                let apply = || machine.apply(index, leader_id.term, &command.0);
                let applied = catch_unwind(AssertUnwindSafe(apply))
                    .unwrap_or_else(|panic| Err(panic_text(panic.as_ref())));
                applied.map_err(|error| self.stop(&format!("apply log entry {index}"), error))?
            }
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership);
                Vec::new()
            }
        };
        self.last = Some(entry.log_id);
        Ok(Reply(reply))
    }

    /// Publishes what was applied, and only then answers: whoever got a reply sees its effect.
    fn publish(&mut self, replies: &mut Vec<(ApplyResponder<TypeConfig>, Reply)>) {
        if let Some(last) = self.last {
            self.machine().applied(last.index);
        }
        for (responder, reply) in replies.drain(..) {
            responder.send(reply);
        }
    }

    fn stop(&self, what: &str, error: impl std::fmt::Display) -> io::Error {
        let text = format!("could not {what}: {error}");
        self.failure.report(text.clone());
        io::Error::other(text)
    }

    async fn read_snapshot(&self) -> io::Result<Option<Snapshot>> {
        let found = self.store.blocking(|disk| disk.snapshot()).await?;
        let found = found.map_err(|error| self.stop("read a snapshot", error))?;
        let Some(found) = found else { return Ok(None) };
        let meta = codec::decode_mark(&found.meta.extra)?;
        Ok(Some(Snapshot {
            meta,
            snapshot: Bytes::from(found.data),
        }))
    }
}

impl RaftStateMachine<TypeConfig> for Applier {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut replies = Vec::new();
        let mut unpublished = 0;
        while let Some((entry, responder)) = entries.try_next().await? {
            let reply = self.apply_one(entry)?;
            replies.extend(responder.map(|responder| (responder, reply)));
            unpublished += 1;
            if unpublished == APPLY_RUN {
                self.publish(&mut replies);
                unpublished = 0;
            }
        }
        if unpublished > 0 {
            self.publish(&mut replies);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        // Encoded here, between two applies, so that it is the state at exactly `last`.
        let state = self.machine().snapshot().map(Bytes::from);
        Builder {
            store: self.store.clone(),
            failure: self.failure.clone(),
            meta: SnapshotMeta {
                last_log_id: self.last,
                last_membership: self.membership.clone(),
            },
            state,
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        // At a restart openraft installs what the journal has already.
        let known = self
            .read_snapshot()
            .await?
            .is_some_and(|known| known.meta == *meta);
        if !known {
            save(&self.store, meta, snapshot.clone())
                .await
                .map_err(|error| self.stop("save a received snapshot", error))?;
        }
        let index = meta.last_log_id.map_or(0, |id| id.index);
        self.machine()
            .restore(index, &snapshot)
            .map_err(|error| self.stop(&format!("restore the snapshot of entry {index}"), error))?;
        self.last = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.publish(&mut Vec::new());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.read_snapshot().await
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "panicked: {}",
        text.unwrap_or_else(|| "no message".to_owned())
    )
}

/// A state on its way to disk.
pub(crate) struct Builder {
    store: Store,
    failure: Failure,
    meta: SnapshotMeta,
    state: Result<Bytes, String>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let built = match &self.state {
            Ok(state) => save(&self.store, &self.meta, state.clone())
                .await
                .map(|()| state.clone()),
            Err(error) => Err(io::Error::other(error.clone())),
        };
        let state = built.inspect_err(|error| {
            self.failure
                .report(format!("could not take a snapshot: {error}"));
        })?;
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot: state,
        })
    }
}

async fn save(store: &Store, meta: &SnapshotMeta, state: Bytes) -> io::Result<()> {
    let last = meta.last_log_id;
    let described = vesta_journal::SnapshotMeta {
        index: last.map_or(0, |id| id.index),
        id: last.map_or_else(
            || "empty".to_owned(),
            |id| format!("term-{}-index-{}", id.leader_id.term, id.index),
        ),
        extra: codec::mark_to_wire(meta).encode_to_vec(),
    };
    store
        .blocking(move |disk| disk.save_snapshot(&described, &state))
        .await?
        .map_err(io::Error::other)
}

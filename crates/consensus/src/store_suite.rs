//! openraft's own suite for stores, run on ours over a real journal.

use std::thread::JoinHandle;

use openraft::storage::{
    IOFlushed, RaftLogReader, RaftLogStorage, RaftLogStorageExt, RaftStateMachine,
};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use openraft::{EntryPayload, StorageError, StorageHelper};
use tempfile::TempDir;
use vesta_journal::Journal;

use crate::applier::Applier;
use crate::codec;
use crate::disk::Store;
use crate::failure::Failure;
use crate::flusher::Flusher;
use crate::limits::APPEND_BYTES;
use crate::log_store::LogStore;
use crate::machine::StateMachine;
use crate::types::{Command, Entry, SnapshotMeta, TypeConfig, Vote};

/// Remembers nothing.
struct Nothing;

impl StateMachine for Nothing {
    fn apply(&mut self, _: u64, _: u64, _: &[u8]) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
    fn applied(&mut self, _: u64) {}
    fn snapshot(&self) -> Result<Vec<u8>, String> {
        Ok(b"nothing".to_vec())
    }
    fn restore(&mut self, _: u64, snapshot: &[u8]) -> Result<(), String> {
        (snapshot == b"nothing")
            .then_some(())
            .ok_or_else(|| "not mine".to_owned())
    }
}

fn build() -> (TempDir, Store, LogStore, Applier, JoinHandle<()>) {
    let dir = tempfile::tempdir().unwrap();
    let (store, log, applier, thread) = open(&dir);
    (dir, store, log, applier, thread)
}

fn open(dir: &TempDir) -> (Store, LogStore, Applier, JoinHandle<()>) {
    let store = Store::real(Journal::open(&dir.path().join("data")).unwrap());
    let failure = Failure::new();
    let (flusher, thread) =
        Flusher::start(store.clone(), failure.clone(), crate::start::syncs()).unwrap();
    let log = LogStore::new(store.clone(), flusher);
    let applier = Applier::new(store.clone(), Box::new(Nothing), failure);
    (store, log, applier, thread)
}

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, Applier, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, Applier), StorageError<TypeConfig>> {
        let (dir, _store, log, applier, _thread) = build();
        Ok((dir, log, applier))
    }
}

#[test]
fn the_store_passes_the_suite_of_openraft() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(Suite::test_all(Builder)).unwrap();
}

fn entries(range: std::ops::Range<u64>, bytes: usize) -> Vec<Entry> {
    let payload = || EntryPayload::Normal(Command(vec![1; bytes].into()));
    range
        .map(|index| Entry {
            log_id: codec::log_id(1, index),
            payload: payload(),
        })
        .collect()
}

#[tokio::test]
async fn what_was_appended_is_there_after_the_store_is_opened_again() {
    let (dir, store, mut log, applier, thread) = build();
    log.blocking_append(entries(0..20, 10_000)).await.unwrap();
    log.truncate_after(Some(codec::log_id(1, 14)))
        .await
        .unwrap();
    drop((log, store, applier));
    thread.join().unwrap();

    let store = Store::real(Journal::open(&dir.path().join("data")).unwrap());
    let (flusher, _thread) =
        Flusher::start(store.clone(), Failure::new(), crate::start::syncs()).unwrap();
    let mut log = LogStore::new(store, flusher);
    let state = log.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, None);
    assert_eq!(state.last_log_id, Some(codec::log_id(1, 14)));
    let mut reader = log.get_log_reader().await;
    assert_eq!(
        reader.try_get_log_entries(..).await.unwrap(),
        entries(0..15, 10_000)
    );
}

#[tokio::test]
async fn a_read_for_replication_stops_at_the_size_of_an_append_but_gives_at_least_one_entry() {
    let (_dir, _store, mut log, _applier, _thread) = build();
    log.blocking_append(entries(0..5, APPEND_BYTES / 2))
        .await
        .unwrap();
    log.blocking_append(entries(5..6, APPEND_BYTES * 2))
        .await
        .unwrap();
    let mut reader = log.get_log_reader().await;
    assert_eq!(reader.limited_get_log_entries(0, 6).await.unwrap().len(), 1);
    assert_eq!(reader.limited_get_log_entries(5, 6).await.unwrap().len(), 1);
    assert_eq!(reader.limited_get_log_entries(6, 6).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_log_that_continues_far_behind_a_received_snapshot_begins_there() {
    let (_dir, _store, mut log, _applier, _thread) = build();
    log.blocking_append(entries(0..3, 10)).await.unwrap();
    // openraft purges to the snapshot's end, which this log never had.
    log.purge(codec::log_id(1, 99)).await.unwrap();
    let state = log.get_log_state().await.unwrap();
    assert_eq!(state.last_log_id, Some(codec::log_id(1, 99)));
    log.blocking_append(entries(100..102, 10)).await.unwrap();
    let mut reader = log.get_log_reader().await;
    assert_eq!(
        reader.try_get_log_entries(..).await.unwrap(),
        entries(100..102, 10)
    );
}

/// What is applied need not be durable here, a quorum has it: of that a power cut can leave the snapshot alone.
#[tokio::test]
async fn a_node_whose_snapshot_outlived_the_end_of_its_log_goes_on_after_it() {
    let (dir, store, mut log, mut applier, thread) = build();
    log.blocking_append(entries(0..5, 10)).await.unwrap();
    let meta = SnapshotMeta {
        last_log_id: Some(codec::log_id(1, 8)),
        ..SnapshotMeta::default()
    };
    let state = b"nothing".as_slice().into();
    applier.install_snapshot(&meta, state).await.unwrap();
    drop((log, store, applier));
    thread.join().unwrap();

    let (store, mut log, mut applier, _thread) = open(&dir);
    let mut helper = StorageHelper::new(&mut log, &mut applier).with_id(1);
    helper.get_initial_state().await.unwrap();
    let state = log.get_log_state().await.unwrap();
    let end = Some(codec::log_id(1, 8));
    assert_eq!((state.last_purged_log_id, state.last_log_id), (end, end));
    log.blocking_append(entries(9..11, 10)).await.unwrap();
    assert_eq!(store.last_index(), Some(10));
}

#[tokio::test]
async fn a_vote_is_durable_only_after_every_append_before_it() {
    let (_dir, _store, mut log, _applier, _thread) = build();
    let (appended, synced) = TypeConfig::oneshot();
    log.append(entries(0..50, 1000), IOFlushed::signal(appended))
        .await
        .unwrap();
    log.save_vote(&Vote::new(2, 1)).await.unwrap();
    let mut synced = std::pin::pin!(synced);
    assert!(
        futures::poll!(synced.as_mut()).is_ready(),
        "the vote overtook the append"
    );
}

#[tokio::test]
async fn the_committed_index_is_kept_and_found_again() {
    let (dir, store, mut log, applier, thread) = build();
    log.blocking_append(entries(0..10, 100)).await.unwrap();
    assert_eq!(log.read_committed().await.unwrap(), None);
    log.save_committed(Some(codec::log_id(1, 7))).await.unwrap();
    // In order with it, so it is done after this.
    log.save_vote(&Vote::new(2, 1)).await.unwrap();
    drop((log, store, applier));
    thread.join().unwrap();
    let store = Store::real(Journal::open(&dir.path().join("data")).unwrap());
    let (flusher, _thread) =
        Flusher::start(store.clone(), Failure::new(), crate::start::syncs()).unwrap();
    let mut log = LogStore::new(store, flusher);
    assert_eq!(
        log.read_committed().await.unwrap(),
        Some(codec::log_id(1, 7))
    );
}

#[tokio::test]
async fn a_log_cut_at_its_end_gives_the_new_entries() {
    let (_dir, _store, mut log, _applier, _thread) = build();
    log.blocking_append(entries(0..10, 10)).await.unwrap();
    log.truncate_after(Some(codec::log_id(1, 4))).await.unwrap();
    let again: Vec<Entry> = entries(5..7, 999);
    log.blocking_append(again.clone()).await.unwrap();
    let mut reader = log.get_log_reader().await;
    assert_eq!(reader.try_get_log_entries(5..).await.unwrap(), again);
    assert_eq!(
        reader.try_get_log_entries(..5).await.unwrap(),
        entries(0..5, 10)
    );
}

//! Injected failures of each write and sync: what was acknowledged stays, nothing more is acknowledged.
//! Failpoints are compiled into debug builds only.
#![cfg(any(debug_assertions, feature = "faults"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Place, meta, record, records};
use fail::FailScenario;
use vesta_journal::{Journal, JournalError, Vote};

const ENOSPC: &str = "return(28)";
const EIO: &str = "return(5)";

/// What a test asks of a journal.
type Act<'a> = &'a dyn Fn(&Journal) -> Result<(), JournalError>;

/// Every call that can fail answers with `expected` from now on.
fn assert_poisoned(journal: &Journal, expected: &JournalError) {
    let vote = Vote {
        term: 99,
        node_id: 1,
        committed: false,
    };
    let next = journal.last_index().map_or(0, |last| last + 1);
    let answers = [
        journal.append(&[record(next, 1)]),
        journal.sync(),
        journal.read(0, 9).map(drop),
        journal.truncate_from(next),
        journal.purge_to(0, Vec::new()),
        journal.save_vote(vote),
        journal.note_committed(1),
        journal.join(uuid::Uuid::nil(), 1, None),
        journal.founded(),
        journal.save_snapshot(&meta(100), b""),
        journal.snapshot().map(drop),
    ];
    for (call, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.as_ref(), Err(expected), "call {call}");
    }
    assert_ne!(journal.vote(), Some(vote));
}

/// Entries 1 to 3 are synced; then `act` fails at `point`, which is gone afterwards.
fn fails_once(
    point: &str,
    how: &str,
    act: impl Fn(&Journal) -> Result<(), JournalError>,
) -> (Place, JournalError) {
    let place = Place::with_entries(3);
    let journal = place.open();
    fail::cfg(point, how).unwrap();
    let error = act(&journal).unwrap_err();
    fail::remove(point);
    assert_poisoned(&journal, &error);
    drop(journal);
    (place, error)
}

#[test]
fn a_failed_append_poisons_and_appends_nothing() {
    let scenario = FailScenario::setup();
    let (place, error) = fails_once("journal.append", EIO, |journal| {
        journal.append(&[record(4, 9)])
    });
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    assert_eq!(place.open().read(0, 9).unwrap(), records(1..=3));
    scenario.teardown();
}

#[test]
fn a_failed_flush_poisons_and_is_never_retried() {
    let scenario = FailScenario::setup();
    let append_and_sync = |journal: &Journal| {
        journal.append(&[record(4, 9)])?;
        journal.sync()
    };
    let (place, error) = fails_once("journal.flush", EIO, append_and_sync);
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    assert_eq!(place.open().read(1, 4).unwrap(), records(1..=3));
    scenario.teardown();
}

#[test]
fn a_failed_fdatasync_poisons_and_is_never_retried() {
    let scenario = FailScenario::setup();
    let append_and_sync = |journal: &Journal| {
        journal.append(&[record(4, 9)])?;
        journal.sync()
    };
    let (place, error) = fails_once("journal.fdatasync", EIO, append_and_sync);
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    assert_eq!(place.open().read(1, 4).unwrap(), records(1..=3));
    scenario.teardown();
}

#[test]
fn every_sync_passes_the_flush_and_then_the_fdatasync() {
    let scenario = FailScenario::setup();
    for point in ["journal.flush", "journal.fdatasync"] {
        let acts: [Act<'_>; 4] = [
            &|journal| journal.sync(),
            &|journal| journal.truncate_from(3),
            &|journal| {
                journal.save_snapshot(&meta(1), b"state").unwrap();
                journal.purge_to(1, Vec::new())
            },
            // Large enough for the append to sync by itself.
            &|journal| journal.append(&[record(4, 1 << 20)]),
        ];
        for act in acts {
            let (place, _) = fails_once(point, EIO, act);
            // Whatever of it is on the disk now, it does not look like a loss.
            let last = place.open().last_index();
            assert!(last >= Some(2), "{point}: {last:?}");
        }
    }
    scenario.teardown();
}

#[test]
fn what_was_not_synced_is_never_recorded_as_committed() {
    let scenario = FailScenario::setup();
    let place = Place::with_entries(3);
    let journal = place.open();
    journal.append(&[record(4, 9)]).unwrap();
    fail::cfg("journal.fdatasync", EIO).unwrap();
    journal.sync().unwrap_err();
    fail::remove("journal.fdatasync");
    journal.note_committed(4).unwrap_err();
    drop(journal);
    assert_eq!(place.open().identity().committed_index, 0);
    scenario.teardown();
}

#[test]
fn a_vote_that_could_not_be_written_was_not_cast() {
    let scenario = FailScenario::setup();
    for point in ["journal.identity.write", "journal.identity.rename"] {
        let place = Place::with_entries(3);
        let journal = place.open();
        let first = Vote {
            term: 1,
            node_id: 1,
            committed: false,
        };
        journal.save_vote(first).unwrap();
        fail::cfg(point, EIO).unwrap();
        let error = journal
            .save_vote(Vote {
                term: 2,
                node_id: 2,
                committed: false,
            })
            .unwrap_err();
        fail::remove(point);
        assert_eq!(journal.vote(), Some(first), "{point}");
        assert_poisoned(&journal, &error);
        drop(journal);
        assert_eq!(place.open().vote(), Some(first), "{point}");
    }
    scenario.teardown();
}

#[test]
fn a_failed_note_of_the_committed_index_poisons() {
    let scenario = FailScenario::setup();
    let (place, _) = fails_once("journal.identity.write", EIO, |journal| {
        journal.note_committed(3)
    });
    assert_eq!(place.open().identity().committed_index, 0);
    scenario.teardown();
}

#[test]
fn a_join_that_could_not_be_written_left_the_directory_free() {
    let scenario = FailScenario::setup();
    let (place, _) = fails_once("journal.identity.rename", EIO, |journal| {
        journal.join(uuid::Uuid::new_v4(), 1, Some(b"members".to_vec()))
    });
    let identity = place.open().identity();
    assert_eq!((identity.cluster_id, identity.founding), (None, None));
    scenario.teardown();
}

#[test]
fn a_snapshot_that_could_not_be_written_leaves_the_one_before_and_a_working_journal() {
    let scenario = FailScenario::setup();
    let place = Place::with_entries(3);
    let journal = place.open();
    journal.save_snapshot(&meta(1), b"one").unwrap();
    fail::cfg("journal.snapshot.write", ENOSPC).unwrap();
    let error = journal.save_snapshot(&meta(2), b"two").unwrap_err();
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
    fail::remove("journal.snapshot.write");
    assert_eq!(journal.snapshot().unwrap().unwrap().data, b"one");
    journal.append(&[record(4, 9)]).unwrap();
    journal.sync().unwrap();
    journal.save_snapshot(&meta(2), b"two").unwrap();
    drop(journal);
    assert_eq!(place.open().snapshot().unwrap().unwrap().data, b"two");
    scenario.teardown();
}

#[test]
fn a_snapshot_that_could_not_be_renamed_poisons_and_leaves_the_one_before() {
    let scenario = FailScenario::setup();
    let place = Place::with_entries(3);
    let journal = place.open();
    journal.save_snapshot(&meta(1), b"one").unwrap();
    fail::cfg("journal.snapshot.rename", EIO).unwrap();
    let error = journal.save_snapshot(&meta(2), b"two").unwrap_err();
    fail::remove("journal.snapshot.rename");
    assert_poisoned(&journal, &error);
    drop(journal);
    assert_eq!(place.open().snapshot().unwrap().unwrap().data, b"one");
    scenario.teardown();
}

#[test]
fn a_full_disk_is_jrn008_in_every_write() {
    let scenario = FailScenario::setup();
    let vote = Vote {
        term: 5,
        node_id: 1,
        committed: false,
    };
    let cases: [(&str, Act<'_>); 5] = [
        ("journal.append", &|journal| journal.append(&[record(4, 9)])),
        ("journal.flush", &|journal| journal.sync()),
        ("journal.fdatasync", &|journal| journal.sync()),
        ("journal.identity.write", &|journal| journal.save_vote(vote)),
        ("journal.identity.rename", &|journal| {
            journal.save_vote(vote)
        }),
    ];
    for (point, act) in cases {
        let (place, error) = fails_once(point, ENOSPC, act);
        assert!(
            matches!(error, JournalError::DiskFull { .. }),
            "{point}: {error}"
        );
        assert!(error.to_string().contains("JRN008"), "{error}");
        assert_eq!(place.open().read(1, 4).unwrap(), records(1..=3), "{point}");
    }
    scenario.teardown();
}

#[test]
fn a_directory_that_could_not_be_made_ready_is_made_at_the_next_attempt() {
    let scenario = FailScenario::setup();
    for point in [
        "journal.identity.write",
        "journal.identity.rename",
        "journal.flush",
        "journal.fdatasync",
    ] {
        let place = Place::new();
        fail::cfg(point, EIO).unwrap();
        assert_eq!(place.refusal().code(), "JRN010", "{point}");
        fail::remove(point);
        assert_eq!(place.open().last_index(), None, "{point}");
    }
    scenario.teardown();
}

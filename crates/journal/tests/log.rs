//! Appending, reading, cutting at either end.

use std::sync::atomic::{AtomicBool, Ordering};

use vesta_journal::{JournalError, MAX_PART_BYTES, Purged, Record};

use crate::common::{Place, bytes, meta, record, records};

#[test]
fn entries_of_every_size_come_back_as_they_were_after_a_restart() {
    let place = Place::new();
    let sizes = [
        0,
        1,
        100,
        MAX_PART_BYTES - 1,
        MAX_PART_BYTES,
        MAX_PART_BYTES + 1,
        70_000,
        1 << 20,
    ];
    let written: Vec<Record> = sizes
        .iter()
        .zip(1..)
        .map(|(&size, index)| record(index, size))
        .collect();
    let journal = place.open();
    journal.append(&written).unwrap();
    assert_eq!(
        journal.read(0, 100).unwrap(),
        written,
        "readable before the sync"
    );
    journal.sync().unwrap();
    drop(journal);

    let journal = place.open();
    assert_eq!(
        (journal.first_index(), journal.last_index()),
        (Some(1), Some(8))
    );
    assert_eq!(journal.read(0, u64::MAX).unwrap(), written);
    assert_eq!(journal.read(3, 5).unwrap(), written[2..4]);
    assert_eq!(journal.read(5, 5).unwrap(), []);
    assert_eq!(journal.read(9, 12).unwrap(), []);
}

#[test]
fn entries_up_to_one_mebibyte_leave_the_blob_folder_empty() {
    let place = Place::new();
    let journal = place.open();
    let mut index = 0;
    // Sizes on both sides of the part size and of sled's thresholds, in single and in shared batches.
    for size in [
        4000,
        4096,
        9000,
        33_000,
        128 << 10,
        140_000,
        512 << 10,
        1 << 20,
    ] {
        for count in [1, 5] {
            let batch: Vec<_> = (0..count).map(|next| record(index + next, size)).collect();
            index += count;
            journal.append(&batch).unwrap();
            journal.sync().unwrap();
        }
    }
    journal.purge_to(index / 2, b"marker".to_vec()).unwrap();
    journal.sync().unwrap();
    assert_eq!(
        std::fs::read_dir(place.file("log/blobs")).unwrap().count(),
        0
    );
}

#[test]
fn an_append_with_a_gap_is_refused_and_changes_nothing() {
    let place = Place::with_entries(5);
    let journal = place.open();
    for wrong in [
        vec![record(7, 10)],
        vec![record(5, 10)],
        vec![record(6, 10), record(8, 10)],
    ] {
        let error = journal.append(&wrong).unwrap_err();
        assert!(matches!(error, JournalError::Refused(_)), "{error}");
    }
    assert_eq!(journal.last_index(), Some(5));
    journal.append(&[record(6, 10)]).unwrap();
    journal.append(&[]).unwrap();
    assert_eq!(journal.read(5, 9).unwrap().len(), 2);
}

#[test]
fn a_truncated_tail_stays_away_and_its_indexes_can_be_written_anew() {
    let place = Place::with_entries(600);
    let journal = place.open();
    journal.truncate_from(601).unwrap();
    journal.truncate_from(10).unwrap();
    assert_eq!(journal.last_index(), Some(9));
    drop(journal);

    let journal = place.open();
    assert_eq!(
        (journal.first_index(), journal.last_index()),
        (Some(1), Some(9))
    );
    let anew = Record {
        index: 10,
        bytes: b"another".to_vec(),
    };
    journal.append(std::slice::from_ref(&anew)).unwrap();
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(place.open().read(10, 12).unwrap(), [anew]);
}

#[test]
fn a_log_truncated_to_nothing_opens_again() {
    let place = Place::with_entries(3);
    place.open().truncate_from(0).unwrap();
    let journal = place.open();
    assert_eq!((journal.first_index(), journal.last_index()), (None, None));
    journal.append(&records(0..=2)).unwrap();
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(place.open().first_index(), Some(0));
}

#[test]
fn a_truncation_of_what_is_committed_is_refused() {
    let place = Place::with_entries(5);
    let journal = place.open();
    journal.note_committed(4).unwrap();
    let error = journal.truncate_from(4).unwrap_err();
    assert!(matches!(error, JournalError::Refused(_)), "{error}");
    assert_eq!(journal.last_index(), Some(5));
    journal.truncate_from(5).unwrap();
    assert_eq!(journal.last_index(), Some(4));
}

#[test]
fn a_purge_keeps_its_marker_and_the_rest_of_the_log() {
    let place = Place::with_entries(600);
    let journal = place.open();
    journal.save_snapshot(&meta(590), b"state").unwrap();
    journal.purge_to(590, b"marker".to_vec()).unwrap();
    journal.purge_to(300, b"older".to_vec()).unwrap();
    let purged = Some(Purged {
        index: 590,
        marker: b"marker".to_vec(),
    });
    assert_eq!(
        (journal.purged(), journal.first_index()),
        (purged.clone(), Some(591))
    );
    drop(journal);

    let journal = place.open();
    assert_eq!(
        (journal.purged(), journal.first_index()),
        (purged, Some(591))
    );
    assert_eq!(journal.read(0, 1000).unwrap(), records(591..=600));
}

#[test]
fn a_purge_beyond_the_end_empties_the_log_which_then_goes_on_after_it() {
    let place = Place::with_entries(5);
    let journal = place.open();
    journal.save_snapshot(&meta(90), b"state").unwrap();
    journal.purge_to(90, b"marker".to_vec()).unwrap();
    assert_eq!((journal.first_index(), journal.last_index()), (None, None));
    drop(journal);

    let journal = place.open();
    assert!(matches!(
        journal.append(&[record(6, 1)]),
        Err(JournalError::Refused(_))
    ));
    journal.append(&[record(91, 1)]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(place.open().first_index(), Some(91));
}

#[test]
fn a_purge_that_was_cut_short_is_finished_by_the_next_open() {
    let place = Place::with_entries(20);
    let journal = place.open();
    journal.save_snapshot(&meta(10), b"state").unwrap();
    journal.purge_to(10, b"marker".to_vec()).unwrap();
    drop(journal);
    // What a crash right after the marker was written leaves: entries that it covers.
    let engine = place.engine();
    let mut key = vec![1];
    key.extend(5_u64.to_be_bytes());
    key.extend(0_u32.to_be_bytes());
    engine.insert(&key, b"left over").unwrap();
    engine.flush().unwrap();
    drop(engine);

    let journal = place.open();
    assert_eq!(
        (journal.first_index(), journal.last_index()),
        (Some(11), Some(20))
    );
    drop(journal);
    assert_eq!(place.engine().get(&key).unwrap(), None);
}

#[test]
fn space_is_given_back_as_the_log_is_purged() {
    let place = Place::new();
    let journal = place.open();
    for round in 0..40_u64 {
        let batch: Vec<_> = (0..50)
            .map(|next| record(round * 50 + next, 8000))
            .collect();
        journal.append(&batch).unwrap();
        journal.sync().unwrap();
        if let Some(purged) = (round * 50).checked_sub(50) {
            journal.purge_to(purged, Vec::new()).unwrap();
        }
    }
    // 16 MB were written, 0.8 MB of them are left.
    assert!(
        journal.disk_bytes() < 10 << 20,
        "{} bytes",
        journal.disk_bytes()
    );
}

#[test]
fn readers_and_a_syncing_thread_see_only_whole_entries_while_others_append_and_purge() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&[record(0, 5000)]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                journal.sync().unwrap();
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let from = journal.first_index().unwrap_or(0);
                for Record { index, bytes: read } in journal.read(from, u64::MAX).unwrap() {
                    assert_eq!(read, bytes(index, 5000), "index {index}");
                }
            }
        });
        for index in 1..400 {
            journal.append(&[record(index, 5000)]).unwrap();
            if index % 40 == 0 {
                journal.purge_to(index - 20, Vec::new()).unwrap();
            }
            if index % 30 == 0 {
                journal.truncate_from(index).unwrap();
                journal.append(&[record(index, 5000)]).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(journal.last_index(), Some(399));
}

//! Damaged, lost and foreign files, each with its named error.

use std::fs;

use uuid::Uuid;
use vesta_journal::{Journal, JournalError, Vote};

use crate::common::{Place, copy_dir, flip_bit, meta, record, records};

/// The key of one part of an entry, as in the engine.
fn key(index: u64, part: u32) -> Vec<u8> {
    [&[1][..], &index.to_be_bytes(), &part.to_be_bytes()].concat()
}

/// A log whose last entry, number 4, has three parts.
fn with_long_tail(synced: bool) -> Place {
    let place = Place::with_entries(3);
    let journal = place.open();
    journal.append(&[record(4, 10_000)]).unwrap();
    if synced {
        journal.sync().unwrap();
    }
    place
}

fn remove(place: &Place, key: &[u8]) {
    let engine = place.engine();
    assert!(engine.remove(key).unwrap().is_some());
    engine.flush().unwrap();
}

fn assert_damaged(error: &JournalError, expected: u64) {
    match error {
        JournalError::LogDamaged { index, .. } => assert_eq!(*index, Some(expected), "{error}"),
        _ => panic!("{error}"),
    }
    let text = error.to_string();
    assert!(
        text.contains("JRN001") && text.contains(&format!("index {expected}")),
        "{text}"
    );
    assert!(text.contains("--form"), "it says how to rejoin: {text}");
}

#[test]
fn a_torn_tail_that_was_never_synced_is_cut() {
    let place = with_long_tail(false);
    remove(&place, &key(4, 2));
    let journal = place.open();
    assert_eq!(journal.last_index(), Some(3));
    assert_eq!(journal.read(0, 10).unwrap(), records(1..=3));
    journal.append(&[record(4, 20)]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(place.open().read(4, 5).unwrap(), [record(4, 20)]);
}

#[test]
fn a_torn_tail_that_was_synced_once_is_jrn001() {
    let place = with_long_tail(true);
    remove(&place, &key(4, 2));
    assert_damaged(&place.refusal(), 4);
}

#[test]
fn an_entry_with_a_hole_in_it_is_jrn001_even_at_the_end() {
    let place = with_long_tail(false);
    remove(&place, &key(4, 1));
    assert_damaged(&place.refusal(), 4);
}

#[test]
fn an_entry_that_lacks_parts_in_the_middle_of_the_log_is_jrn001() {
    let place = with_long_tail(false);
    let journal = place.open();
    journal.append(&[record(5, 10)]).unwrap();
    drop(journal);
    remove(&place, &key(4, 2));
    assert_damaged(&place.refusal(), 4);
}

#[test]
fn a_missing_entry_is_jrn001() {
    let place = Place::with_entries(9);
    remove(&place, &key(5, 0));
    assert_damaged(&place.refusal(), 5);
}

#[test]
fn a_missing_first_entry_is_jrn001() {
    let place = Place::with_entries(9);
    remove(&place, &key(1, 0));
    assert_damaged(&place.refusal(), 1);
}

#[test]
fn synced_entries_that_vanish_from_the_end_are_jrn001() {
    let place = Place::with_entries(9);
    remove(&place, &key(9, 0));
    assert_damaged(&place.refusal(), 9);
}

#[test]
fn a_value_that_changed_is_jrn001() {
    let place = Place::with_entries(9);
    let engine = place.engine();
    let mut value = engine.get(key(5, 0)).unwrap().unwrap().to_vec();
    value[50] ^= 1;
    engine.insert(key(5, 0), value).unwrap();
    engine.flush().unwrap();
    drop(engine);
    assert_damaged(&place.refusal(), 5);
}

#[test]
fn a_value_in_the_place_of_another_is_jrn001() {
    let place = Place::with_entries(9);
    let engine = place.engine();
    let value = engine.get(key(5, 0)).unwrap().unwrap();
    engine.insert(key(6, 0), value).unwrap();
    engine.flush().unwrap();
    drop(engine);
    assert_damaged(&place.refusal(), 6);
}

/// sled answers some flipped bits with an error, some with a panic, and some by cutting its log silently.
#[test]
fn a_flipped_bit_in_the_log_is_noticed_or_changes_nothing() {
    let place = Place::new();
    let journal = place.open();
    // Small and large entries, over two openings, so that sled has a snapshot of its own and a log behind it.
    journal.append(&records(1..=40)).unwrap();
    journal.append(&[record(41, 150_000)]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    let journal = place.open();
    journal.append(&records(42..=80)).unwrap();
    journal.sync().unwrap();
    let expected = journal.read(0, 100).unwrap();
    drop(journal);

    let data = place.file("log/db");
    let length = fs::metadata(&data).unwrap().len();
    let mut noticed = 0;
    let steps = 97;
    for step in 0..steps {
        let copy = Place::new();
        copy_dir(&place.dir, &copy.dir);
        flip_bit(&copy.file("log/db"), length * step / steps + step);
        match Journal::open(&copy.dir) {
            Ok(journal) => assert_eq!(journal.read(0, 100).unwrap(), expected, "step {step}"),
            Err(error) => {
                noticed += 1;
                assert!(
                    matches!(error.code(), "JRN001" | "JRN004"),
                    "step {step}: {error}"
                );
            }
        }
    }
    assert!(
        noticed > steps / 4,
        "only {noticed} of {steps} were noticed: is the file still mostly in use?"
    );
}

#[test]
fn a_log_file_cut_short_is_noticed_or_only_lost_what_was_unused() {
    let place = Place::new();
    let journal = place.open();
    let expected: Vec<_> = (1..=40).map(|index| record(index, 30_000)).collect();
    journal.append(&expected).unwrap();
    journal.sync().unwrap();
    drop(journal);
    let length = fs::metadata(place.file("log/db")).unwrap().len();
    let mut noticed = 0;
    for step in 0..20 {
        let copy = Place::new();
        copy_dir(&place.dir, &copy.dir);
        cut(&copy.file("log/db"), length * step / 20);
        match Journal::open(&copy.dir) {
            Ok(journal) => assert!(journal.read(0, 100).unwrap() == expected, "step {step}"),
            Err(error) => {
                noticed += 1;
                assert!(
                    matches!(error.code(), "JRN001" | "JRN004"),
                    "step {step}: {error}"
                );
            }
        }
    }
    assert!(noticed >= 10, "only {noticed}");
}

fn cut(path: &std::path::Path, length: u64) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(length)
        .unwrap();
}

#[test]
fn a_panic_of_the_engine_on_a_damaged_file_is_jrn001() {
    let place = Place::new();
    let journal = place.open();
    for index in 1..=20 {
        journal.append(&[record(index, 100_000)]).unwrap();
    }
    journal.sync().unwrap();
    drop(journal);
    let whole = fs::read(place.file("log/db")).unwrap();
    let mut panicked = 0;
    // Which stretches sled panics on depends on how it laid them out: about half of them, and not the same.
    for step in 1..12 {
        let copy = Place::new();
        copy_dir(&place.dir, &copy.dir);
        let mut content = whole.clone();
        let at = content.len() * step / 12;
        let end = content.len().min(at + (512 << 10));
        content[at..end].fill(0);
        fs::write(copy.file("log/db"), content).unwrap();
        if let Err(error) = Journal::open(&copy.dir) {
            assert!(matches!(error.code(), "JRN001" | "JRN004"), "{error}");
            panicked += usize::from(error.to_string().contains("panicked"));
        }
    }
    assert!(panicked > 0, "sled did not panic, so nothing was tested");
}

#[test]
fn a_half_written_snapshot_of_the_engine_does_not_prevent_opening() {
    // sled #1527: a crash while sled writes its snapshot.
    let place = Place::with_entries(9);
    drop(place.open());
    fs::write(place.file("log/snap.FFFFFFFFFFFFFFFF.generating"), b"half").unwrap();
    assert_eq!(place.open().last_index(), Some(9));
}

#[test]
fn a_file_among_the_blobs_is_jrn001() {
    let place = Place::with_entries(9);
    fs::write(place.file("log/blobs/0"), b"a value").unwrap();
    let error = place.refusal();
    assert!(matches!(error, JournalError::LogDamaged { .. }), "{error}");
    assert!(error.to_string().contains("blobs"), "{error}");
}

#[test]
fn a_file_among_the_blobs_fails_the_next_sync() {
    let place = Place::with_entries(9);
    let journal = place.open();
    fs::write(place.file("log/blobs/99999999"), b"a value").unwrap();
    assert_eq!(journal.sync().unwrap_err().code(), "JRN001");
    assert_eq!(
        journal.append(&[record(10, 10)]).unwrap_err().code(),
        "JRN001"
    );
}

#[test]
fn a_lost_or_empty_file_of_the_log_is_jrn001_with_its_name() {
    for name in ["log/db", "log/conf", "log-end"] {
        let place = Place::with_entries(9);
        fs::remove_file(place.file(name)).unwrap();
        let error = place.refusal();
        assert!(matches!(error, JournalError::LogDamaged { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains(place.file(name).to_str().unwrap()),
            "{error}"
        );
        // Nothing was made anew in its place: the second attempt says the same.
        assert_eq!(place.refusal(), error);
        fs::write(place.file(name), b"").unwrap();
        assert!(
            matches!(place.refusal(), JournalError::LogDamaged { .. }),
            "{name} empty"
        );
    }
}

#[test]
fn a_lost_log_folder_is_jrn001() {
    let place = Place::with_entries(9);
    fs::remove_dir_all(place.file("log")).unwrap();
    assert_eq!(place.refusal().code(), "JRN001");
}

#[test]
fn a_lost_snapshot_folder_is_jrn003() {
    let place = Place::with_entries(9);
    fs::remove_dir_all(place.file("snapshots")).unwrap();
    assert_eq!(place.refusal().code(), "JRN003");
}

#[test]
fn a_lost_identity_is_jrn002() {
    let place = Place::with_entries(9);
    fs::remove_file(place.file("identity")).unwrap();
    let error = place.refusal();
    assert!(
        matches!(error, JournalError::IdentityDamaged { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("JRN002"), "{error}");
}

#[test]
fn every_flipped_bit_of_the_identity_is_noticed() {
    let place = Place::with_entries(9);
    place
        .open()
        .save_vote(Vote {
            term: 7,
            node_id: 2,
            committed: true,
        })
        .unwrap();
    let path = place.file("identity");
    let whole = fs::read(&path).unwrap();
    for offset in 0..whole.len() as u64 {
        flip_bit(&path, offset);
        let code = place.refusal().code();
        // A flip in the format number can make it a newer one.
        assert!(
            matches!(code, "JRN002" | "JRN006"),
            "offset {offset}: {code}"
        );
        fs::write(&path, &whole).unwrap();
    }
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(place.refusal().code(), "JRN002", "cut to {length} bytes");
    }
}

#[test]
fn a_log_that_lost_committed_entries_is_jrn004_with_the_way_back() {
    let place = Place::with_entries(9);
    let journal = place.open();
    journal.note_committed(9).unwrap();
    drop(journal);
    let engine = place.engine();
    for index in 7..=9 {
        engine.remove(key(index, 0)).unwrap();
    }
    engine.flush().unwrap();
    drop(engine);
    let error = place.refusal();
    assert!(
        matches!(error, JournalError::Amnesia { committed: 9, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("JRN004") && text.contains("index 6"),
        "{text}"
    );
    assert!(
        text.contains("vesta cluster add") && text.contains("without --form"),
        "{text}"
    );
}

#[test]
fn a_member_whose_log_is_new_and_empty_is_jrn004() {
    // What sled makes of its folder when a power cut leaves its files without content.
    let place = Place::new();
    let journal = place.open();
    journal.join(Uuid::new_v4(), 1, None).unwrap();
    journal
        .save_vote(Vote {
            term: 1,
            node_id: 1,
            committed: true,
        })
        .unwrap();
    drop(journal);
    fs::remove_dir_all(place.file("log")).unwrap();
    place.engine().flush().unwrap();
    assert_eq!(place.refusal().code(), "JRN004");
}

#[test]
fn an_older_log_put_beside_a_newer_identity_is_refused() {
    let place = Place::with_entries(9);
    let old = Place::new();
    copy_dir(&place.file("log"), &old.dir);
    let journal = place.open();
    journal.append(&records(10..=20)).unwrap();
    journal.sync().unwrap();
    drop(journal);
    fs::remove_dir_all(place.file("log")).unwrap();
    copy_dir(&old.dir, &place.file("log"));
    assert_damaged(&place.refusal(), 10);
}

#[test]
fn a_directory_of_something_else_is_jrn005_and_left_alone() {
    let place = Place::new();
    fs::create_dir(&place.dir).unwrap();
    fs::write(place.file("notes.txt"), b"mine").unwrap();
    let error = place.refusal();
    assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
    assert!(
        error.to_string().contains("JRN005") && error.to_string().contains("notes.txt"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&place.dir).unwrap().count(), 1);
}

#[test]
fn a_file_in_place_of_the_directory_is_jrn005() {
    let place = Place::new();
    fs::write(&place.dir, b"a file").unwrap();
    assert_eq!(place.refusal().code(), "JRN005");
}

#[test]
fn the_log_of_another_directory_is_jrn005() {
    let (place, other) = (Place::with_entries(9), Place::with_entries(9));
    fs::remove_dir_all(place.file("log")).unwrap();
    copy_dir(&other.file("log"), &place.file("log"));
    let error = place.refusal();
    assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
    assert_eq!(other.open().last_index(), Some(9));
}

#[test]
fn a_snapshot_of_another_directory_is_jrn005() {
    let (place, other) = (Place::with_entries(9), Place::with_entries(9));
    for place in [&place, &other] {
        place.open().save_snapshot(&meta(5), b"state").unwrap();
    }
    let name = "snapshots/00000000000000000005.snapshot";
    fs::copy(other.file(name), place.file(name)).unwrap();
    assert_eq!(place.refusal().code(), "JRN005");
}

#[test]
fn a_newer_format_of_the_directory_is_jrn006() {
    let place = Place::with_entries(9);
    fs::write(
        place.file("identity"),
        "vesta journal format 2\nwhatever that holds\n",
    )
    .unwrap();
    let error = place.refusal();
    assert_eq!(
        error,
        JournalError::NewerFormat {
            path: place.file("identity"),
            found: 2,
            supported: 1
        }
    );
    assert!(error.to_string().contains("JRN006"), "{error}");
}

#[test]
fn a_newer_format_of_a_snapshot_is_jrn006() {
    let place = Place::with_entries(9);
    place.open().save_snapshot(&meta(5), b"state").unwrap();
    let path = place.file("snapshots/00000000000000000005.snapshot");
    let mut content = fs::read(&path).unwrap();
    content[8] = 2;
    let body = content.len() - 4;
    let crc = crc32c::crc32c(&content[..body]);
    content[body..].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, content).unwrap();
    assert_eq!(
        place.refusal(),
        JournalError::NewerFormat {
            path,
            found: 2,
            supported: 1
        }
    );
}

//! Snapshot files.

use vesta_journal::{JournalError, Snapshot};

use crate::common::{Place, bytes, flip_bit, meta, record};

fn snapshot_files(place: &Place) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(place.file("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_newest_snapshot_comes_back_and_the_one_before_is_kept() {
    let place = Place::with_entries(30);
    let journal = place.open();
    assert_eq!(journal.snapshot().unwrap(), None);
    for index in [10, 20, 30] {
        journal
            .save_snapshot(&meta(index), &bytes(index, 300_000))
            .unwrap();
    }
    let expected = Snapshot {
        meta: meta(30),
        data: bytes(30, 300_000),
    };
    assert_eq!(journal.snapshot().unwrap(), Some(expected.clone()));
    drop(journal);
    assert_eq!(place.open().snapshot().unwrap(), Some(expected));
    assert_eq!(
        snapshot_files(&place),
        [
            "00000000000000000020.snapshot",
            "00000000000000000030.snapshot"
        ]
    );
}

#[test]
fn a_snapshot_at_the_same_index_replaces_the_first_and_a_lower_one_is_refused() {
    let place = Place::with_entries(10);
    let journal = place.open();
    journal.save_snapshot(&meta(5), b"first").unwrap();
    journal.save_snapshot(&meta(5), b"second").unwrap();
    let error = journal.save_snapshot(&meta(4), b"lower").unwrap_err();
    assert!(matches!(error, JournalError::Refused(_)), "{error}");
    assert_eq!(journal.snapshot().unwrap().unwrap().data, b"second");
}

#[test]
fn what_a_crash_leaves_of_a_snapshot_is_ignored_and_removed() {
    let place = Place::with_entries(10);
    place.open().save_snapshot(&meta(5), b"state").unwrap();
    std::fs::write(place.file("snapshots/new.tmp"), b"half").unwrap();
    assert_eq!(place.open().snapshot().unwrap().unwrap().data, b"state");
    assert_eq!(snapshot_files(&place), ["00000000000000000005.snapshot"]);
}

#[test]
fn a_snapshot_alone_reaches_as_far_as_it_says() {
    // What the installation of a leader's snapshot leaves.
    let place = Place::new();
    let journal = place.open();
    journal.save_snapshot(&meta(70), b"state").unwrap();
    journal.note_committed(80).unwrap();
    assert_eq!(journal.identity().committed_index, 70);
    journal.purge_to(70, b"marker".to_vec()).unwrap();
    journal.append(&[record(71, 20)]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    let journal = place.open();
    assert_eq!(journal.snapshot().unwrap().unwrap().meta, meta(70));
    assert_eq!(journal.first_index(), Some(71));
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before_while_the_log_has_the_rest() {
    let place = Place::with_entries(30);
    let journal = place.open();
    journal.save_snapshot(&meta(10), b"ten").unwrap();
    journal.save_snapshot(&meta(20), b"twenty").unwrap();
    journal.purge_to(10, Vec::new()).unwrap();
    drop(journal);
    flip_bit(&place.file("snapshots/00000000000000000020.snapshot"), 60);
    assert_eq!(place.open().snapshot().unwrap().unwrap().data, b"ten");
}

#[test]
fn a_damaged_snapshot_with_the_log_purged_behind_it_is_jrn003() {
    let place = Place::with_entries(30);
    let journal = place.open();
    journal.save_snapshot(&meta(10), b"ten").unwrap();
    journal.save_snapshot(&meta(20), b"twenty").unwrap();
    journal.purge_to(15, Vec::new()).unwrap();
    drop(journal);
    flip_bit(&place.file("snapshots/00000000000000000020.snapshot"), 60);
    let error = place.refusal();
    assert!(
        matches!(error, JournalError::SnapshotDamaged { .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("JRN003") && text.contains("00000000000000000020.snapshot"),
        "{text}"
    );
}

#[test]
fn a_damaged_snapshot_beyond_the_log_is_jrn003_even_with_an_older_one() {
    let place = Place::with_entries(30);
    let journal = place.open();
    journal.save_snapshot(&meta(10), b"ten").unwrap();
    journal
        .save_snapshot(&meta(40), b"from the leader")
        .unwrap();
    drop(journal);
    flip_bit(&place.file("snapshots/00000000000000000040.snapshot"), 60);
    assert!(matches!(
        place.refusal(),
        JournalError::SnapshotDamaged { .. }
    ));
}

#[test]
fn a_damaged_snapshot_is_not_needed_while_the_log_has_everything() {
    let place = Place::with_entries(30);
    place.open().save_snapshot(&meta(20), b"state").unwrap();
    flip_bit(&place.file("snapshots/00000000000000000020.snapshot"), 60);
    assert_eq!(place.open().snapshot().unwrap(), None);
}

#[test]
fn a_lost_snapshot_with_the_log_purged_is_jrn003() {
    let place = Place::with_entries(30);
    let journal = place.open();
    journal.save_snapshot(&meta(20), b"state").unwrap();
    journal.purge_to(20, Vec::new()).unwrap();
    drop(journal);
    std::fs::remove_file(place.file("snapshots/00000000000000000020.snapshot")).unwrap();
    let error = place.refusal();
    assert!(
        matches!(error, JournalError::SnapshotDamaged { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("purged up to index 20"),
        "{error}"
    );
}

#[test]
fn every_flipped_bit_of_a_snapshot_is_noticed() {
    let place = Place::with_entries(30);
    let journal = place.open();
    journal
        .save_snapshot(&meta(20), b"state of the cluster")
        .unwrap();
    journal.purge_to(20, Vec::new()).unwrap();
    drop(journal);
    let path = place.file("snapshots/00000000000000000020.snapshot");
    let length = path.metadata().unwrap().len();
    for offset in (0..length).step_by(7) {
        flip_bit(&path, offset);
        assert!(
            matches!(place.refusal(), JournalError::SnapshotDamaged { .. }),
            "offset {offset}"
        );
        flip_bit(&path, offset);
    }
    place.open();
}

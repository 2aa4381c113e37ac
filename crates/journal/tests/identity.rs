//! Who a directory is, and what it remembers apart from the log.

use std::os::unix::fs::PermissionsExt;

use uuid::Uuid;
use vesta_journal::{Journal, JournalError, Vote};

use crate::common::{Place, record, records};

#[test]
fn a_new_directory_is_nobodys_and_for_its_owner_only() {
    let place = Place::new();
    let identity = place.open().identity();
    assert_eq!(
        (identity.cluster_id, identity.node_id, identity.vote),
        (None, None, None)
    );
    assert_eq!(identity.committed_index, 0);
    assert_eq!(
        place.dir.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(place.open().identity(), identity);
}

#[test]
fn an_existing_empty_directory_is_taken_and_closed_to_others() {
    let place = Place::new();
    std::fs::create_dir(&place.dir).unwrap();
    std::fs::set_permissions(&place.dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    // A volume mounted there brings this along.
    std::fs::create_dir(place.file("lost+found")).unwrap();
    place.open();
    assert_eq!(
        place.dir.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn a_directory_joins_one_cluster_for_good() {
    let place = Place::new();
    let (cluster, other) = (Uuid::new_v4(), Uuid::new_v4());
    place
        .open()
        .join(cluster, 3, Some(vec![0, 255, 16]))
        .unwrap();

    let journal = place.open();
    journal.join(cluster, 3, None).unwrap();
    for (cluster, node) in [(other, 3), (cluster, 4)] {
        let error = journal.join(cluster, node, None).unwrap_err();
        assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("JRN005"), "{error}");
    }
    let identity = journal.identity();
    assert_eq!(
        (identity.cluster_id, identity.node_id),
        (Some(cluster), Some(3))
    );
    assert_eq!(
        identity.founding,
        Some(vec![0, 255, 16]),
        "the second join leaves it alone"
    );
}

#[test]
fn the_founding_is_kept_until_it_is_done() {
    let place = Place::new();
    place
        .open()
        .join(Uuid::new_v4(), 1, Some(b"members".to_vec()))
        .unwrap();
    assert_eq!(
        place.open().identity().founding.as_deref(),
        Some(&b"members"[..])
    );
    place.open().founded().unwrap();
    assert_eq!(place.open().identity().founding, None);
}

#[test]
fn a_vote_is_on_the_disk_when_save_vote_returns() {
    let place = Place::new();
    let journal = place.open();
    for term in 1..4 {
        let vote = Vote {
            term,
            node_id: 2,
            committed: term % 2 == 0,
        };
        journal.save_vote(vote).unwrap();
        assert_eq!(journal.vote(), Some(vote));
        let text = std::fs::read_to_string(place.file("identity")).unwrap();
        assert!(text.contains(&format!("\"term\": {term}")), "{text}");
    }
    drop(journal);
    assert_eq!(
        place.open().vote(),
        Some(Vote {
            term: 3,
            node_id: 2,
            committed: false
        })
    );
}

#[test]
fn the_committed_index_is_never_recorded_above_what_is_synced() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&records(1..=3)).unwrap();
    journal.sync().unwrap();
    journal.append(&[record(4, 10)]).unwrap();
    journal.note_committed(9).unwrap();
    assert_eq!(journal.identity().committed_index, 3);
}

#[test]
fn the_committed_index_is_written_at_most_once_a_second_and_at_the_end() {
    let place = Place::with_entries(100);
    let journal = place.open();
    let started = std::time::Instant::now();
    journal.note_committed(1).unwrap();
    assert_eq!(journal.identity().committed_index, 1);
    for index in 2..=100 {
        journal.note_committed(index).unwrap();
    }
    if started.elapsed().as_millis() < 1000 {
        assert_eq!(journal.identity().committed_index, 1);
    }
    journal.note_committed(50).unwrap();
    drop(journal);
    assert_eq!(place.open().identity().committed_index, 100);
}

#[test]
fn a_directory_is_made_with_all_those_above_it() {
    let mut place = Place::new();
    place.dir = place.dir.join("some/where");
    drop(place.open());
    assert_eq!(place.open().last_index(), None);
}

#[test]
fn two_that_start_at_once_on_a_new_directory_get_it_or_are_told_that_it_is_in_use() {
    let place = Place::new();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Journal::open(&place.dir)))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert!(matches!(error, JournalError::Held { .. }), "{error}");
    }
}

#[test]
fn a_directory_that_is_open_is_refused_with_its_path_and_its_holder() {
    let place = Place::new();
    let _journal = place.open();
    let error = place.refusal();
    assert!(matches!(error, JournalError::Held { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(place.file("lock").to_str().unwrap()),
        "{text}"
    );
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
}

#[test]
fn a_creation_that_was_cut_short_is_done_again() {
    let place = Place::new();
    drop(place.open());
    // What a power cut in the middle leaves: an identity that is not ready, and parts of the rest.
    let text = std::fs::read_to_string(place.file("identity")).unwrap();
    let body = text.replace("\"ready\": true", "\"ready\": false");
    let body = &body[..body.rfind("crc32c").unwrap()];
    let crc = crc32c::crc32c(body.as_bytes());
    std::fs::write(place.file("identity"), format!("{body}crc32c {crc:08x}\n")).unwrap();
    std::fs::write(place.file("log/conf"), b"").unwrap();
    std::fs::remove_file(place.file("log-end")).unwrap();
    std::fs::write(place.file("identity.tmp"), b"half").unwrap();

    let journal = place.open();
    journal.append(&records(1..=3)).unwrap();
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(place.open().last_index(), Some(3));
}

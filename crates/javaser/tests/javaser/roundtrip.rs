//! What is read is written back.

use crate::fixtures;

#[test]
fn every_captured_message_is_written_back_as_the_same_bytes() {
    let all = fixtures::all();
    assert_eq!(all.len(), 146);
    for fixture in all {
        let stream = fixtures::read(&fixture.stream);
        assert!(stream.value().is_ok(), "{} is one value", fixture.name);
        assert!(
            fixtures::write(&stream) == fixture.stream,
            "{} is written differently",
            fixture.name
        );
    }
}

#[test]
fn every_captured_message_has_the_structure_that_was_decoded_elsewhere() {
    for fixture in fixtures::all() {
        let start = fixture.dump.find("\n#0 ").unwrap() + 1;
        let stream = fixtures::read(&fixture.stream);
        let dump = crate::dump::dump(&stream);
        crate::dump::assert_same(&dump, &fixture.dump[start..]);
    }
}

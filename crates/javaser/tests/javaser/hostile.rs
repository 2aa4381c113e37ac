//! Streams that somebody made to do harm.

use vesta_javaser::{Graph, Limits, Problem, ReadError, Stream, WriteError};

/// A stream with this body.
fn stream(body: &[u8]) -> Vec<u8> {
    [&[0xAC, 0xED, 0, 5], body].concat()
}

fn refused(body: &[u8]) -> ReadError {
    Stream::read(&stream(body), &Limits::default()).unwrap_err()
}

/// `TC_CLASSDESC` up to its superclass, with no fields.
fn class(name: &str, uid: i64, flags: u8) -> Vec<u8> {
    let mut bytes = vec![0x72, 0, name.len() as u8];
    bytes.extend(name.as_bytes());
    bytes.extend(uid.to_be_bytes());
    bytes.extend([flags, 0, 0, 0x78]);
    bytes
}

fn handle(at: u32) -> Vec<u8> {
    let handle = (0x7E_0000 + at).to_be_bytes();
    [&[0x71][..], &handle].concat()
}

#[test]
fn what_is_no_java_stream_is_refused_at_its_first_byte() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"",
        b"\xAC\xED",
        b"\xAC\xED\0\x04",
    ] {
        let error = Stream::read(bytes, &Limits::default()).unwrap_err();
        assert_eq!(error.offset, 0);
        assert!(
            matches!(error.problem, Problem::NotAStream { .. }),
            "{error}"
        );
    }
    let text = Stream::read(b"GET /", &Limits::default())
        .unwrap_err()
        .to_string();
    let expected = "byte 0 of the Java stream: it begins with [47, 45, 54, 20]; \
                    Java streams of version 5 begin with ac ed 00 05";
    assert_eq!(text, expected);
}

#[test]
fn a_stream_above_the_length_limit_is_refused_unread() {
    let limits = Limits {
        max_bytes: 9,
        ..Limits::default()
    };
    let (length, limit) = (10, 9);
    let error = Stream::read(&[0; 10], &limits).unwrap_err();
    assert_eq!(error.problem, Problem::TooLong { length, limit });
}

#[test]
fn a_count_is_not_believed_before_its_bytes_are_there() {
    let huge = i32::MAX.to_be_bytes();
    let of_bytes = [&[0x75][..], &class("[B", 0, 2), &[0x70], &huge].concat();
    let needed = i32::MAX as usize;
    assert_eq!(
        refused(&of_bytes).problem,
        Problem::Truncated { needed, left: 0 }
    );
    let of_longs = [&[0x75][..], &class("[J", 0, 2), &[0x70], &huge].concat();
    let needed = needed * 8;
    assert_eq!(
        refused(&of_longs).problem,
        Problem::Truncated { needed, left: 0 }
    );
    for rest in [
        [&[0x75][..], &class("[LC;", 0, 2), &[0x70], &huge].concat(),
        [&[0x75][..], &class("[Z", 0, 2), &[0x70], &huge].concat(),
        [&[0x7D][..], &huge].concat(),
        vec![0x72, 0, 1, b'C', 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xFF, 0xFF],
        vec![0x77, 0xFF],
        [&[0x7A][..], &huge].concat(),
        vec![0x7C, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0x74, 0xFF, 0xFF],
    ] {
        let error = refused(&rest);
        assert!(
            matches!(error.problem, Problem::Truncated { .. }),
            "{error}"
        );
        assert_eq!(error.offset, 4 + rest.len(), "at its end");
    }
}

#[test]
fn negative_counts_are_refused() {
    for rest in [
        [&[0x75][..], &class("[B", 0, 2), &[0x70], &[0xFF; 4]].concat(),
        [&[0x7D][..], &[0xFF; 4]].concat(),
        [&[0x7A][..], &[0xFF; 4]].concat(),
        [&[0x7C][..], &[0xFF; 8]].concat(),
    ] {
        let problem = refused(&rest).problem;
        assert_eq!(problem, Problem::NegativeCount { count: -1 });
    }
}

#[test]
fn a_handle_that_was_not_given_out_is_refused() {
    let known = 1;
    for handle in [0x7E_0001_u32, 0x7D_FFFF, 0, u32::MAX] {
        let rest = [&[0x74, 0, 1, b'x', 0x71][..], &handle.to_be_bytes()].concat();
        let error = refused(&rest);
        assert_eq!(error.problem, Problem::UnknownHandle { handle, known });
        assert_eq!(error.offset, 9);
    }
    let after_reset = [&[0x74, 0, 1, b'x', 0x79][..], &handle(0)].concat();
    let (handle, known) = (0x7E_0000, 0);
    assert_eq!(
        refused(&after_reset).problem,
        Problem::UnknownHandle { handle, known }
    );
}

#[test]
fn a_class_that_extends_itself_is_refused() {
    let itself = [&[0x73][..], &class("C", 1, 2), &handle(0)].concat();
    let problem = refused(&itself).problem;
    let (expected, found) = ("a class descriptor", "something that is not complete");
    assert_eq!(problem, Problem::WrongReference { expected, found });
}

#[test]
fn a_reference_must_be_to_what_stands_there() {
    let string = [0x74, 0, 1, b'x'];
    let found = "a string";
    let as_class = [&string[..], &[0x73], &handle(0)].concat();
    let expected = "a class descriptor";
    assert_eq!(
        refused(&as_class).problem,
        Problem::WrongReference { expected, found }
    );

    let constant = [&[0x7E][..], &class("E", 0, 0x12), &[0x70], &handle(0)].concat();
    let (expected, found) = ("a string", "a class descriptor");
    assert_eq!(
        refused(&constant).problem,
        Problem::WrongReference { expected, found }
    );

    let null_type = [
        0x72, 0, 1, b'C', 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, b'L', 0, 1, b'f', 0x70,
    ];
    let (expected, tag) = ("a string", 0x70);
    assert_eq!(
        refused(&null_type).problem,
        Problem::UnexpectedTag { expected, tag }
    );
    let (expected, tag) = ("a class descriptor", 0x70);
    assert_eq!(
        refused(&[0x73, 0x70]).problem,
        Problem::UnexpectedTag { expected, tag }
    );
}

#[test]
fn descriptors_that_no_jvm_accepts_are_refused() {
    let object = |class: &[u8]| [&[0x73], class, &[0x70]].concat();
    for (rest, why) in [
        (
            object(&class("C", 1, 6)),
            "both serializable and externalizable",
        ),
        (
            object(&class("E", 1, 0x12)),
            "an enum with a serialVersionUID or fields",
        ),
        (
            object(&class("E", 0, 0x12)),
            "an enum's constants are not written as objects",
        ),
        (
            object(&class("[I", 1, 2)),
            "an array is not written as an object",
        ),
        (
            object(&class("C", 1, 0)),
            "not serializable, so it has no instances in a stream",
        ),
        (
            [&[0x75][..], &class("C", 1, 2), &[0x70]].concat(),
            "not the class of an array: those begin with [ and the elements' type",
        ),
        (
            [&[0x75][..], &class("[", 1, 2), &[0x70]].concat(),
            "not the class of an array: those begin with [ and the elements' type",
        ),
        (
            [&[0x7E][..], &class("C", 1, 2), &[0x70]].concat(),
            "not an enum, but a constant of it follows",
        ),
        (
            [&[0x73][..], &class("C", 1, 2), &class("X", 1, 12), &[0x70]].concat(),
            "externalizable, below a class that is not",
        ),
    ] {
        let problem = refused(&rest).problem;
        assert!(
            matches!(&problem, Problem::BadClass { why: found, .. } if *found == why),
            "{problem}"
        );
    }
}

#[test]
fn a_class_name_made_for_logs_is_shown_on_one_line_and_cut() {
    let name = format!("x\n\u{1b}[31m{}", "y".repeat(200));
    let text = refused(&[&[0x73][..], &class(&name, 1, 0), &[0x70]].concat()).to_string();
    assert!(
        text.contains("x\\n\\u{1b}[31myyy") && text.contains('…'),
        "{text}"
    );
    assert!(text.len() < 300 && !text.contains('\n'));
}

#[test]
fn forms_that_no_jvm_writes_are_refused() {
    let long_block = [&[0x7A][..], &1_i32.to_be_bytes(), &[0]].concat();
    let long_string = [&[0x7C][..], &1_i64.to_be_bytes(), b"x"].concat();
    for rest in [long_block, long_string] {
        let error = refused(&rest);
        assert!(matches!(error.problem, Problem::LongForm { .. }), "{error}");
        assert_eq!(error.offset, 4);
    }
    let boolean = [&[0x75][..], &class("[Z", 0, 2), &[0x70, 0, 0, 0, 1, 2]].concat();
    assert_eq!(refused(&boolean).problem, Problem::BadBoolean { found: 2 });
    let field = [0x72, 0, 1, b'C', 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, b'V'];
    assert_eq!(
        refused(&field).problem,
        Problem::BadFieldType { letter: b'V' }
    );
    assert!(matches!(
        refused(&[0x74, 0, 1, 0xFF]).problem,
        Problem::BadString(_)
    ));
    for tag in [0x78, 0x6F, 0x7F, 0x00] {
        let expected = "an object";
        assert_eq!(
            refused(&[tag]).problem,
            Problem::UnexpectedTag { expected, tag }
        );
    }
}

#[test]
fn a_reset_or_an_exception_inside_an_object_is_refused() {
    let inside = |tag: u8| [&[0x73][..], &class("C", 1, 3), &[0x70, tag]].concat();
    assert_eq!(refused(&inside(0x79)).problem, Problem::ResetInside);
    assert_eq!(refused(&inside(0x7B)).problem, Problem::WriterGaveUp);
}

#[test]
fn depth_is_bounded_in_every_direction() {
    // Arrays in arrays, superclasses of superclasses, classes of objects in the annotations of classes.
    let arrays = [&[0x75][..], &class("[LC;", 0, 2), &[0x70, 0, 0, 0, 1]].concat();
    let again = [&[0x75][..], &handle(0), &[0, 0, 0, 1]].concat();
    let superclasses = class("C", 1, 2);
    let annotations = [0x72, 0, 1, b'C', 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0];
    for (first, rest) in [
        (&arrays[..], &again[..]),
        (&[0x73], &superclasses),
        (&[0x73], &annotations),
    ] {
        let limits = Limits {
            max_depth: usize::MAX,
            ..Limits::default()
        };
        let deep = stream(&[first, &rest.repeat(100_000)].concat());
        let error = Stream::read(&deep, &limits).unwrap_err();
        let limit = Limits::HARD_DEPTH;
        assert_eq!(error.problem, Problem::TooDeep { limit });
    }
}

/// Reads, writes and copies a stream of the greatest depth with less stack than a thread usually has.
fn in_a_small_stack(body: &[u8]) {
    let bytes = stream(body);
    let work = move || {
        let read = Stream::read(&bytes, &Limits::default()).unwrap();
        assert!(read.write(&Limits::default()).unwrap() == bytes);
        let mut graph = Graph::new();
        let copy = graph.import(read.value().unwrap());
        let copy = Stream::of(graph, copy).write(&Limits::default());
        assert!(copy.unwrap() == bytes);
    };
    let small = std::thread::Builder::new().stack_size(3 << 19);
    small.spawn(work).unwrap().join().unwrap();
}

#[test]
fn the_greatest_depth_fits_in_three_quarters_of_a_usual_stack() {
    let levels = Limits::HARD_DEPTH;
    let plain = [&class("C", 1, 3)[..], &[0x70]].concat();
    let again = [&[0x73][..], &handle(0)].concat();
    let objects = [&[0x73][..], &plain, &again.repeat(levels - 1)].concat();
    in_a_small_stack(&[&objects[..], &vec![0x78; levels]].concat());

    let first = [&[0x75][..], &class("[LC;", 0, 2), &[0x70, 0, 0, 0, 1]].concat();
    let again = [&[0x75][..], &handle(0), &[0, 0, 0, 1]].concat();
    in_a_small_stack(&[&first[..], &again.repeat(levels - 1), &[0x70]].concat());

    let superclasses = class("C", 1, 2).repeat(levels);
    in_a_small_stack(&[&superclasses[..], &[0x70]].concat());

    let annotated = [0x72, 0, 1, b'C', 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0].repeat(levels);
    in_a_small_stack(&[&annotated[..], &[0x78, 0x70].repeat(levels)].concat());
}

#[test]
fn a_part_that_nests_deeper_than_the_whole_did_is_refused_when_it_is_written() {
    // An array of 300 objects, each of which refers to the one before it: 2 levels seen from the array, 300 from the
    // last object.
    const COUNT: u32 = 300;
    let mut body = [&[0x75][..], &class("[LC;", 0, 2), &[0x70]].concat();
    body.extend((COUNT as i32).to_be_bytes());
    let field = [b'L', 0, 1, b'p', 0x74, 0, 3, b'L', b'C', b';'];
    body.extend([0x73, 0x72, 0, 1, b'C', 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 1]);
    body.extend(field);
    body.extend([0x78, 0x70, 0x70]);
    // Handles: the array's class 0, the array 1, the class 2, the type's name 3, the first object 4.
    for at in 1..COUNT {
        body.extend([&[0x73][..], &handle(2), &handle(3 + at)].concat());
    }
    let bytes = stream(&body);
    let whole = Stream::read(&bytes, &Limits::default()).unwrap();
    assert!(whole.write(&Limits::default()).unwrap() == bytes);
    let last = *whole.value().unwrap().items().unwrap().last().unwrap();
    let mut graph = Graph::new();
    let part = graph.import(last);
    let limit = Limits::HARD_DEPTH;
    let error = Stream::of(graph, part).write(&Limits::default());
    assert_eq!(error.unwrap_err(), WriteError::TooDeep { limit });
}

#[test]
fn a_stream_above_the_length_limit_is_not_written() {
    let bytes = stream(&[0x74, 0, 2, b'x', b'y']);
    let read = Stream::read(&bytes, &Limits::default()).unwrap();
    let limits = |max_bytes| Limits {
        max_bytes,
        ..Limits::default()
    };
    assert!(read.write(&limits(9)).is_ok());
    let limit = 8;
    let error = read.write(&limits(limit)).unwrap_err();
    assert_eq!(error, WriteError::TooLong { limit });
}

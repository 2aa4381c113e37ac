//! Streams of a JVM with the forms that Spark's messages do not use (`tests/fixtures/jvm/Streams.java`).

use std::fs;

use vesta_javaser::graph::{Content, Elements, Node};
use vesta_javaser::{Limits, Problem, ReadError, Record, Stream, Value, View};

use crate::fixtures;

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixtures::folder().join(format!("jvm/{name}.bin"))).unwrap()
}

fn read(name: &str) -> Stream {
    fixtures::read(&bytes(name))
}

fn refused(name: &str) -> ReadError {
    Stream::read(&bytes(name), &Limits::default()).unwrap_err()
}

#[test]
fn every_form_that_a_jvm_writes_is_written_back_as_the_same_bytes() {
    let refused = ["externalizable-old-form", "writer-gave-up", "depth-300"];
    for path in fixtures::files(&fixtures::folder().join("jvm"), "bin") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if refused.contains(&name.as_str()) {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        assert!(fixtures::write(&fixtures::read(&bytes)) == bytes, "{name}");
    }
}

#[test]
fn primitives_are_read_exactly() {
    let stream = read("primitives");
    let object = stream.value().unwrap();
    let field = |name| object.field(name).unwrap().value();
    assert_eq!(field("no"), Value::Bool(false));
    assert_eq!(field("yes"), Value::Bool(true));
    assert_eq!(field("b"), Value::Byte(-5));
    assert_eq!(field("c"), Value::Char(0x20AC));
    assert_eq!(field("s"), Value::Short(-300));
    assert_eq!(field("i"), Value::Int(70000));
    assert_eq!(field("l"), Value::Long(1 << 40));
    assert_eq!(field("f"), Value::Float(1.5));
    // Java has one NaN in streams, whatever the bits were.
    assert!(matches!(field("nan"), Value::Float(nan) if nan.to_bits() == 0x7FC0_0000));
    assert!(matches!(field("d"), Value::Double(zero) if zero.to_bits() == 1 << 63));
    assert_eq!(field("infinite"), Value::Double(f64::NEG_INFINITY));
    assert_eq!(field("nothing"), Value::Null);
}

#[test]
fn arrays_of_every_kind_are_read_exactly() {
    let stream = read("arrays");
    let arrays = stream.value().unwrap().items().unwrap();
    let elements = |at: usize| arrays[at].elements().unwrap().clone();
    assert_eq!(elements(0), Elements::Bool(vec![true, false]));
    assert_eq!(elements(1), Elements::Byte(vec![1, -1]));
    assert_eq!(elements(2), Elements::Char(vec![0x61, 0xD83D]));
    assert_eq!(elements(3), Elements::Short(vec![-2]));
    assert_eq!(elements(4), Elements::Int(vec![3, -3]));
    assert_eq!(elements(5), Elements::Long(vec![i64::MIN]));
    assert_eq!(elements(6), Elements::Float(vec![0.5]));
    assert_eq!(elements(7), Elements::Double(vec![std::f64::consts::PI]));
    assert_eq!(elements(8), Elements::Int(vec![]));
    let nested = arrays[9].items().unwrap();
    assert_eq!(*nested[2].elements().unwrap(), Elements::Int(vec![2, 3]));
    assert!(nested[1].is_null());
    let strings = arrays[10].items().unwrap();
    assert_eq!(strings[0].text().unwrap(), "a");
    assert_eq!(strings[0].value(), strings[2].value(), "one object, twice");
}

#[test]
fn strings_are_read_as_java_means_them() {
    let stream = read("strings");
    let strings = stream.value().unwrap().items().unwrap();
    let texts: Vec<_> = strings.iter().map(|string| string.text().ok()).collect();
    let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
    assert_eq!(
        texts,
        [
            Some(""),
            Some("plain"),
            Some("a\0b"),
            Some("é€"),
            Some("x😀"),
            None
        ]
    );
    assert_eq!(
        strings[5].string().unwrap().to_str_lossy(),
        "alone \u{FFFD}"
    );
}

#[test]
fn a_string_above_65535_bytes_takes_the_long_form_and_no_other_does() {
    // A JVM's streams of 65,535 and 65,536 characters were compared with these once; they are too long to keep.
    for (length, head) in [
        (65_535, &[0x74, 0xFF, 0xFF][..]),
        (65_536, &[0x7C, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let mut bytes = vec![0xAC, 0xED, 0, 5];
        bytes.extend(head);
        bytes.extend(vec![b'x'; length]);
        let stream = fixtures::read(&bytes);
        assert_eq!(stream.value().unwrap().text().unwrap().len(), length);
        assert!(fixtures::write(&stream) == bytes);
    }
}

#[test]
fn a_field_is_found_in_the_class_that_declares_it() {
    let stream = read("shadowed-fields-and-blocks");
    let lower = stream.value().unwrap();
    assert_eq!(lower.get("name", View::text).unwrap(), "lower");
    assert_eq!(lower.get("only", View::int).unwrap(), 7);
    let upper = lower.field_of("Streams$Upper", "name").unwrap();
    assert_eq!(upper.text().unwrap(), "upper");
    assert_eq!(lower.field("self").unwrap().value(), lower.value());
}

#[test]
fn data_that_a_class_wrote_itself_are_kept_in_their_blocks() {
    let stream = read("shadowed-fields-and-blocks");
    let lower = stream.value().unwrap();
    let data = lower.data().unwrap();
    let Content::Block(first) = &data[0] else {
        panic!("it begins with an int");
    };
    assert_eq!(first[..4], 42_i32.to_be_bytes());
    assert!(first.ends_with(b"inside a block"));
    let Content::Value(between) = data[1] else {
        panic!("an object follows");
    };
    assert_eq!(lower.at(between).text().unwrap(), "between blocks");
    let lengths = data[2..].iter().map(|content| match content {
        Content::Block(bytes) => bytes.len(),
        Content::Value(_) => panic!("only bytes follow"),
    });
    assert_eq!(lengths.sum::<usize>(), 3000);
}

#[test]
fn an_externalizable_class_is_read_without_the_data_of_its_superclasses() {
    let stream = read("externalizable");
    let both = stream.value().unwrap().items().unwrap();
    for (object, name) in both
        .iter()
        .zip(["Streams$External", "Streams$BelowExternal"])
    {
        assert!(object.is_a(name));
        let data = object.data().unwrap();
        assert_eq!(data.len(), 3, "a long, a string, an int");
        assert_eq!(data[0], Content::Block(99_i64.to_be_bytes().into()));
    }
}

#[test]
fn an_externalizable_class_of_the_old_form_is_refused_because_its_end_is_unknown() {
    let error = refused("externalizable-old-form");
    assert_eq!(error.offset, 5, "where the class stands");
    let text = error.to_string();
    assert!(
        text.contains("Streams$External: externalizable in the old form"),
        "{text}"
    );
}

#[test]
fn a_constant_with_a_class_of_its_own_is_a_constant_of_the_enum() {
    let stream = read("enums");
    let all = stream.value().unwrap().items().unwrap();
    assert_eq!(all[0].constant().unwrap(), "RED");
    assert_eq!(all[1].constant().unwrap(), "GREEN");
    assert!(all[1].is_a("Streams$Colour"));
    assert_eq!(all[0].value(), all[2].value());
    assert!(all[3].class_literal().unwrap().is("Streams$Colour"));
}

#[test]
fn classes_are_values_too() {
    let stream = read("classes");
    let all = stream.value().unwrap().items().unwrap();
    let names: Vec<_> = all[..6]
        .iter()
        .map(|class| class.class_literal().unwrap().name())
        .collect();
    let expected = [
        "int",
        "[I",
        "java.lang.String",
        "Streams",
        "Streams$Upper",
        "Streams$Lower",
    ];
    assert_eq!(names, expected);
    let Some(Node::Class(lower)) = all[6].node() else {
        panic!("the last is a descriptor");
    };
    assert_eq!(lower.uid, 3);
}

#[test]
fn a_dynamic_proxy_is_an_object_of_a_class_of_interfaces() {
    let stream = read("proxy");
    let object = stream.value().unwrap();
    let Some(Node::Proxy(proxy)) = stream.graph.node(object.class().unwrap().id()) else {
        panic!("its class is a proxy's");
    };
    let interfaces: Vec<_> = proxy
        .interfaces
        .iter()
        .map(|name| name.to_str().unwrap())
        .collect();
    assert_eq!(interfaces, ["java.lang.Runnable", "java.lang.Comparable"]);
    assert!(object.field("h").unwrap().is_a("Streams$Handler"));
}

#[test]
fn a_reset_forgets_the_handles() {
    let stream = read("several-records-and-resets");
    let values = stream.records.iter().filter_map(|record| match record {
        Record::Content(Content::Value(value)) => Some(*value),
        Record::Content(Content::Block(_)) | Record::Reset => None,
    });
    let values: Vec<_> = values.collect();
    assert_eq!(values[0], values[1], "referred to before the reset");
    assert_ne!(values[1], values[2], "written anew after it");
    assert_eq!(
        values[2], values[3],
        "referred to by the first handle again"
    );
    assert_eq!(values[4], Value::Null);
    let resets = stream
        .records
        .iter()
        .filter(|record| **record == Record::Reset);
    assert_eq!(resets.count(), 2);
    assert!(matches!(
        stream.value().unwrap_err().problem,
        Problem::NotOneValue { .. }
    ));
}

#[test]
fn a_stream_whose_writer_gave_up_is_refused() {
    let error = refused("writer-gave-up");
    assert_eq!(error.problem, Problem::WriterGaveUp);
}

#[test]
fn cycles_are_read() {
    let stream = read("cycle");
    let first = stream.value().unwrap();
    let second = first.field("next").unwrap();
    assert_ne!(second.value(), first.value());
    assert_eq!(second.field("next").unwrap().value(), first.value());
}

#[test]
fn values_nested_deeper_than_the_limit_are_refused() {
    let deepest = |limit| Limits {
        max_depth: limit,
        ..Limits::default()
    };
    assert!(Stream::read(&bytes("depth-150"), &deepest(150)).is_ok());
    let error = Stream::read(&bytes("depth-150"), &deepest(149)).unwrap_err();
    assert_eq!(error.problem, Problem::TooDeep { limit: 149 });
    let error = Stream::read(&bytes("depth-300"), &deepest(usize::MAX)).unwrap_err();
    let limit = Limits::HARD_DEPTH;
    assert_eq!(error.problem, Problem::TooDeep { limit });
}

#[test]
fn what_a_writer_says_of_its_classes_is_kept() {
    let stream = read("annotated-classes");
    let Record::Content(Content::Value(first)) = stream.records[0] else {
        panic!("an object");
    };
    let class = View::new(&stream.graph, first).class().unwrap();
    let annotation = &class.desc().unwrap().annotation;
    assert_eq!(annotation.len(), 2, "a block and a string");
}

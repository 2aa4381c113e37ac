//! Taking a part of one stream into another.

use vesta_javaser::graph::{Content, Node};
use vesta_javaser::{ClassView, Graph, Limits, Record, Stream, Value, WriteError};

use crate::fixtures::{self, VERSIONS};

/// How many descriptors of a class there are.
fn descriptors(graph: &Graph, name: &str) -> usize {
    let named = |node: &Node| matches!(node, Node::Class(class) if class.name.is(name));
    graph.nodes().filter(|(_, node)| named(node)).count()
}

#[test]
fn a_whole_message_taken_into_an_empty_graph_is_written_as_it_came() {
    for fixture in fixtures::all() {
        let source = fixtures::read(&fixture.stream);
        let mut graph = Graph::new();
        let copy = graph.import(source.value().unwrap());
        let copy = fixtures::write(&Stream::of(graph, copy));
        assert!(copy == fixture.stream, "{}", fixture.name);
    }
}

#[test]
fn a_description_taken_out_of_a_message_stands_on_its_own_and_goes_back_in_unchanged() {
    for version in VERSIONS {
        let fixture = fixtures::named(version, "RegisterApplication");
        let source = fixtures::read(&fixture.stream);
        let description = source.value().unwrap().field("appDescription").unwrap();
        let mut graph = Graph::new();
        let alone = graph.import(description);
        let alone = fixtures::write(&Stream::of(graph, alone));

        let mut graph = Graph::new();
        let back = graph.import(fixtures::read(&alone).value().unwrap());
        assert!(
            fixtures::write(&Stream::of(graph, back)) == alone,
            "{version}"
        );
    }
}

#[test]
fn handles_are_numbered_anew_and_sharing_stays() {
    let fixture = fixtures::named("4.0.1", "RegisterApplication");
    let source = fixtures::read(&fixture.stream);
    let description = source.value().unwrap().field("appDescription").unwrap();
    let mut graph = Graph::new();
    let alone = graph.import(description);
    let stream = fixtures::read(&fixtures::write(&Stream::of(graph, alone)));
    let copy = stream.value().unwrap();
    let none = |name| copy.field(name).unwrap().value();
    assert_eq!(none("eventLogDir"), none("maxCores"), "one None");
    let command = copy.field("command").unwrap();
    let libraries = command.field("libraryPathEntries").unwrap();
    let classes = command.field("classPathEntries").unwrap();
    assert_eq!(libraries.value(), classes.value());
}

#[test]
fn classes_and_type_names_that_both_streams_have_are_written_once() {
    let first = fixtures::read(&fixtures::named("4.0.1", "RegisterWorker").stream);
    let second = fixtures::read(&fixtures::named("4.0.1", "Heartbeat").stream);
    let mut graph = Graph::new();
    let values = [&first, &second].map(|stream| graph.import(stream.value().unwrap()));
    let records = values
        .map(|value| Record::Content(Content::Value(value)))
        .into();
    let both = fixtures::read(&fixtures::write(&Stream { graph, records }));
    for name in [
        "org.apache.spark.rpc.netty.NettyRpcEndpointRef",
        "org.apache.spark.rpc.RpcEndpointRef",
        "org.apache.spark.rpc.RpcAddress",
    ] {
        assert_eq!(descriptors(&both.graph, name), 1, "{name}");
    }
    let types = both.graph.nodes().filter(|(_, node)| {
        matches!(node, Node::String(text) if text.is("Lorg/apache/spark/rpc/RpcEndpointRef;"))
    });
    assert_eq!(types.count(), 1);
}

#[test]
fn classes_of_one_name_and_different_versions_stay_apart() {
    let old = fixtures::read(&fixtures::named("4.0.1", "Heartbeat").stream);
    let new = fixtures::read(&fixtures::named("4.3.0", "Heartbeat").stream);
    let mut graph = Graph::new();
    let values = [&old, &new].map(|stream| graph.import(stream.value().unwrap()));
    let records = values
        .map(|value| Record::Content(Content::Value(value)))
        .into();
    let both = fixtures::read(&fixtures::write(&Stream { graph, records }));
    // RpcEndpointRef has another UID, so what extends it is another class too, though its own UID is the same.
    for name in [
        "org.apache.spark.rpc.RpcEndpointRef",
        "org.apache.spark.rpc.netty.NettyRpcEndpointRef",
    ] {
        assert_eq!(descriptors(&both.graph, name), 2, "{name}");
    }
    let heartbeat = "org.apache.spark.deploy.DeployMessages$Heartbeat";
    assert_eq!(descriptors(&both.graph, heartbeat), 1);
}

#[test]
fn forms_that_spark_does_not_use_are_taken_too() {
    for path in fixtures::files(&fixtures::folder().join("jvm"), "bin") {
        let bytes = std::fs::read(&path).unwrap();
        let Ok(source) = Stream::read(&bytes, &Default::default()) else {
            continue;
        };
        let mut graph = Graph::new();
        let mut importer = vesta_javaser::Importer::new(&source.graph, &mut graph);
        let mut reset = false;
        let records = source.records.iter().map(|record| match record {
            Record::Content(Content::Value(value)) => {
                Record::Content(Content::Value(importer.value(*value)))
            }
            other => {
                reset |= *other == Record::Reset;
                other.clone()
            }
        });
        let records = records.collect();
        let copy = fixtures::write(&Stream { graph, records });
        // What a reset parted is one again: then the bytes may differ, what they mean does not.
        assert!(reset || copy == bytes, "{}", path.display());
        assert_eq!(fixtures::write(&fixtures::read(&copy)), copy);
    }
}

#[test]
fn a_descriptor_can_be_taken_on_its_own() {
    let source = fixtures::read(&fixtures::named("4.3.0", "Heartbeat").stream);
    let reference = source.value().unwrap().field("worker").unwrap();
    let class: ClassView<'_> = reference.class().unwrap();
    let mut graph = Graph::new();
    let copy = graph.import(reference.at(Value::Ref(class.id())));
    let stream = fixtures::read(&fixtures::write(&Stream::of(graph, copy)));
    assert_eq!(
        descriptors(&stream.graph, "org.apache.spark.rpc.RpcEndpointRef"),
        1
    );
    assert_eq!(
        descriptors(&stream.graph, "org.apache.spark.rpc.RpcAddress"),
        0
    );
}

#[test]
fn a_value_that_is_not_of_its_graph_is_not_taken_for_another() {
    let [first, second] = ["Heartbeat", "RegisterWorker"]
        .map(|name| fixtures::read(&fixtures::named("4.0.1", name).stream));
    let foreign = second.value().unwrap().value();
    let mut graph = Graph::new();
    let copy = graph.import(first.value().unwrap().at(foreign));
    let error = Stream::of(graph, copy).write(&Limits::default());
    assert!(matches!(error.unwrap_err(), WriteError::ForeignNode { .. }));
}

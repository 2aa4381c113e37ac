//! Messages built from a version's classes are the bytes that Spark itself sends.

use vesta_javaser::graph::{Content, Elements};
use vesta_javaser::scala::{self, Library, build};
use vesta_javaser::{
    BuildError, Builder, ClassSet, Graph, Limits, Stream, Value, View, WriteError,
};

use crate::fixtures::{self, VERSIONS};

const MESSAGES: &str = "org.apache.spark.deploy.DeployMessages$";

fn library(version: &str) -> Library {
    match version {
        "3.5.6" => Library::V2_12,
        _ => Library::V2_13,
    }
}

fn message(to: &mut Builder<'_>, name: &str, fields: &[(&str, Value)]) -> Value {
    to.object(&format!("{MESSAGES}{name}"), fields).unwrap()
}

/// What a captured message holds and ours is to say, too.
struct Captured(Stream, Vec<u8>);

impl Captured {
    fn new(version: &str, name: &str) -> Self {
        let fixture = fixtures::named(version, name);
        Self(fixtures::read(&fixture.stream), fixture.stream)
    }

    fn message(&self) -> View<'_> {
        self.0.value().unwrap()
    }

    fn text(&self, field: &str) -> String {
        self.message().get(field, View::text).unwrap().into_owned()
    }

    fn int(&self, field: &str) -> Value {
        Value::Int(self.message().get(field, View::int).unwrap())
    }

    #[track_caller]
    fn is(&self, built: &Stream) {
        let bytes = fixtures::write(built);
        let ours = crate::dump::dump(&fixtures::read(&bytes));
        crate::dump::assert_same(&ours, &crate::dump::dump(&self.0));
        assert!(
            bytes == self.1,
            "the structure is the same, but the bytes differ"
        );
    }
}

/// A reference to the master's endpoint, as the specification of the wire has it.
fn master(to: &mut Builder<'_>, host: Value, port: i32) -> Value {
    let unit = to
        .constant("java.util.concurrent.TimeUnit", "SECONDS")
        .unwrap();
    let length = Value::Long(120);
    let duration = "scala.concurrent.duration.FiniteDuration";
    let duration = to
        .object(duration, &[("length", length), ("unit", unit)])
        .unwrap();
    let property = to.string("spark.rpc.askTimeout");
    let timeout = [("duration", duration), ("timeoutProp", property)];
    let timeout = to
        .object("org.apache.spark.rpc.RpcTimeout", &timeout)
        .unwrap();
    let address = address(to, host, port);
    let name = to.string("Master");
    let shown = to.view(host).text().unwrap().into_owned();
    let shown = to.string(&format!("spark://Master@{shown}:{port}"));
    let endpoint = [("name", name), ("rpcAddress", address), ("toString", shown)];
    let endpoint = to
        .object("org.apache.spark.rpc.RpcEndpointAddress", &endpoint)
        .unwrap();
    let reference = [
        ("endpointAddress", endpoint),
        ("defaultAskTimeout", timeout),
    ];
    to.object("org.apache.spark.rpc.netty.NettyRpcEndpointRef", &reference)
        .unwrap()
}

fn address(to: &mut Builder<'_>, host: Value, port: i32) -> Value {
    let fields = [("host", host), ("port", Value::Int(port))];
    to.object("org.apache.spark.rpc.RpcAddress", &fields)
        .unwrap()
}

#[test]
fn a_worker_is_told_that_it_is_registered_in_the_words_of_its_version() {
    for version in VERSIONS {
        let captured = Captured::new(version, "RegisteredWorker");
        let port = captured.message().field("masterAddress").unwrap();
        let port = port.get("port", View::int).unwrap();
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let host = to.string("127.0.0.1");
        let master = master(&mut to, host, port);
        let host = to.string("127.0.0.1");
        let address = address(&mut to, host, port);
        let url = to.string(&captured.text("masterWebUiUrl"));
        let fields = [
            ("duplicate", Value::Bool(false)),
            ("master", master),
            ("masterAddress", address),
            ("masterWebUiUrl", url),
        ];
        let message = message(&mut to, "RegisteredWorker", &fields);
        captured.is(&to.finish(message));
    }
}

#[test]
fn an_applications_own_description_is_passed_on_inside_a_launch() {
    for version in VERSIONS {
        let registration = Captured::new(version, "RegisterApplication");
        let captured = Captured::new(version, "LaunchExecutor");
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let description = registration.message().field("appDescription").unwrap();
        let description = to.import(description);
        let id = to.string(&captured.text("appId"));
        let url = to.string(&captured.text("masterUrl"));
        let resources = build::map(&mut to, library(version), &[]).unwrap();
        let mut fields = vec![
            ("appDesc", description),
            ("appId", id),
            ("masterUrl", url),
            ("resources", resources),
        ];
        for name in ["cores", "execId", "memory", "rpId"] {
            fields.push((name, captured.int(name)));
        }
        let message = message(&mut to, "LaunchExecutor", &fields);
        captured.is(&to.finish(message));
    }
}

#[test]
fn a_drivers_own_description_is_passed_on_inside_a_launch() {
    for version in VERSIONS {
        let captured = Captured::new(version, "LaunchDriver");
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let description = to.import(captured.message().field("driverDesc").unwrap());
        let id = to.string(&captured.text("driverId"));
        let resources = build::map(&mut to, library(version), &[]).unwrap();
        let fields = [
            ("driverDesc", description),
            ("driverId", id),
            ("resources", resources),
        ];
        let message = message(&mut to, "LaunchDriver", &fields);
        captured.is(&to.finish(message));
    }
}

#[test]
fn an_update_with_options_and_a_state_is_built() {
    for version in ["4.0.1", "4.3.0"] {
        let captured = Captured::new(version, "ExecutorUpdated-RUNNING");
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let library = library(version);
        // One object, however often it is asked for.
        let [exit, text, host] = [(); 3].map(|()| build::none(&mut to, library).unwrap());
        let state = "org.apache.spark.deploy.ExecutorState$";
        let state = build::enumeration(&mut to, library, state, 1).unwrap();
        let fields = [
            ("id", captured.int("id")),
            ("exitStatus", exit),
            ("message", text),
            ("state", state),
            ("workerHost", host),
        ];
        let message = message(&mut to, "ExecutorUpdated", &fields);
        captured.is(&to.finish(message));
    }
}

#[test]
fn a_state_for_scala_2_12_carries_an_enumeration_that_its_reader_replaces() {
    let classes = fixtures::classes("3.5.6");
    let mut to = Builder::new(&classes);
    let state = "org.apache.spark.deploy.ExecutorState$";
    let value = build::enumeration(&mut to, Library::V2_12, state, 4).unwrap();
    let built = fixtures::read(&fixtures::write(&to.finish(value)));
    let value = built.value().unwrap();
    assert_eq!(scala::enumeration(value).unwrap(), 4);
    let outer = value.field("$outer").unwrap();
    assert!(outer.is_a(state) && outer.field("nmap").unwrap().is_null());
    let theirs = value.field("scala$Enumeration$$outerEnum").unwrap();
    assert_eq!(outer.value(), theirs.value());
}

#[test]
fn lists_and_resources_are_built_as_the_real_classes_write_them() {
    for version in ["3.5.6", "4.3.0"] {
        let captured = Captured::new(version, "KillExecutors");
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let id = to.string(&captured.text("appId"));
        let executors = ["0", "2"].map(|id| to.string(id));
        let executors = build::list(&mut to, library(version), &executors).unwrap();
        let message = message(
            &mut to,
            "KillExecutors",
            &[("appId", id), ("executorIds", executors)],
        );
        captured.is(&to.finish(message));
    }
    for version in VERSIONS.into_iter().take(2) {
        let captured = Captured::new(version, "value-resources-map-gpu");
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let name = to.string("gpu");
        let addresses = build::string_array(&mut to, &["0", "1"]).unwrap();
        let information = "org.apache.spark.resource.ResourceInformation";
        let gpu = to
            .object(information, &[("name", name), ("addresses", addresses)])
            .unwrap();
        let map = build::map(&mut to, library(version), &[(name, gpu)]).unwrap();
        captured.is(&to.finish(map));
    }
}

/// A value as the only one of a stream.
fn alone(view: View<'_>) -> Stream {
    let mut graph = Graph::new();
    let value = graph.import(view);
    fixtures::read(&fixtures::write(&Stream::of(graph, value)))
}

#[track_caller]
fn assert_same(ours: &Stream, theirs: &Stream) {
    let ours = fixtures::read(&fixtures::write(ours));
    crate::dump::assert_same(&crate::dump::dump(&ours), &crate::dump::dump(theirs));
}

#[test]
fn an_environment_is_built_as_the_hash_map_that_a_client_sends() {
    for version in VERSIONS {
        let captured = Captured::new(version, "LaunchDriver");
        let command = captured
            .message()
            .field("driverDesc")
            .unwrap()
            .field("command")
            .unwrap();
        let mut environment = command.field("environment").unwrap();
        if let Ok(underlying) = environment.field("underlying") {
            environment = underlying;
        }
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let mut copy = |view: View<'_>| to.string(&view.text().unwrap());
        let entries = scala::map(environment).unwrap().into_iter();
        let entries: Vec<_> = entries
            .map(|(key, value)| (copy(key), copy(value)))
            .collect();
        let map = build::hash_map(&mut to, library(version), &entries).unwrap();
        assert_same(&to.finish(map), &alone(environment));
    }
}

#[test]
fn small_maps_are_built_as_they_are_captured() {
    for (version, message, size) in [
        ("3.5.6", "RequestExecutors-1193B", 3),
        ("3.5.6", "RequestExecutors-1455B", 2),
        ("4.0.1", "RequestExecutors-1415B", 3),
        ("4.0.1", "RequestExecutors-1825B", 2),
    ] {
        let captured = Captured::new(version, message);
        let totals = captured
            .message()
            .field("resourceProfileToTotalExecs")
            .unwrap();
        let (profile, _) = scala::map(totals).unwrap()[0];
        let resources = profile.field("executorResources").unwrap();
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let mut copy = |view: View<'_>| to.import(view);
        let entries = scala::map(resources).unwrap().into_iter();
        let entries: Vec<_> = entries
            .map(|(key, value)| (copy(key), copy(value)))
            .collect();
        assert_eq!(entries.len(), size, "{version} {message}");
        let map = build::map(&mut to, library(version), &entries).unwrap();
        assert_same(&to.finish(map), &alone(resources));
    }
}

#[test]
fn a_reply_is_built() {
    let classes = fixtures::classes("4.0.1");
    for (name, value) in [("Reply-Boolean-true", true), ("Reply-Boolean-false", false)] {
        let mut to = Builder::new(&classes);
        let reply = to
            .object("java.lang.Boolean", &[("value", Value::Bool(value))])
            .unwrap();
        Captured::new("4.0.1", name).is(&to.finish(reply));
    }
}

#[test]
fn a_descriptor_learned_from_a_peer_is_used_towards_it() {
    let mut classes = fixtures::classes("4.0.1");
    let heartbeat = Captured::new("4.3.0", "Heartbeat");
    let reference = heartbeat.message().field("worker").unwrap();
    classes.learn(reference.class().unwrap());

    let captured = Captured::new("4.3.0", "MasterChanged");
    let place = captured.message().field("master").unwrap();
    let place = place
        .field("endpointAddress")
        .unwrap()
        .field("rpcAddress")
        .unwrap();
    let port = place.get("port", View::int).unwrap();
    let mut to = Builder::new(&classes);
    let host = to.string(&place.get("host", View::text).unwrap());
    let master = master(&mut to, host, port);
    let url = to.string(&captured.text("masterWebUiUrl"));
    let fields = [("master", master), ("masterWebUiUrl", url)];
    let message = message(&mut to, "MasterChanged", &fields);
    captured.is(&to.finish(message));
}

#[test]
fn a_class_is_given_another_number_also_where_others_extend_it() {
    const REFERENCE: &str = "org.apache.spark.rpc.RpcEndpointRef";
    const NETTY: &str = "org.apache.spark.rpc.netty.NettyRpcEndpointRef";
    let above = |classes: &ClassSet| {
        let class = classes.get(NETTY).unwrap().super_class().unwrap();
        (class.uid(), classes.get(REFERENCE).unwrap().uid())
    };
    let mut classes = fixtures::classes("4.0.1");
    let (before, _) = above(&classes);
    assert!(classes.set_uid(REFERENCE, 7));
    assert_eq!(above(&classes), (7, 7));
    assert!(!classes.set_uid("no.such.Class", 7));
    // The class with its former number is another class.
    let heartbeat = Captured::new("4.0.1", "Heartbeat");
    let reference = heartbeat.message().field("worker").unwrap();
    classes.learn(reference.class().unwrap());
    assert_eq!(above(&classes), (before, before));
}

#[test]
fn what_does_not_fit_a_class_is_refused() {
    let classes = fixtures::classes("4.0.1");
    let mut to = Builder::new(&classes);
    let host = to.string("h");
    let address = "org.apache.spark.rpc.RpcAddress";
    let mut refused =
        |fields: &[(&str, Value)]| to.object(address, fields).unwrap_err().to_string();
    let port = ("port", Value::Int(1));
    assert_eq!(
        refused(&[port]),
        format!("class {address}: nothing was given for host")
    );
    assert_eq!(
        refused(&[port, ("host", host), ("name", host)]),
        format!("class {address} has no field name")
    );
    assert_eq!(
        refused(&[("port", Value::Long(1)), ("host", host)]),
        format!("{address}.port is I; it was given a long")
    );
    assert_eq!(
        refused(&[port, ("host", Value::Int(1))]),
        format!("{address}.host is Ljava/lang/String;; it was given an int")
    );
    let other = to.object(address, &[port, ("host", host)]).unwrap();
    let error = to.object(address, &[port, ("host", other)]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(&format!("it was given an object of class {address}"))
    );
    let array = build::string_array(&mut to, &[]).unwrap();
    let error = to.object(address, &[port, ("host", array)]).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it was given an array of class [Ljava.lang.String;")
    );
    let error = to.object("no.such.Class", &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "class no.such.Class is not in the class set"
    );
    for error in [
        to.object("java.util.concurrent.TimeUnit", &[]).unwrap_err(),
        to.object("[Ljava.lang.String;", &[]).unwrap_err(),
        to.constant(address, "X").unwrap_err(),
        to.array("[Ljava.lang.String;", Elements::Int(vec![1]))
            .unwrap_err(),
        to.array(address, Elements::References(vec![])).unwrap_err(),
        to.object_with_data("scala.Some", &[("value", host)], vec![Content::Value(host)])
            .unwrap_err(),
        to.set(host, "x", host).unwrap_err(),
    ] {
        assert!(matches!(error, BuildError::WrongClass { .. }), "{error}");
    }
}

#[test]
fn a_value_of_another_message_is_refused() {
    let classes = fixtures::classes("4.0.1");
    let mut first = Builder::new(&classes);
    let far = first.string("x");
    let mut second = Builder::new(&classes);
    second.string("in the same place as the other");
    let error = second.object("scala.Some", &[("value", far)]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("it was given a node of another graph"),
        "{text}"
    );
    let error = second
        .array("[Ljava.lang.Object;", Elements::References(vec![far]))
        .unwrap_err();
    assert!(matches!(error, BuildError::WrongType { .. }), "{error}");
    let data = vec![Content::Value(Value::Int(1))];
    let list = "scala.collection.generic.DefaultSerializationProxy";
    let error = second.object_with_data(list, &[("factory", Value::Null)], data);
    assert!(matches!(error.unwrap_err(), BuildError::WrongType { .. }));
    // And a stream that was put together by hand is refused when it is written.
    let stream = Stream::of(Graph::new(), far);
    assert!(stream.write(&Limits::default()).is_err());
    let stream = Stream::of(Graph::new(), Value::Int(1));
    let error = stream.write(&Limits::default()).unwrap_err();
    assert_eq!(error, WriteError::LoosePrimitive);
}

#[test]
fn cycles_are_built_by_setting_a_field_later() {
    let classes = fixtures::classes("4.0.1");
    let mut to = Builder::new(&classes);
    let some = build::some(&mut to, Value::Null).unwrap();
    to.set(some, "value", some).unwrap();
    let stream = fixtures::read(&fixtures::write(&to.finish(some)));
    let some = stream.value().unwrap();
    assert_eq!(some.field("value").unwrap().value(), some.value());
}

#[test]
fn a_file_of_descriptors_that_is_cut_names_the_record() {
    let path = fixtures::folder().join("spark-4.0.1/classdescs.dat");
    let bytes = std::fs::read(path).unwrap();
    let whole = ClassSet::from_dump(&bytes, &Limits::default()).unwrap();
    assert!(whole.names().count() >= 197);
    let cut = &bytes[..bytes.len() - 3];
    let error = ClassSet::from_dump(cut, &Limits::default()).unwrap_err();
    assert_eq!(error.record, 196);
    let mut broken = bytes.clone();
    let at = 2 + usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) + 4;
    broken[at] = 0;
    let error = ClassSet::from_dump(&broken, &Limits::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("record 0 of the class descriptors, at byte 0")
    );
}

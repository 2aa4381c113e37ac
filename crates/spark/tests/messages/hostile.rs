//! Messages that nobody should send are refused by what is wrong with them, and never bring a master down.

use vesta_javaser::scala::{Library, build};
use vesta_javaser::{Builder, ClassSet, Limits, Stream, Value, View};
use vesta_spark::message::*;
use vesta_types::Dialect;

use crate::fixtures::{VERSIONS, folder, load, names, profile, release};

/// The classes of what a master is sent, too.
fn classes(version: &str) -> &'static ClassSet {
    let dump = std::fs::read(folder(version).join("classdescs.dat")).unwrap();
    Box::leak(Box::new(
        ClassSet::from_dump(&dump, &Limits::default()).unwrap(),
    ))
}

/// Builds messages to a master.
pub struct Messages {
    to: Builder<'static>,
    library: Library,
}

pub fn messages(version: &str) -> Messages {
    Messages {
        to: Builder::new(classes(version)),
        library: match release(version).dialect {
            Dialect::Scala212 => Library::V2_12,
            Dialect::Scala213 => Library::V2_13,
        },
    }
}

impl Messages {
    pub fn import(&mut self, value: View<'_>) -> Value {
        self.to.import(value)
    }

    fn message(&mut self, name: &str, fields: &[(&str, Value)]) -> Value {
        let class = format!("org.apache.spark.deploy.DeployMessages${name}");
        self.to.object(&class, fields).unwrap()
    }

    fn bytes(self, message: Value) -> Vec<u8> {
        self.to.finish(message).write(&Limits::default()).unwrap()
    }

    pub fn submission(mut self, description: Value) -> Vec<u8> {
        let message = self.message("RequestSubmitDriver", &[("driverDescription", description)]);
        self.bytes(message)
    }

    /// A captured message with one field, found by the path to it, replaced.
    fn captured(mut self, version: &str, name: &str, path: &[&str], value: Value) -> Vec<u8> {
        let stream = Stream::read(&load(version, name).stream, &Limits::default()).unwrap();
        let message = self.to.import(stream.value().unwrap());
        let (field, path) = path.split_last().unwrap();
        let mut object = self.to.view(message);
        for field in path {
            object = object.field(field).unwrap();
        }
        let object = object.value();
        self.to.set(object, field, value).unwrap();
        self.bytes(message)
    }
}

fn read(bytes: &[u8]) -> Result<FromPeer, MessageError> {
    FromPeer::read("Master", bytes, &MessageLimits::default()).map(|received| received.message)
}

#[track_caller]
fn refused(bytes: &[u8], expected: &str) {
    let error = read(bytes).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_message_that_is_cut_or_of_which_a_byte_is_another_never_panics() {
    let mut tried = 0;
    let limits = MessageLimits::default();
    for version in VERSIONS {
        for name in names(version) {
            let fixture = load(version, &name);
            let Some(endpoint) = fixture.endpoint else {
                continue;
            };
            // Every eleventh byte of each, others in the next.
            for at in (tried % 11..fixture.stream.len()).step_by(11) {
                let mut broken = fixture.stream.clone();
                broken[at] ^= 1 << (at % 8);
                let _ = FromPeer::read(&endpoint, &broken, &limits);
                assert!(FromPeer::read(&endpoint, &fixture.stream[..at], &limits).is_err());
                tried += 1;
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
}

#[test]
fn a_release_that_is_not_known_is_refused_by_class_and_number() {
    let mut bytes = load("4.0.1", "CheckExistence-Master").stream;
    let number = 5_378_738_997_755_484_868_i64.to_be_bytes();
    let at = bytes.windows(8).position(|bytes| bytes == number).unwrap();
    bytes[at + 7] ^= 1;
    let limits = MessageLimits::default();
    let error = FromPeer::read("endpoint-verifier", &bytes, &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "class org.apache.spark.rpc.netty.RpcEndpointVerifier$CheckExistence with \
         serialVersionUID 5378738997755484869 is of no release of Spark that is known; \
         7789290765573734431 is of 3.4 and 3.5, 5378738997755484868 is of 4.0 to 4.3"
    );
}

#[test]
fn what_is_not_for_a_master_is_refused_by_class_and_endpoint() {
    let launch = load("4.0.1", "LaunchExecutor").stream;
    refused(
        &launch,
        "DeployMessages$LaunchExecutor is no message that endpoint Master takes",
    );
    let heartbeat = load("4.0.1", "Heartbeat").stream;
    let limits = MessageLimits::default();
    let error = FromPeer::read("Other\n", &heartbeat, &limits).unwrap_err();
    let error = error.to_string();
    assert!(error.ends_with("endpoint Other\\n takes"), "{error}");
    refused(b"GET / HTTP/1.1\r\n\r\n", "Java streams");
    // A string is no message.
    refused(b"\xAC\xED\0\x05t\0\x01a", "expected an object");
}

#[test]
fn a_reference_of_another_shape_is_refused() {
    // As if a release had given the class another field: its name is spoilt.
    let mut bytes = load("4.0.1", "Heartbeat").stream;
    let name = b"defaultAskTimeout";
    let at = bytes.windows(name.len()).position(|bytes| bytes == name);
    bytes[at.unwrap()] = b'D';
    refused(&bytes, "its one field is defaultAskTimeout");
}

#[test]
fn a_number_out_of_range_is_refused_by_its_name() {
    for (field, value, expected) in [
        (
            "cores",
            -1,
            "RegisterWorker.cores is -1; expected 0 or more",
        ),
        (
            "port",
            65536,
            "RegisterWorker.port is 65536; expected 0 to 65535",
        ),
    ] {
        let to = messages("4.0.1");
        let bytes = to.captured("4.0.1", "RegisterWorker", &[field], Value::Int(value));
        refused(&bytes, expected);
    }
    let path = ["state", "i"];
    let name = "ExecutorStateChanged-RUNNING";
    let bytes = messages("4.0.1").captured("4.0.1", name, &path, Value::Int(7));
    refused(&bytes, "state is 7; expected an executor's state: 0 to 6");
}

#[test]
fn a_collection_that_is_not_known_is_refused_by_its_class() {
    for (name, path) in [
        ("WorkerLatestState", &["driverIds"][..]),
        (
            "RegisterApplication",
            &["appDescription", "command", "javaOpts"],
        ),
    ] {
        let mut to = messages("4.0.1");
        let other = build::some(&mut to.to, Value::Null).unwrap();
        let bytes = to.captured("4.0.1", name, path, other);
        refused(&bytes, "class scala.Some is not known as a Seq");
    }
}

#[test]
fn a_field_that_is_missing_is_refused_by_its_name() {
    for (name, path, expected) in [
        ("Heartbeat", &["worker"][..], "Heartbeat.worker"),
        (
            "Heartbeat",
            &["worker", "endpointAddress", "rpcAddress"],
            "RpcEndpointAddress.rpcAddress",
        ),
        ("RegisterWorker", &["id"], "RegisterWorker.id"),
        ("RegisterApplication", &["appDescription"], "appDescription"),
    ] {
        let bytes = messages("4.0.1").captured("4.0.1", name, path, Value::Null);
        refused(&bytes, &format!("{expected}: expected"));
    }
}

#[test]
fn a_text_that_is_referred_to_again_and_again_is_not_copied_without_bound() {
    let mut to = messages("4.0.1");
    let long = to.to.string(&"x".repeat(50_000));
    let all = build::list(&mut to.to, to.library, &[long; 2_000]).unwrap();
    let bytes = to.captured("4.0.1", "WorkerLatestState", &["driverIds"], all);
    assert!(bytes.len() < 200_000);
    refused(&bytes, "takes more than 67108864 bytes");
}

#[test]
fn lists_that_hold_one_list_again_and_again_are_not_read_without_bound() {
    let mut to = messages("4.0.1");
    let id = to.to.string("driver");
    let gpu = to.to.string("gpu");
    let addresses = vec![""; 1_000];
    let addresses = build::string_array(&mut to.to, &addresses).unwrap();
    let information = [("name", gpu), ("addresses", addresses)];
    let class = "org.apache.spark.resource.ResourceInformation";
    let information = to.to.object(class, &information).unwrap();
    let resources = build::map(&mut to.to, to.library, &[(gpu, information)]).unwrap();
    let driver = [("driverId", id), ("resources", resources)];
    let driver = to.message("WorkerDriverStateResponse", &driver);
    let all = build::list(&mut to.to, to.library, &vec![driver; 2_000]).unwrap();
    let name = "WorkerSchedulerStateResponse-nonempty";
    let bytes = to.captured("4.0.1", name, &["driverResponses"], all);
    refused(&bytes, "takes more than 67108864 bytes");
}

#[test]
fn a_description_that_is_taken_can_be_passed_on_however_deep_it_is() {
    // One that refers back to its message lies deeper when it is passed on than it did in what came.
    let mut taken = Vec::new();
    for depth in 190..=198 {
        let mut to = messages("4.0.1");
        let mut nested = to.to.string("deep");
        for _ in 0..depth {
            nested = build::some(&mut to.to, nested).unwrap();
        }
        let stream = load("4.0.1", "RegisterApplication").stream;
        let stream = Stream::read(&stream, &Limits::default()).unwrap();
        let message = to.to.import(stream.value().unwrap());
        let field = |to: &Messages, name| to.to.view(message).field(name).unwrap().value();
        let (description, driver) = (field(&to, "appDescription"), field(&to, "driver"));
        to.to.set(description, "eventLogDir", message).unwrap();
        to.to.set(driver, "defaultAskTimeout", nested).unwrap();
        let application = match read(&to.bytes(message)) {
            Ok(FromPeer::RegisterApplication(application)) => application,
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                let expected = "ApplicationDescription can't be kept: values lie within";
                assert!(error.to_string().contains(expected), "{error}");
                continue;
            }
        };
        taken.push(depth);
        let launch = LaunchExecutor {
            master_url: "",
            app_id: "",
            exec_id: 0,
            rp_id: 0,
            description: &application.description.payload,
            cores: 1,
            memory_mib: 1,
            resources: &Resources::new(),
        };
        launch.write(&profile("4.0.1")).unwrap();
    }
    assert_eq!(taken, (190..=196).collect::<Vec<_>>());
}

#[test]
fn a_description_that_is_none_is_not_passed_on() {
    let launch = LaunchExecutor {
        master_url: "",
        app_id: "",
        exec_id: 0,
        rp_id: 0,
        description: b"not a stream",
        cores: 1,
        memory_mib: 1,
        resources: &Resources::new(),
    };
    let error = launch.write(&profile("4.0.1")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the description that is passed on")
    );
}

#[test]
fn what_no_capture_holds_is_read_too() {
    for version in VERSIONS {
        // An exception, of a class of Spark's own.
        let mut to = messages(version);
        let text = to.to.string("the jar is not there");
        let class = "java.lang.IllegalStateException";
        let fields = [("detailMessage", text)];
        let exception = to.to.sparse(class, &fields).unwrap();
        let exception = build::some(&mut to.to, exception).unwrap();
        let name = "DriverStateChanged-FINISHED";
        let bytes = to.captured(version, name, &["exception"], exception);
        let FromPeer::DriverStateChanged(changed) = read(&bytes).unwrap() else {
            panic!("another message");
        };
        let expected = format!("{class}: the jar is not there");
        assert_eq!(changed.exception, Some(expected));

        // Drivers that run on, and what they hold.
        let mut to = messages(version);
        let gpu = to.to.string("gpu");
        let addresses = build::string_array(&mut to.to, &["3", "5"]).unwrap();
        let class = "org.apache.spark.resource.ResourceInformation";
        let information = [("name", gpu), ("addresses", addresses)];
        let information = to.to.object(class, &information).unwrap();
        let resources = build::map(&mut to.to, to.library, &[(gpu, information)]).unwrap();
        let id = to.to.string("driver-1");
        let driver = [("driverId", id), ("resources", resources)];
        let driver = to.message("WorkerDriverStateResponse", &driver);
        let drivers = build::list(&mut to.to, to.library, &[driver]).unwrap();
        let executors = build::list(&mut to.to, to.library, &[]).unwrap();
        let id = to.to.string("worker-1");
        let fields = [
            ("id", id),
            ("driverResponses", drivers),
            ("execResponses", executors),
        ];
        let message = to.message("WorkerSchedulerStateResponse", &fields);
        let FromPeer::WorkerSchedulerStateResponse(response) = read(&to.bytes(message)).unwrap()
        else {
            panic!("another message");
        };
        let addresses = vec!["3".to_owned(), "5".to_owned()];
        let expected = DriverResponse {
            driver_id: "driver-1".to_owned(),
            resources: Resources::from([("gpu".to_owned(), addresses)]),
        };
        assert_eq!(response.drivers, [expected]);
    }
    // Limits of an application, and a request of which there is no capture at all.
    let mut to = messages("4.0.1");
    let number = build::int(&mut to.to, 6).unwrap();
    let six = build::some(&mut to.to, number).unwrap();
    let path = ["appDescription", "maxCores"];
    let bytes = to.captured("4.0.1", "RegisterApplication", &path, six);
    let FromPeer::RegisterApplication(application) = read(&bytes).unwrap() else {
        panic!("another message");
    };
    assert_eq!(application.description.max_cores, Some(6));
    let mut to = messages("4.0.1");
    let class = "org.apache.spark.deploy.DeployMessages$RequestKillAllDrivers$";
    let message = build::module(&mut to.to, to.library, class).unwrap();
    let read = read(&to.bytes(message)).unwrap();
    assert_eq!(read, FromPeer::RequestKillAllDrivers);
}

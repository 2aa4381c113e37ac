//! Looking at values.

use vesta_javaser::graph::{Content, Elements};
use vesta_javaser::{AccessError, View};

use crate::fixtures;

#[test]
fn fields_of_a_message_are_read_by_name() {
    let fixture = fixtures::named("4.0.1", "RegisterWorker");
    let stream = fixtures::read(&fixture.stream);
    let message = stream.value().unwrap();
    assert!(message.is_a("org.apache.spark.deploy.DeployMessages$RegisterWorker"));
    assert_eq!(message.get("cores", View::int).unwrap(), 2);
    assert_eq!(message.get("host", View::text).unwrap(), "127.0.0.1");
    let address = message
        .field("worker")
        .unwrap()
        .field("endpointAddress")
        .unwrap();
    assert_eq!(address.get("name", View::text).unwrap(), "Worker");
    let timeout = message
        .field("worker")
        .unwrap()
        .field("defaultAskTimeout")
        .unwrap();
    let duration = timeout.field("duration").unwrap();
    assert_eq!(duration.get("length", View::long).unwrap(), 120);
    assert_eq!(duration.get("unit", View::constant).unwrap(), "SECONDS");
}

#[test]
fn the_version_of_a_class_is_read_with_what_it_extends() {
    for (version, uid) in [
        ("3.5.6", -2_184_441_956_866_814_275),
        ("4.0.1", 3_898_290_494_905_438_830),
        ("4.3.0", -6_062_078_299_962_416_402),
    ] {
        let fixture = fixtures::named(version, "RegisterWorker");
        let stream = fixtures::read(&fixture.stream);
        let reference = stream.value().unwrap().field("worker").unwrap();
        let class = reference.class().unwrap().super_class().unwrap();
        assert_eq!(class.name(), "org.apache.spark.rpc.RpcEndpointRef");
        assert_eq!(class.uid(), uid, "{version}");
    }
}

#[test]
fn boxed_numbers_are_numbers() {
    let fixture = fixtures::named("4.0.1", "Reply-Boolean-true");
    let stream = fixtures::read(&fixture.stream);
    let reply = stream.value().unwrap();
    assert!(reply.bool().unwrap());
    let error = reply.int().unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected an int, found an object of class java.lang.Boolean"
    );
}

#[test]
fn an_error_names_the_field_and_the_kinds_and_shows_no_value() {
    let fixture = fixtures::named("3.5.6", "RequestSubmitDriver");
    let stream = fixtures::read(&fixture.stream);
    let driver = stream.value().unwrap().field("driverDescription").unwrap();
    let class = "org.apache.spark.deploy.DriverDescription";
    assert_eq!(
        driver.get("jarUrl", View::int).unwrap_err().to_string(),
        format!("{class}.jarUrl: expected an int, found a string")
    );
    assert_eq!(
        driver.field("memory").unwrap_err().to_string(),
        format!(
            "class {class} has no field memory; it has cores, mem, supervise, command, jarUrl, resourceReqs"
        )
    );
    assert!(matches!(
        driver.field_of("scala.Option", "value").unwrap_err(),
        AccessError::NotAbove { .. }
    ));
    assert_eq!(
        driver
            .field("cores")
            .unwrap()
            .field("x")
            .unwrap_err()
            .to_string(),
        "expected an object, found an int"
    );
}

#[test]
fn debug_output_of_a_whole_message_shows_no_text_of_it() {
    let fixture = fixtures::named("3.5.6", "RequestSubmitDriver");
    let stream = fixtures::read(&fixture.stream);
    let bytes = String::from_utf8_lossy(&fixture.stream);
    assert!(bytes.contains("/opt/spark"), "the environment is in it");
    let shown = format!("{stream:?} {:?}", stream.value());
    assert!(!shown.contains("/opt/spark") && !shown.contains("SPARK_HOME"));

    let secret = *b"hunter2";
    let block = Content::Block(Box::new(secret));
    let bytes = Elements::Byte(secret.map(u8::cast_signed).to_vec());
    let chars = Elements::Char(secret.map(u16::from).to_vec());
    for shown in [
        format!("{block:?}"),
        format!("{bytes:?}"),
        format!("{chars:?}"),
    ] {
        assert!(!shown.contains("104"), "the code of h: {shown}");
    }
}

//! The REST gateway, against what Spark's own clients ask and its own master answers.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};
use vesta_spark::message::DriverDescription;
use vesta_spark::rest::{Answer, Call, Masters, Method, Status, call, text};
use vesta_types::SparkRelease;

/// The body of what was recorded.
fn body(recorded: &str) -> &str {
    let recorded = recorded.trim_end();
    let at = recorded.find("\n{").or_else(|| recorded.find("\r\n{"));
    recorded[at.unwrap()..].trim()
}

const ASKED: [(&str, &str); 3] = [
    ("3.5.6", include_str!("fixtures/3.5.6-00-request.http.txt")),
    ("4.0.1", include_str!("fixtures/4.0.1-00-request.http.txt")),
    ("4.3.0", include_str!("fixtures/4.3.0-00-request.http.txt")),
];

fn masters(all: Option<&str>) -> Masters {
    Masters {
        own: "spark://m1:7077".into(),
        port: 7077,
        rest_port: 6066,
        all: all.map(str::to_owned),
    }
}

fn create(body: &str) -> Result<DriverDescription, Answer> {
    match call(Method::Post, "/v1/submissions/create", body.as_bytes())? {
        Call::Create(create) => Ok(create.driver(&masters(None)).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn request(properties: Value) -> String {
    json!({
        "action": "CreateSubmissionRequest",
        "clientSparkVersion": "4.0.1",
        "appResource": "file:/x.jar",
        "mainClass": "M",
        "appArgs": ["hunter2"],
        "environmentVariables": {"SPARK_SECRET": "hunter2", "SPARK_LOCAL_IP": "1", "SPARK_LOCAL_HOSTNAME": "h"},
        "sparkProperties": properties,
    })
    .to_string()
}

fn refused(body: &str) -> String {
    let answer = create(body).unwrap_err();
    assert_eq!(answer.code, 400);
    let said: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(said["action"], "ErrorResponse");
    said["message"].as_str().unwrap().to_owned()
}

#[test]
fn what_spark_submit_of_each_release_asks_makes_the_driver_that_its_own_gateway_makes() {
    for (version, recorded) in ASKED {
        let driver = create(body(recorded)).unwrap();
        let command = &driver.command;
        assert_eq!(command.release, SparkRelease::of_version(version).unwrap());
        assert_eq!(
            command.main_class,
            "org.apache.spark.deploy.worker.DriverWrapper"
        );
        assert_eq!(
            command.arguments,
            ["{{WORKER_URL}}", "{{USER_JAR}}", "WireMain", "60"]
        );
        assert_eq!(driver.jar_url, "file:/opt/demo/wiremain.jar");
        assert_eq!(
            (driver.memory_mib, driver.cores, driver.supervise),
            (512, 1, false)
        );
        assert!(command.environment.contains_key("SPARK_SCALA_VERSION"));
        assert!(!command.environment.contains_key("SPARK_LOCAL_IP"));
        let has = |option: &str| command.java_opts.iter().any(|it| it == option);
        assert!(has("-XX:+IgnoreUnrecognizedVMOptions"));
        assert!(has("--add-opens=java.base/sun.nio.ch=ALL-UNNAMED"));
        assert!(has("-Dspark.app.name=WireMain") && has("-Dspark.submit.deployMode=cluster"));
        assert_eq!(
            has("--add-modules=jdk.incubator.vector"),
            version.starts_with('4')
        );
    }
}

#[test]
fn an_answer_to_a_submission_and_to_a_question_is_spark_s_to_the_byte() {
    let id = "driver-20261121085750-0001";
    let recorded = include_str!("fixtures/4.0.1-01-response.http.txt");
    let answer = Answer::submitted("4.0.1", Ok(id), &[]);
    assert_eq!((answer.code, answer.body.as_str()), (200, body(recorded)));
    let recorded = include_str!("fixtures/4.0.1-03-response.http.txt");
    let worker = ("worker-20261121085718-127.0.0.1-21001", "127.0.0.1:21001");
    let status = Status {
        state: "RUNNING".into(),
        worker: Some((worker.0.into(), worker.1.into())),
        message: None,
    };
    let mut said: Value = serde_json::from_str(&Answer::status(id, Ok(Some(status))).body).unwrap();
    said["serverSparkVersion"] = "4.0.1".into();
    assert_eq!(text(&said), body(recorded));
}

#[test]
fn a_driver_has_what_the_properties_say_and_options_in_spark_s_order() {
    let driver = create(&request(json!({
        "spark.master": "spark://m1:6066,m2:6066,m3:6066",
        "spark.driver.memory": "2g",
        "spark.driver.cores": "3",
        "spark.driver.supervise": "true",
        "spark.driver.resource.gpu.amount": "2",
        "spark.driver.defaultJavaOptions": "-Dd=1",
        "spark.driver.extraJavaOptions": "-De='1 2' -Xss4m",
        "spark.driver.extraClassPath": "/a:/b",
        "spark.driver.extraLibraryPath": "/l",
        "spark.vesta.submissionKey": "019aa5c0-8d80-7000-8000-000000000001",
    })))
    .unwrap();
    assert_eq!(
        (driver.memory_mib, driver.cores, driver.supervise),
        (2048, 3, true)
    );
    assert_eq!(driver.resources.len(), 1);
    assert_eq!(
        (
            driver.resources[0].name.as_str(),
            driver.resources[0].amount
        ),
        ("gpu", 2)
    );
    let command = &driver.command;
    assert_eq!(command.class_path, ["/a", "/b"]);
    assert_eq!(command.library_path, ["/l"]);
    assert!(
        command
            .java_opts
            .ends_with(&["-Dd=1", "-De=1 2", "-Xss4m"].map(str::to_owned))
    );
    let has = |option: &str| command.java_opts.iter().any(|it| it == option);
    assert!(has("-Dspark.master=spark://m1:7077,m2:7077,m3:7077"));
    assert!(
        has("-Dspark.app.name=M"),
        "the main class is the name of what has none"
    );
    assert!(
        !command
            .java_opts
            .iter()
            .any(|it| it.contains("submissionKey")),
        "a restarted driver must not submit under it"
    );
    assert_eq!(
        command.environment.keys().collect::<Vec<_>>(),
        ["SPARK_SECRET"]
    );
}

#[test]
fn drivers_are_told_the_masters_that_this_one_was_told_of() {
    for (all, properties, told) in [
        (None, json!({}), "spark://m1:7077"),
        (
            Some("spark://a:1,b:2"),
            json!({"spark.master": "spark://x:6066"}),
            "spark://a:1,b:2",
        ),
    ] {
        let body = request(properties);
        let Ok(Call::Create(create)) =
            call(Method::Post, "/v1/submissions/create", body.as_bytes())
        else {
            panic!("it is a submission");
        };
        let driver = create.driver(&masters(all)).unwrap();
        let wanted = format!("-Dspark.master={told}");
        assert!(driver.command.java_opts.contains(&wanted));
    }
}

#[test]
fn a_python_program_is_told_its_name_as_spark_tells_it() {
    let mut body: Value = serde_json::from_str(&request(json!({"spark.app.name": "n"}))).unwrap();
    body["mainClass"] = "org.apache.spark.deploy.SparkSubmit".into();
    let driver = create(&body.to_string()).unwrap();
    assert_eq!(
        driver.command.arguments[3..],
        ["-c", "spark.app.name=n", "hunter2"]
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_what_is_wrong_and_none_of_its_values() {
    let valid: Value = serde_json::from_str(&request(json!({}))).unwrap();
    let without = |name: &str| {
        let mut body = valid.clone();
        body.as_object_mut().unwrap().remove(name);
        body.to_string()
    };
    let with = |name: &str, value: Value| {
        let mut body = valid.clone();
        body[name] = value;
        body.to_string()
    };
    let cases = [
        ("hunter2".to_owned(), "Malformed request: no JSON at line 1"),
        ("[]".to_owned(), "Action field not found in JSON"),
        (
            "{\"x\": \"hunter2\"}".to_owned(),
            "Action field not found in JSON",
        ),
        (with("action", "hunter2".into()), "unexpected type"),
        (
            without("clientSparkVersion"),
            "'clientSparkVersion' is missing",
        ),
        (
            with("clientSparkVersion", "2.4.8".into()),
            "3.4, 3.5 and 4.x",
        ),
        (without("appResource"), "'appResource' is missing"),
        (without("mainClass"), "Main class is missing."),
        (without("sparkProperties"), "No Spark properties set!"),
        (
            with("sparkProperties", json!(["hunter2"])),
            "'sparkProperties' is no object",
        ),
        (
            with("appArgs", json!({"a": "hunter2"})),
            "'appArgs' is no list",
        ),
        (
            with("environmentVariables", json!({"a": ["hunter2"]})),
            "'environmentVariables' is no object",
        ),
        (
            request(json!({"spark.driver.memory": "hunter2"})),
            "'spark.driver.memory' expected memory",
        ),
        (
            request(json!({"spark.driver.cores": "0"})),
            "'spark.driver.cores' expected numeric",
        ),
        (
            request(json!({"spark.driver.supervise": "hunter2"})),
            "'spark.driver.supervise' expected boolean",
        ),
        (
            request(json!({"spark.driver.resource.gpu.amount": "x"})),
            "expected numeric",
        ),
    ];
    for (body, wanted) in cases {
        let said = refused(&body);
        assert!(
            said.starts_with("Malformed request: ") && said.contains(wanted),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
    let Ok(Call::Create(create)) = call(
        Method::Post,
        "/v1/submissions/create",
        request(json!({})).as_bytes(),
    ) else {
        panic!("it is a submission");
    };
    assert!(!format!("{create:?}").contains("hunter2"));
}

#[test]
fn fields_that_mean_nothing_are_named_in_the_answer() {
    let mut body: Value = serde_json::from_str(&request(json!({}))).unwrap();
    body["extra"] = 1.into();
    let Ok(Call::Create(create)) = call(
        Method::Post,
        "/v1/submissions/create",
        body.to_string().as_bytes(),
    ) else {
        panic!("it is a submission");
    };
    assert_eq!(create.unknown, ["extra"]);
    let answer = Answer::submitted(&create.version, Ok("driver-1"), &create.unknown);
    assert!(
        answer
            .body
            .ends_with("\"unknownFields\" : [ \"extra\" ]\n}"),
        "{}",
        answer.body
    );
}

#[test]
fn a_wrong_path_is_refused_in_spark_s_words() {
    let right = "Please submit requests through http://[host]:[port]/v1/submissions/...";
    let action = "Missing an action: please specify one of /create, /kill, /killall, /clear, /status, or /readyz.";
    let cases = [
        (
            Method::Get,
            "/",
            400,
            format!("Missing protocol version. {right}"),
        ),
        (
            Method::Get,
            "/foo",
            468,
            format!("Unknown protocol version 'foo'. {right}"),
        ),
        (
            Method::Post,
            "/v2/submissions/create",
            468,
            format!("Unknown protocol version 'v2'. {right}"),
        ),
        (
            Method::Get,
            "/v1/",
            400,
            format!("Missing the /submissions prefix. {right}"),
        ),
        (
            Method::Get,
            "/v1/submissions",
            400,
            format!("{action} {right}"),
        ),
        (
            Method::Get,
            "/v1/submissions/foo",
            400,
            format!("{action} {right}"),
        ),
        (
            Method::Get,
            "/v1/submissions/status/",
            400,
            "Submission ID is missing in status request.".into(),
        ),
        (
            Method::Post,
            "/v1/submissions/kill",
            400,
            "Submission ID is missing in kill request.".into(),
        ),
        (
            Method::Get,
            "/v1/submissions/create",
            405,
            "Only HTTP method POST is supported by this URL.".into(),
        ),
        (
            Method::Other,
            "/v1/submissions/status/x",
            405,
            "Only HTTP method GET is supported by this URL.".into(),
        ),
    ];
    for (method, path, code, message) in cases {
        let answer = call(method, path, b"").unwrap_err();
        let said: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (answer.code, said["message"].as_str().unwrap()),
            (code, message.as_str()),
            "{path}"
        );
        assert_eq!(
            said["highestProtocolVersion"].as_str(),
            (code == 468).then_some("v1")
        );
    }
}

#[test]
fn every_other_action_is_understood() {
    let asked = |method, path| format!("{:?}", call(method, path, b"").unwrap());
    assert_eq!(
        asked(Method::Post, "/v1/submissions/kill/d-1"),
        "Kill(\"d-1\")"
    );
    assert_eq!(
        asked(Method::Get, "/v1/submissions/status/d-1/x"),
        "Status(\"d-1\")"
    );
    assert_eq!(asked(Method::Post, "/v1/submissions/killall"), "KillAll");
    assert_eq!(asked(Method::Post, "/v1/submissions/clear"), "Clear");
    assert_eq!(asked(Method::Get, "/v1/submissions/readyz"), "Ready");
    assert_eq!(
        (Answer::ready(true).code, Answer::ready(false).code),
        (200, 503)
    );
}

#[test]
fn json_is_laid_out_as_spark_lays_it_out() {
    let value = json!({"a": [], "b": {}, "c": [{"d": 1}, {"e": [1, 2]}]});
    let wanted = "{\n  \"a\" : [ ],\n  \"b\" : { },\n  \"c\" : [ {\n    \"d\" : 1\n  }, {\n    \"e\" : [ 1, 2 ]\n  } ]\n}";
    assert_eq!(text(&value), wanted);
}

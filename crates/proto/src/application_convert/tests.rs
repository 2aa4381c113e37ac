//! What a registration is refused for, and what comes through unchanged.

use vesta_types::limits::{CORES_MAX, ENDPOINT_ADDRESS_BYTES_MAX, ENDPOINT_NAME_BYTES_MAX};

use super::*;

const KEY: &str = "019aa5c0-8d80-7000-8000-000000000001";
const APP: &str = "app-20261121110000-0000";

fn description() -> ApplicationDescription {
    let profile = ResourceProfile {
        id: 0,
        cores: Some(2),
        memory_mib: 1024,
        named: BTreeMap::from([("gpu".to_owned(), 1)]),
    };
    ApplicationDescription {
        name: "count words".into(),
        launch: Launch {
            program: "/bin/wc".into(),
            ..Launch::default()
        },
        max_cores: Some(8),
        profiles: BTreeMap::from([(
            0,
            ProfileRequest {
                profile,
                target: Some(4),
            },
        )]),
        max_executor_retries: -1,
        run_to_completion: true,
        owner: Some(DriverRun {
            driver: "driver-20261121110000-0000".parse().unwrap(),
            attempt: 2,
            restart: 1,
        }),
        ui_url: "http://127.0.0.1:4040".into(),
        payload: vec![0, 255],
        spark: None,
    }
}

fn request() -> application::RegisterRequest {
    registration(KEY.parse().unwrap(), description())
}

/// What is said of the plain request after `spoil`.
fn refused(spoil: impl FnOnce(&mut application::RegisterRequest)) -> ConvertError {
    let mut request = request();
    spoil(&mut request);
    registered_application(request, 10).unwrap_err()
}

fn with_profile(spoil: impl FnOnce(&mut application::Profile)) -> ConvertError {
    refused(|request| spoil(&mut request.profiles[0]))
}

#[test]
fn an_application_comes_back_as_it_went_out() {
    let back = registered_application(request(), 10);
    assert_eq!(back, Ok((KEY.parse().unwrap(), description())));
    let client_mode = ApplicationDescription {
        owner: None,
        ..description()
    };
    let wire = registration(KEY.parse().unwrap(), client_mode.clone());
    assert_eq!(registered_application(wire, 10).unwrap().1, client_mode);
}

#[test]
fn an_application_that_names_no_retries_gets_the_cluster_s() {
    let mut request = request();
    request.max_executor_retries = None;
    assert_eq!(
        registered_application(request, 17)
            .unwrap()
            .1
            .max_executor_retries,
        17
    );
}

#[test]
fn every_value_that_can_t_be_taken_is_refused_by_name() {
    let table = [
        ("key", refused(|r| r.key = "x".into())),
        ("name", refused(|r| r.name.clear())),
        ("launch", refused(|r| r.launch = None)),
        (
            "launch.program",
            refused(|r| r.launch.as_mut().unwrap().program.clear()),
        ),
        ("max_cores", refused(|r| r.max_cores = Some(0))),
        ("max_cores", refused(|r| r.max_cores = Some(CORES_MAX + 1))),
        ("profiles", refused(|r| r.profiles.clear())),
        ("profiles", refused(|r| r.profiles[0].id = 1)),
        (
            "profiles",
            refused(|r| r.profiles.push(r.profiles[0].clone())),
        ),
        (
            "profiles",
            refused(|r| r.profiles = vec![r.profiles[0].clone(); PROFILES_MAX + 1]),
        ),
        ("profiles.cores", with_profile(|p| p.cores = Some(0))),
        ("profiles.cores", with_profile(|p| p.cores = Some(9))),
        ("profiles.memory_mib", with_profile(|p| p.memory_mib = 0)),
        (
            "profiles.target",
            with_profile(|p| p.target = Some(EXECUTOR_TARGET_MAX + 1)),
        ),
        (
            "profiles.named",
            with_profile(|p| {
                p.named.insert("fpga".into(), 0);
            }),
        ),
        (
            "profiles.named",
            with_profile(|p| {
                p.named.insert(String::new(), 1);
            }),
        ),
        (
            "profiles.named",
            with_profile(|p| {
                p.named.insert("a b".into(), 1);
            }),
        ),
        (
            "profiles.named",
            with_profile(|p| {
                p.named = (0..=vesta_types::limits::NAMED_RESOURCES_MAX)
                    .map(|n| (format!("r{n}"), 1))
                    .collect();
            }),
        ),
        (
            "max_executor_retries",
            refused(|r| r.max_executor_retries = Some(-2)),
        ),
        ("target", refused(|r| r.profiles[0].target = None)),
        ("target", refused(|r| r.profiles[0].target = Some(0))),
        ("driver_id", refused(|r| r.driver_id.clear())),
        ("driver_id", refused(|r| r.driver_id = APP.into())),
        ("attempt", refused(|r| r.attempt = 0)),
        (
            "ui_url",
            refused(|r| r.ui_url = "javascript:alert(1)".into()),
        ),
        ("ui_url", refused(|r| r.ui_url = "http://a\r\nb".into())),
        (
            "ui_url",
            refused(|r| r.ui_url = format!("http://{}", "a".repeat(URL_BYTES_MAX))),
        ),
        (
            "payload",
            refused(|r| r.payload = vec![0; PAYLOAD_BYTES_MAX + 1]),
        ),
    ];
    for (field, error) in table {
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn later_requests_are_checked_as_strictly() {
    let app_id = || APP.to_owned();
    let key = || KEY.to_owned();
    let request = application::SetTargetRequest {
        key: key(),
        app_id: app_id(),
        profile: 0,
        target: EXECUTOR_TARGET_MAX,
    };
    let (_, target) = set_target(request.clone()).unwrap();
    assert_eq!(target.target, EXECUTOR_TARGET_MAX);
    let over = application::SetTargetRequest {
        target: EXECUTOR_TARGET_MAX + 1,
        ..request
    };
    assert_eq!(set_target(over).unwrap_err().field, "target");

    let kill = |executors| {
        kill_executors(application::KillExecutorsRequest {
            key: key(),
            app_id: app_id(),
            executors,
        })
    };
    assert_eq!(kill(vec![3, 1, 3]).unwrap().2, BTreeSet::from([1, 3]));
    assert_eq!(kill(vec![]).unwrap_err().field, "executors");
    assert_eq!(
        kill(vec![1; KILL_EXECUTORS_MAX + 1]).unwrap_err().field,
        "executors"
    );
}

#[test]
fn the_words_of_an_end_are_cut_and_never_refused() {
    let request = application::UnregisterRequest {
        key: KEY.into(),
        app_id: APP.into(),
        failed: true,
        message: "é".repeat(5_000),
    };
    let (_, end) = unregister(request).unwrap();
    assert_eq!(end.message.chars().count(), REASON_CHARS_MAX);
}

#[test]
fn an_endpoint_is_refused_by_the_part_that_can_t_be_taken() {
    let plain = || application::PublishEndpointRequest {
        key: KEY.into(),
        instance_id: "driver-20261121110000-0000.2.67e5504410b1426f9247bb680e5fe0c8".into(),
        restart: 3,
        name: "ui".into(),
        address: "http://h:4040/a".into(),
    };
    let (_, taken) = published_endpoint(plain()).unwrap();
    assert_eq!((taken.restart, taken.name.as_str()), (3, "ui"));
    let longest = "n".repeat(ENDPOINT_NAME_BYTES_MAX);
    let largest = "a".repeat(ENDPOINT_ADDRESS_BYTES_MAX);
    type Spoil<'a> = Box<dyn Fn(&mut application::PublishEndpointRequest) + 'a>;
    let table: Vec<(&str, Spoil<'_>)> = vec![
        ("key", Box::new(|r| r.key = "1".into())),
        ("instance_id", Box::new(|r| r.instance_id = "../x".into())),
        ("endpoint name", Box::new(|r| r.name.clear())),
        ("endpoint name", Box::new(|r| r.name = "a/b".into())),
        ("endpoint name", Box::new(|r| r.name = ".hidden".into())),
        ("endpoint name", Box::new(|r| r.name = "a\u{1b}".into())),
        (
            "endpoint name",
            Box::new(|r| r.name = format!("{longest}n")),
        ),
        ("endpoint address", Box::new(|r| r.address.clear())),
        ("endpoint address", Box::new(|r| r.address = "h 1".into())),
        ("endpoint address", Box::new(|r| r.address = "h\n1".into())),
        (
            "endpoint address",
            Box::new(|r| r.address = format!("{largest}a")),
        ),
    ];
    for (field, spoil) in table {
        let mut request = plain();
        spoil(&mut request);
        let error = published_endpoint(request).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
    let at_limits = application::PublishEndpointRequest {
        name: longest,
        address: largest,
        ..plain()
    };
    published_endpoint(at_limits).unwrap();
}

//! Options, sequences and maps, as both versions of Scala write them.

use vesta_javaser::graph::{Content, Elements};
use vesta_javaser::scala::{self, Library, build};
use vesta_javaser::{AccessError, Builder, Value, View};

use crate::fixtures::{self, VERSIONS};

const LIBRARIES: [(&str, Library); 2] = [("3.5.6", Library::V2_12), ("4.0.1", Library::V2_13)];

fn texts(seq: View<'_>) -> Vec<String> {
    let all = scala::seq(seq).unwrap();
    all.iter()
        .map(|text| text.text().unwrap().into_owned())
        .collect()
}

fn pairs(map: View<'_>) -> Vec<(String, String)> {
    let text = |view: View<'_>| view.text().unwrap().into_owned();
    let all = scala::map(map).unwrap();
    all.into_iter()
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}

#[test]
fn the_needs_of_an_application_are_read_from_every_version() {
    for version in VERSIONS {
        let stream = fixtures::read(&fixtures::named(version, "RegisterApplication").stream);
        let message = stream.value().unwrap();
        let description = message.field("appDescription").unwrap();
        assert!(
            description
                .get("maxCores", scala::option)
                .unwrap()
                .is_none()
        );
        let profile = description.field("defaultProfile").unwrap();
        assert_eq!(profile.get("_id", View::int).unwrap(), 0);
        let resources = profile.get("executorResources", scala::map).unwrap();
        let memory = resources
            .iter()
            .find(|(key, _)| key.text().unwrap() == "memory");
        let (_, memory) = memory.unwrap();
        assert_eq!(memory.get("amount", View::long).unwrap(), 512, "{version}");
        let slots = profile
            .get("_executorResourceSlotsPerAddr", scala::option)
            .unwrap();
        let slots = scala::map(slots.unwrap()).unwrap();
        assert_eq!(slots[0].1.int().unwrap(), 1);
    }
}

#[test]
fn the_command_of_an_application_is_read_from_every_version() {
    for version in VERSIONS {
        let stream = fixtures::read(&fixtures::named(version, "LaunchExecutor").stream);
        let description = stream.value().unwrap().field("appDesc").unwrap();
        let command = description.field("command").unwrap();
        let arguments = texts(command.field("arguments").unwrap());
        assert_eq!(arguments[0], "--driver-url");
        assert_eq!(
            arguments.last().unwrap(),
            "{{RESOURCE_PROFILE_ID}}",
            "{version}"
        );
        assert!(texts(command.field("classPathEntries").unwrap()).is_empty());
        let options = texts(command.field("javaOpts").unwrap());
        assert!(
            options.len() >= 19 && options[0].starts_with("-D"),
            "{version}"
        );
        let environment = pairs(command.field("environment").unwrap());
        assert_eq!(environment.len(), 2);
        assert!(environment.contains(&("SPARK_USER".into(), "root".into())));
    }
}

#[test]
fn the_command_of_a_driver_is_read_from_every_version() {
    for version in VERSIONS {
        let stream = fixtures::read(&fixtures::named(version, "LaunchDriver").stream);
        let message = stream.value().unwrap();
        let description = message.field("driverDesc").unwrap();
        let command = description.field("command").unwrap();
        let arguments = texts(command.field("arguments").unwrap());
        assert_eq!(
            arguments[..3],
            ["{{WORKER_URL}}", "{{USER_JAR}}", "WireMain"]
        );
        let environment = pairs(command.field("environment").unwrap());
        let scala = if version == "3.5.6" { "2.12" } else { "2.13" };
        assert!(environment.contains(&("SPARK_SCALA_VERSION".into(), scala.into())));
        assert!(
            description
                .get("resourceReqs", scala::seq)
                .unwrap()
                .is_empty()
        );
        assert!(message.get("resources", scala::map).unwrap().is_empty());
    }
}

#[test]
fn states_are_read_from_every_version() {
    for version in VERSIONS {
        let stream = fixtures::read(&fixtures::named(version, "DriverStateChanged-KILLED").stream);
        let message = stream.value().unwrap();
        assert_eq!(
            message.get("state", scala::enumeration).unwrap(),
            5,
            "{version}"
        );
        assert!(message.get("exception", scala::option).unwrap().is_none());
    }
}

#[test]
fn targets_by_resource_profile_are_read() {
    for (version, _) in LIBRARIES {
        let folder = fixtures::folder().join(format!("spark-{version}"));
        let paths = fixtures::files(&folder, "bin");
        let requests = paths.iter().filter_map(|path| path.file_stem()?.to_str());
        let requests: Vec<_> = requests
            .filter(|name| name.starts_with("RequestExecutors"))
            .collect();
        assert!(!requests.is_empty());
        for name in requests {
            let stream = fixtures::read(&fixtures::named(version, name).stream);
            let message = stream.value().unwrap();
            for (profile, total) in message
                .get("resourceProfileToTotalExecs", scala::map)
                .unwrap()
            {
                assert!(
                    (0..=1).contains(&profile.get("_id", View::int).unwrap()),
                    "{name}"
                );
                assert!(total.int().unwrap() >= 0);
            }
        }
    }
}

#[test]
fn executors_reported_after_a_fail_over_are_read() {
    for version in ["3.5.6", "4.0.1"] {
        let name = "WorkerSchedulerStateResponse-nonempty";
        let stream = fixtures::read(&fixtures::named(version, name).stream);
        let message = stream.value().unwrap();
        let executors = message.get("execResponses", scala::seq).unwrap();
        let executor = executors[0].field("desc").unwrap();
        assert_eq!(executor.get("memoryMb", View::int).unwrap(), 512);
        assert_eq!(
            executor.get("state", scala::enumeration).unwrap(),
            1,
            "{version}"
        );
        assert!(
            message
                .get("driverResponses", scala::seq)
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn what_is_built_is_read_for_every_size() {
    for (version, library) in LIBRARIES {
        let classes = fixtures::classes(version);
        for size in [0, 1, 2, 3, 4, 5, 100] {
            let mut to = Builder::new(&classes);
            let all: Vec<_> = (0..size).map(|at| to.string(&format!("k{at}"))).collect();
            let entries: Vec<_> = all.iter().map(|key| (*key, *key)).collect();
            let list = build::list(&mut to, library, &all).unwrap();
            let map = build::map(&mut to, library, &entries).unwrap();
            let array = to.array("[Ljava.lang.Object;", Elements::References(vec![list, map]));
            let stream = fixtures::read(&fixtures::write(&to.finish(array.unwrap())));
            let items = stream.value().unwrap().items().unwrap();
            let expected: Vec<_> = (0..size).map(|at| format!("k{at}")).collect();
            assert_eq!(texts(items[0]), expected, "{version}");
            let pairs = pairs(items[1]);
            assert_eq!(pairs.len(), size);
            assert!(
                pairs
                    .iter()
                    .zip(&expected)
                    .all(|(pair, key)| pair.0 == *key && pair.1 == *key)
            );
        }
        let mut to = Builder::new(&classes);
        let none = build::none(&mut to, library).unwrap();
        let five = build::int(&mut to, 5).unwrap();
        let some = build::some(&mut to, five).unwrap();
        assert!(scala::option(to.view(none)).unwrap().is_none());
        let five = scala::option(to.view(some)).unwrap().unwrap();
        assert_eq!(five.int().unwrap(), 5);
    }
}

/// A 2.12 vector with these fields.
fn vector(to: &mut Builder<'_>, fields: &[(&str, Value)]) -> Value {
    to.sparse("scala.collection.immutable.Vector", fields)
        .unwrap()
}

#[test]
fn a_vector_of_two_levels_is_read_from_any_focus() {
    let classes = fixtures::classes("3.5.6");
    // 40 elements from index 3 on: two leaves of 32, of which the focus' own is display0.
    for focus in [3, 31, 32, 42] {
        let mut to = Builder::new(&classes);
        let leaves = [0, 32].map(|from| {
            let all = (from..from + 32)
                .map(|at| to.string(&at.to_string()))
                .collect();
            to.array("[Ljava.lang.Object;", Elements::References(all))
                .unwrap()
        });
        let mut children = vec![Value::Null; 32];
        children[..2].copy_from_slice(&leaves);
        let root = to
            .array("[Ljava.lang.Object;", Elements::References(children))
            .unwrap();
        let vector = vector(
            &mut to,
            &[
                ("startIndex", Value::Int(3)),
                ("endIndex", Value::Int(43)),
                ("focus", Value::Int(focus)),
                ("depth", Value::Int(2)),
                ("display0", leaves[focus as usize / 32]),
                ("display1", root),
            ],
        );
        let expected: Vec<_> = (3..43).map(|at: i32| at.to_string()).collect();
        assert_eq!(texts(to.view(vector)), expected, "focus {focus}");
    }
}

#[test]
fn a_vector_that_shares_its_nodes_to_seem_huge_is_refused() {
    let classes = fixtures::classes("3.5.6");
    let mut to = Builder::new(&classes);
    let end = ("endIndex", Value::Int(i32::MAX));
    let bomb = vector(&mut to, &[end]);
    let error = scala::seq(to.view(bomb)).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it has more than 65536 elements"),
        "{error}"
    );
    let backwards = vector(&mut to, &[("startIndex", Value::Int(1))]);
    assert!(scala::seq(to.view(backwards)).is_err());
    let empty_tree = vector(&mut to, &[("endIndex", Value::Int(1))]);
    assert!(scala::seq(to.view(empty_tree)).is_err());
    let beyond = vector(
        &mut to,
        &[("endIndex", Value::Int(1)), ("focus", Value::Int(1 << 30))],
    );
    assert!(
        scala::seq(to.view(beyond)).is_err(),
        "level 6 is above the top"
    );
}

#[test]
fn a_collection_that_is_not_known_is_an_error_that_names_its_class() {
    let classes = fixtures::classes("4.0.1");
    let mut to = Builder::new(&classes);
    let some = build::some(&mut to, Value::Null).unwrap();
    let view = to.view(some);
    for error in [scala::seq(view).unwrap_err(), scala::map(view).unwrap_err()] {
        assert!(matches!(error, AccessError::UnknownClass { .. }), "{error}");
        assert!(error.to_string().contains("scala.Some"));
    }
    assert!(
        scala::option(view.field("value").unwrap()).is_err(),
        "null is no option"
    );
}

#[test]
fn counts_that_do_not_agree_with_the_elements_are_refused() {
    for (version, library) in LIBRARIES {
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let text = to.string("x");
        let entries: Vec<_> = (0..5).map(|_| (text, text)).collect();
        let map = build::map(&mut to, library, &entries).unwrap();
        let stream = to.finish(map);
        let bytes = fixtures::write(&stream);
        for wrong in [4_u8, 6, 0xFF] {
            let mut bytes = bytes.clone();
            let at = bytes
                .windows(6)
                .position(|window| *window == [0x77, 4, 0, 0, 0, 5]);
            bytes[at.unwrap() + 5] = wrong;
            let stream = fixtures::read(&bytes);
            let error = scala::map(stream.value().unwrap()).unwrap_err();
            assert!(matches!(error, AccessError::BadData { .. }), "{error}");
        }
        let mut to = Builder::new(&classes);
        let list = build::list(&mut to, library, &[]).unwrap();
        let proxy = to.view(list).class().unwrap().name();
        let factory = to.view(list).field("factory").map(View::value);
        let fields: Vec<_> = factory
            .iter()
            .map(|factory| ("factory", *factory))
            .collect();
        let block = Content::Block([1, 2, 3].into());
        let broken = to.object_with_data(&proxy, &fields, vec![block]).unwrap();
        let error = scala::seq(to.view(broken)).unwrap_err();
        assert!(matches!(error, AccessError::BadData { .. }), "{error}");
    }
}

#[test]
fn a_list_without_its_end_is_refused() {
    for (version, library) in LIBRARIES {
        let classes = fixtures::classes(version);
        let mut to = Builder::new(&classes);
        let text = to.string("x");
        let list = build::list(&mut to, library, &[text]).unwrap();
        let view = to.view(list);
        let class = view.class().unwrap().name();
        let mut data = view.data().unwrap().to_vec();
        let factory = view.field("factory").map(View::value);
        let fields: Vec<_> = factory.iter().map(|value| ("factory", *value)).collect();
        data.pop();
        let cut = to.object_with_data(&class, &fields, data).unwrap();
        let error = scala::seq(to.view(cut)).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("the mark of the end is missing"), "{text}");
    }
}

#[test]
fn of_an_array_that_is_longer_than_its_collection_the_beginning_counts() {
    let classes = fixtures::classes("3.5.6");
    let buffer = "scala.collection.mutable.ArrayBuffer";
    let mut to = Builder::new(&classes);
    let text = to.string("x");
    let array = Elements::References(vec![text, text, Value::Null, Value::Null]);
    let array = to.array("[Ljava.lang.Object;", array).unwrap();
    let mut of_size = |size| {
        let fields = [("array", array), ("size0", Value::Int(size))];
        to.sparse(buffer, &fields).unwrap()
    };
    let [two, five, negative] = [2, 5, -1].map(&mut of_size);
    assert_eq!(texts(to.view(two)), ["x", "x"]);
    for wrong in [five, negative] {
        let error = scala::seq(to.view(wrong)).unwrap_err();
        assert!(matches!(error, AccessError::BadData { .. }), "{error}");
    }
}

//! `/json` of a state with one of everything.

use std::collections::{BTreeMap, BTreeSet};

use vesta_spark::rest::text;

use super::*;

#[test]
fn an_empty_cluster_looks_as_spark_s_does_field_by_field() {
    let state = ClusterState::default();
    let workers = BTreeMap::new();
    let seen = Seen {
        url: "spark://m1:7077",
        status: RecoveryState::Alive,
        workers: &workers,
        now: Timestamp(0),
    };
    let wanted = "{\n  \"url\" : \"spark://m1:7077\",\n  \"workers\" : [ ],\n  \"aliveworkers\" : 0,\n  \"cores\" : 0,\n  \
                  \"coresused\" : 0,\n  \"memory\" : 0,\n  \"memoryused\" : 0,\n  \"resources\" : [ ],\n  \
                  \"resourcesused\" : [ ],\n  \"activeapps\" : [ ],\n  \"completedapps\" : [ ],\n  \
                  \"activedrivers\" : [ ],\n  \"completeddrivers\" : [ ],\n  \"status\" : \"ALIVE\"\n}";
    assert_eq!(show(&state, &seen, None), wanted);
    assert_eq!(
        show(&state, &seen, Some("status")),
        "{\n  \"status\" : \"ALIVE\"\n}"
    );
    assert_eq!(
        show(&state, &seen, Some("workers")),
        "{\n  \"workers\" : [ ]\n}"
    );
    assert_eq!(show(&state, &seen, Some("foo")), "{\n  \"foo\" : \"\"\n}");
    let utilization = show(&state, &seen, Some("clusterutilization"));
    assert!(
        utilization.contains("\"coresutilization\" : 100,"),
        "{utilization}"
    );
}

#[test]
fn resources_and_dates_are_shown_as_spark_shows_them() {
    let named = BTreeMap::from([(
        "gpu".to_owned(),
        BTreeSet::from(["0".to_owned(), "1".to_owned()]),
    )]);
    let wanted =
        "{\n  \"gpu\" : {\n    \"name\" : \"gpu\",\n    \"addresses\" : [ \"0\", \"1\" ]\n  }\n}";
    assert_eq!(text(&resources(&named)), wanted);
    assert_eq!(
        date(Timestamp(1_795_311_916_861)),
        "Sun Nov 22 01:45:16 UTC 2026"
    );
}

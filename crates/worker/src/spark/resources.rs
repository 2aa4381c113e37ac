//! The file by which Spark's programs are told the addresses of the named resources that they hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// The addresses of one resource.
#[derive(Serialize)]
struct Allocation<'a> {
    id: ResourceId<'a>,
    addresses: &'a BTreeSet<String>,
}

/// Which resource it is, and for whom.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceId<'a> {
    component_name: &'static str,
    resource_name: &'a str,
}

/// What the file holds, for an executor or else for a driver; nothing if `named` is empty.
pub fn resources_file(
    named: &BTreeMap<String, BTreeSet<String>>,
    for_executor: bool,
) -> Option<String> {
    let component_name = match for_executor {
        true => "spark.executor",
        false => "spark.driver",
    };
    let allocation = |(resource_name, addresses)| Allocation {
        id: ResourceId {
            component_name,
            resource_name,
        },
        addresses,
    };
    let allocations: Vec<_> = named
        .iter()
        .map(|(name, addresses)| (name.as_str(), addresses))
        .map(allocation)
        .collect();
    let json = serde_json::to_string(&allocations).expect("a list of texts is JSON");
    (!allocations.is_empty()).then_some(json)
}

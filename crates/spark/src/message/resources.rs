//! Addresses of named resources, such as GPUs: `Map[String, ResourceInformation]`.

use std::collections::BTreeMap;

use vesta_javaser::scala::build;
use vesta_javaser::{Value, View};

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::writer::Writer;

/// The addresses of each named resource, as `gpu` → `0`, `1`.
pub type Resources = BTreeMap<String, Vec<String>>;

pub(super) fn read(of: Fields<'_>, field: &str) -> Result<Resources, MessageError> {
    of.map(field, |information| {
        let addresses = information.get("addresses", View::items)?;
        of.elements(addresses, |address| of.owned(field, address))
    })
}

pub(super) fn build(to: &mut Writer<'_>, resources: &Resources) -> Result<Value, WriteError> {
    let mut entries = Vec::new();
    for (name, addresses) in resources {
        let name = to.text(name);
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let addresses = build::string_array(&mut to.builder, &addresses)?;
        let information = [("name", name), ("addresses", addresses)];
        let class = "org.apache.spark.resource.ResourceInformation";
        entries.push((name, to.object(class, &information)?));
    }
    Ok(build::map(&mut to.builder, to.library, &entries)?)
}

//! The values of Scala's library, as its two versions write them.
//!
//! Spark 3.x is of Scala 2.12, Spark 4.x of 2.13 (the classes of both are in the fixtures). Reading takes either.

pub mod build;
mod map;
mod seq;
mod vector;

pub use map::map;
pub use seq::seq;

use crate::view::{AccessError, View};

/// The version of Scala's library that a peer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// Scala 2.12.
    V2_12,
    /// Scala 2.13.
    V2_13,
}

const MODULE_PROXY: &str = "scala.runtime.ModuleSerializationProxy";
const DEFAULT_PROXY: &str = "scala.collection.generic.DefaultSerializationProxy";

/// Whether a value is the `object` of this name (its class ends with `$`). Scala 2.12 writes the object itself, 2.13
/// the name of its class.
#[must_use]
pub fn is_module(value: View<'_>, class: &str) -> bool {
    if value.is_a(MODULE_PROXY) {
        let literal = value.get("moduleClass", View::class_literal);
        return literal.is_ok_and(|literal| literal.is(class));
    }
    value.is_a(class)
}

/// What is in an `Option`.
///
/// # Errors
/// When this is neither a `Some` nor `None`.
pub fn option(value: View<'_>) -> Result<Option<View<'_>>, AccessError> {
    if value.is_a("scala.Some") {
        return value.field("value").map(Some);
    }
    match is_module(value, "scala.None$") {
        true => Ok(None),
        false => Err(value.wrong("a scala.Option")),
    }
}

/// The number of a value of a `scala.Enumeration`. Its name is not in the stream: the number stands for it.
///
/// # Errors
/// When this is no such value.
pub fn enumeration(value: View<'_>) -> Result<i32, AccessError> {
    match value.is_a("scala.Enumeration$Val") {
        true => value.get("i", View::int),
        false => Err(value.wrong("a value of a scala.Enumeration")),
    }
}

/// Data of a collection that are not as its class writes them.
fn bad_data(value: View<'_>, why: &'static str) -> AccessError {
    let class = value.kind();
    AccessError::BadData { class, why }
}

//! Reading the fields of messages.

use std::borrow::Cow;
use std::collections::BTreeMap;

use vesta_javaser::{AccessError, ClassView, View, scala};
use vesta_types::{Dialect, SparkPeer, SparkRelease};

use super::address::RpcAddress;
use super::error::MessageError;
use crate::profile::REFERENCE;

/// A number that is an `int` or `long` in Java, and what it may be here.
pub(super) trait Number: TryFrom<i64> {
    const RANGE: &'static str;
}

impl Number for u16 {
    const RANGE: &'static str = "0 to 65535";
}

impl Number for u32 {
    const RANGE: &'static str = "0 or more";
}

impl Number for u64 {
    const RANGE: &'static str = "0 or more";
}

pub(super) fn owned(of: View<'_>) -> Result<String, AccessError> {
    of.text().map(Cow::into_owned)
}

pub(super) fn text(of: View<'_>, field: &str) -> Result<String, MessageError> {
    Ok(of.get(field, owned)?)
}

pub(super) fn optional_text(of: View<'_>, field: &str) -> Result<Option<String>, MessageError> {
    Ok(of.get(field, |option| {
        scala::option(option)?.map(owned).transpose()
    })?)
}

/// An `int`.
pub(super) fn number<N: Number>(of: View<'_>, field: &str) -> Result<N, MessageError> {
    in_range(of, field, of.get(field, View::int)?.into())
}

/// A `long`.
pub(super) fn long_number<N: Number>(of: View<'_>, field: &str) -> Result<N, MessageError> {
    in_range(of, field, of.get(field, View::long)?)
}

/// An `Option[Int]`.
pub(super) fn optional_number<N: Number>(
    of: View<'_>,
    field: &str,
) -> Result<Option<N>, MessageError> {
    let value = optional_int(of, field)?;
    value
        .map(|value| in_range(of, field, value.into()))
        .transpose()
}

/// An `Option[Int]` of any sign.
pub(super) fn optional_int(of: View<'_>, field: &str) -> Result<Option<i32>, MessageError> {
    let read = |option| scala::option(option)?.map(View::int).transpose();
    Ok(of.get(field, read)?)
}

pub(super) fn in_range<N: Number>(
    of: View<'_>,
    field: &str,
    value: i64,
) -> Result<N, MessageError> {
    N::try_from(value).map_err(|_| {
        let class = of.class().map_or_else(String::new, ClassView::name);
        let field = format!("{class}.{field}");
        let expected = N::RANGE;
        MessageError::Number {
            field,
            value,
            expected,
        }
    })
}

/// A `Seq[String]`.
pub(super) fn texts(of: View<'_>, field: &str) -> Result<Vec<String>, MessageError> {
    let read = |seq| scala::seq(seq)?.into_iter().map(owned).collect();
    Ok(of.get(field, read)?)
}

/// A `Map[String, String]`.
pub(super) fn text_map(
    of: View<'_>,
    field: &str,
) -> Result<BTreeMap<String, String>, MessageError> {
    let entry = |(key, value)| Ok((owned(key)?, owned(value)?));
    let read = |map| scala::map(map)?.into_iter().map(entry).collect();
    Ok(of.get(field, read)?)
}

/// The elements of a `Seq` of objects.
pub(super) fn each<'g, T>(
    of: View<'g>,
    field: &str,
    read: impl FnMut(View<'g>) -> Result<T, MessageError>,
) -> Result<Vec<T>, MessageError> {
    let elements = of.get(field, scala::seq)?;
    elements.into_iter().map(read).collect()
}

/// A field that holds an object.
pub(super) fn object<'g>(of: View<'g>, field: &str) -> Result<View<'g>, MessageError> {
    let read = |value: View<'g>| match value.is_null() {
        true => Err(AccessError::WrongKind {
            expected: "an object",
            found: value.kind(),
        }),
        false => Ok(value),
    };
    Ok(of.get(field, read)?)
}

/// A reference to an endpoint of the sender's.
pub(super) fn peer(of: View<'_>, field: &str, dialect: Dialect) -> Result<SparkPeer, MessageError> {
    let reference = object(of, field)?;
    let endpoint = object(reference, "endpointAddress")?;
    let address = RpcAddress::read(object(endpoint, "rpcAddress")?)?;
    Ok(SparkPeer {
        host: address.host,
        port: address.port,
        endpoint: text(endpoint, "name")?,
        release: SparkRelease {
            dialect,
            reference_uid: Some(reference_uid(reference)?),
        },
    })
}

/// The number that tells releases of one dialect apart. One that is not known yet is taken, if the class is what it was
/// in all else.
fn reference_uid(reference: View<'_>) -> Result<i64, MessageError> {
    let mut class = reference.class();
    while let Some(above) = class.filter(|class| !class.is(REFERENCE)) {
        class = above.super_class();
    }
    let Some(class) = class else {
        let found = reference.kind();
        let expected = "a reference to an endpoint";
        return Err(AccessError::WrongKind { expected, found }.into());
    };
    let fields = class.desc().map(|desc| &desc.fields[..]);
    match fields {
        Some([timeout]) if timeout.name.is("defaultAskTimeout") => Ok(class.uid()),
        _ => Err(MessageError::UnknownRelease {
            class: class.name(),
            uid: class.uid(),
            known: "in those that are, its one field is defaultAskTimeout".to_owned(),
        }),
    }
}

//! Reading a `Seq`.

use super::{DEFAULT_PROXY, bad_data, is_module, vector};
use crate::graph::Content;
use crate::view::{AccessError, View};

/// The elements of a `Seq`, whichever of the usual classes it is of.
///
/// # Errors
/// When its class is not known (a master can't schedule by it, but the value can still be passed on), or its data are
/// not as that class writes them.
pub fn seq(value: View<'_>) -> Result<Vec<View<'_>>, AccessError> {
    let class = value.class().ok_or_else(|| value.wrong("a scala Seq"))?;
    if class.is("scala.collection.immutable.List$SerializationProxy") {
        return until_end(
            value,
            value.data()?,
            "scala.collection.immutable.ListSerializeEnd$",
        );
    }
    if class.is(DEFAULT_PROXY) {
        return proxied(value);
    }
    if class.is("scala.collection.immutable.ArraySeq$ofRef") {
        return value.get("unsafeArray", View::items);
    }
    for name in [
        "scala.collection.mutable.WrappedArray$ofRef",
        "scala.collection.mutable.ArraySeq$ofRef",
    ] {
        if class.is(name) {
            return value.get("array", View::items);
        }
    }
    for (name, length) in [
        ("scala.collection.mutable.ArraySeq", "length"),
        ("scala.collection.mutable.ArrayBuffer", "size0"),
    ] {
        if class.is(name) {
            return prefix(value, value.get(length, View::int)?);
        }
    }
    if class.is("scala.collection.immutable.Vector") {
        return vector::elements(value);
    }
    let class = class.name();
    let what = "a Seq";
    Err(AccessError::UnknownClass { class, what })
}

/// The elements that Scala 2.13's proxy for most collections writes: their number and they, or -1, they and an end.
pub(super) fn proxied(value: View<'_>) -> Result<Vec<View<'_>>, AccessError> {
    let (count, rest) = counted(value)?;
    if count == -1 {
        return until_end(value, rest, "scala.collection.generic.SerializeEnd$");
    }
    let all = values(value, rest)?;
    match usize::try_from(count) {
        Ok(count) if count == all.len() => Ok(all),
        _ => Err(bad_data(
            value,
            "the number of elements is another than it says",
        )),
    }
}

/// An `int` and what follows it.
pub(super) fn counted<'g>(value: View<'g>) -> Result<(i32, &'g [Content]), AccessError> {
    let wrong = || bad_data(value, "they do not begin with the number of elements");
    let Some((Content::Block(count), rest)) = value.data()?.split_first() else {
        return Err(wrong());
    };
    let count = count[..].try_into().map_err(|_| wrong())?;
    Ok((i32::from_be_bytes(count), rest))
}

/// The values among data that hold nothing else.
pub(super) fn values<'g>(
    value: View<'g>,
    data: &'g [Content],
) -> Result<Vec<View<'g>>, AccessError> {
    let each = |content: &Content| match content {
        Content::Value(element) => Ok(value.at(*element)),
        Content::Block(_) => Err(bad_data(value, "primitive data among the elements")),
    };
    data.iter().map(each).collect()
}

fn until_end<'g>(
    value: View<'g>,
    data: &'g [Content],
    end: &str,
) -> Result<Vec<View<'g>>, AccessError> {
    let mut all = values(value, data)?;
    match all.pop() {
        Some(last) if is_module(last, end) => Ok(all),
        _ => Err(bad_data(value, "the mark of the end is missing")),
    }
}

/// The first elements of an array that may be longer.
fn prefix(value: View<'_>, length: i32) -> Result<Vec<View<'_>>, AccessError> {
    let mut all = value.get("array", View::items)?;
    match usize::try_from(length) {
        Ok(length) if length <= all.len() => {
            all.truncate(length);
            Ok(all)
        }
        _ => Err(bad_data(value, "the length is outside of the array")),
    }
}

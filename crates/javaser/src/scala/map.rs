//! Reading a `Map`.

use super::seq::{counted, proxied, values};
use super::{DEFAULT_PROXY, bad_data, is_module};
use crate::graph::Content;
use crate::view::{AccessError, View};

/// The keys and values of a `Map`, whichever of the usual classes it is of.
///
/// # Errors
/// When its class is not known, or its data are not as that class writes them.
pub fn map(value: View<'_>) -> Result<Vec<(View<'_>, View<'_>)>, AccessError> {
    if is_module(value, "scala.collection.immutable.Map$EmptyMap$") {
        return Ok(Vec::new());
    }
    let class = value.class().ok_or_else(|| value.wrong("a scala Map"))?;
    for size in 1..=4 {
        if class.is(&format!("scala.collection.immutable.Map$Map{size}")) {
            return (1..=size).map(|at| small(value, size, at)).collect();
        }
    }
    if class.is("scala.collection.immutable.Map$WithDefault") {
        // One level is enough: a second default would replace the first.
        let underlying = value.field("underlying")?;
        return match underlying.is_a("scala.collection.immutable.Map$WithDefault") {
            true => Err(bad_data(value, "a map with a default within another")),
            false => map(underlying),
        };
    }
    if class.is(DEFAULT_PROXY) {
        return proxied(value)?.into_iter().map(tuple).collect();
    }
    if class.is("scala.collection.immutable.HashMap$SerializationProxy") {
        let (count, rest) = counted(value)?;
        return pairs(value, count, rest);
    }
    if class.is("scala.collection.mutable.HashMap") {
        let (count, rest) = table(value)?;
        return pairs(value, count, rest);
    }
    let class = class.name();
    let what = "a Map";
    Err(AccessError::UnknownClass { class, what })
}

/// Entry `at` of a `MapN`, whose fields in 2.13 are named with the class before them (but for `Map1`).
fn small(value: View<'_>, size: usize, at: usize) -> Result<(View<'_>, View<'_>), AccessError> {
    let field = |name: &str| {
        let long = format!("scala$collection$immutable$Map$Map{size}$${name}{at}");
        let short = format!("{name}{at}");
        value.field(&short).or_else(|_| value.field(&long))
    };
    Ok((field("key")?, field("value")?))
}

fn tuple(value: View<'_>) -> Result<(View<'_>, View<'_>), AccessError> {
    match value.is_a("scala.Tuple2") {
        true => Ok((value.field("_1")?, value.field("_2")?)),
        false => Err(value.wrong("a scala.Tuple2")),
    }
}

/// What Scala 2.12's `mutable.HashTable` writes first: load factor, size, seed, and whether it keeps a size map.
fn table<'g>(value: View<'g>) -> Result<(i32, &'g [Content]), AccessError> {
    match value.data()?.split_first() {
        Some((Content::Block(head), rest)) if head.len() == 13 => {
            let size = [head[4], head[5], head[6], head[7]];
            Ok((i32::from_be_bytes(size), rest))
        }
        _ => Err(bad_data(
            value,
            "they do not begin with the head of a hash table",
        )),
    }
}

/// Keys and values in turn.
fn pairs<'g>(
    value: View<'g>,
    count: i32,
    data: &'g [Content],
) -> Result<Vec<(View<'g>, View<'g>)>, AccessError> {
    let all = values(value, data)?;
    if usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(2))
        != Some(all.len())
    {
        return Err(bad_data(
            value,
            "the number of entries is another than it says",
        ));
    }
    let (pairs, _) = all.as_chunks::<2>();
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

//! Building Scala's values, in the form that a JVM with that version of the library writes.

use super::{DEFAULT_PROXY, Library, MODULE_PROXY};
use crate::build::{BuildError, Builder};
use crate::graph::{Content, Elements, Value};

/// The `object` of this name. A message holds each of these once.
///
/// # Errors
/// When its class is not in the builder's set.
pub fn module(to: &mut Builder<'_>, library: Library, class: &str) -> Result<Value, BuildError> {
    if let Some(known) = to.singletons.get(class) {
        return Ok(*known);
    }
    let module = match library {
        Library::V2_12 => to.sparse(class, &[])?,
        Library::V2_13 => {
            let literal = to.class_literal(class)?;
            to.object(MODULE_PROXY, &[("moduleClass", literal)])?
        }
    };
    to.singletons.insert(class.to_owned(), module);
    Ok(module)
}

/// `None`
///
/// # Errors
/// When a class is not in the builder's set.
pub fn none(to: &mut Builder<'_>, library: Library) -> Result<Value, BuildError> {
    module(to, library, "scala.None$")
}

/// `Some(value)`; a primitive must be boxed.
///
/// # Errors
/// When a class is not in the builder's set, or the value is a primitive.
pub fn some(to: &mut Builder<'_>, value: Value) -> Result<Value, BuildError> {
    to.object("scala.Some", &[("value", value)])
}

/// A `java.lang.Integer`.
///
/// # Errors
/// When its class is not in the builder's set.
pub fn int(to: &mut Builder<'_>, value: i32) -> Result<Value, BuildError> {
    to.object("java.lang.Integer", &[("value", Value::Int(value))])
}

/// Value `number` of the `scala.Enumeration` whose object is of this class.
///
/// Scala 2.12 writes the whole enumeration into each of its values. An object of the same class with nothing in it
/// does as well: whoever reads it puts its own in its place (`readResolve`).
///
/// # Errors
/// When a class is not in the builder's set.
pub fn enumeration(
    to: &mut Builder<'_>,
    library: Library,
    class: &str,
    number: i32,
) -> Result<Value, BuildError> {
    let outer = module(to, library, class)?;
    let fields = [
        ("$outer", outer),
        ("scala$Enumeration$$outerEnum", outer),
        ("i", Value::Int(number)),
        ("name", Value::Null),
    ];
    to.object("scala.Enumeration$Val", &fields)
}

/// A `String[]`.
///
/// # Errors
/// When its class is not in the builder's set.
pub fn string_array(to: &mut Builder<'_>, texts: &[&str]) -> Result<Value, BuildError> {
    let texts = texts.iter().map(|text| to.string(text)).collect();
    to.array("[Ljava.lang.String;", Elements::References(texts))
}

/// A `List`.
///
/// # Errors
/// When a class is not in the builder's set.
pub fn list(
    to: &mut Builder<'_>,
    library: Library,
    elements: &[Value],
) -> Result<Value, BuildError> {
    let elements = elements.iter().map(|element| Content::Value(*element));
    match library {
        Library::V2_12 => {
            let end = module(to, library, "scala.collection.immutable.ListSerializeEnd$")?;
            let data = elements.chain([Content::Value(end)]).collect();
            to.object_with_data(
                "scala.collection.immutable.List$SerializationProxy",
                &[],
                data,
            )
        }
        Library::V2_13 => {
            let factory = module(to, library, "scala.collection.immutable.List$")?;
            let to_factory = "scala.collection.IterableFactory$ToFactory";
            let factory = to.object(to_factory, &[("factory", factory)])?;
            // A list knows its length only when it is empty.
            let data = if elements.len() == 0 {
                vec![count(0)]
            } else {
                let end = module(to, library, "scala.collection.generic.SerializeEnd$")?;
                let all = [count(-1)].into_iter().chain(elements);
                all.chain([Content::Value(end)]).collect()
            };
            to.object_with_data(DEFAULT_PROXY, &[("factory", factory)], data)
        }
    }
}

/// An immutable `Map`. Up to four entries keep their order, as in Scala; more are a `HashMap`, which has none.
///
/// # Errors
/// When a class is not in the builder's set, or there are more entries than Java counts.
pub fn map(
    to: &mut Builder<'_>,
    library: Library,
    entries: &[(Value, Value)],
) -> Result<Value, BuildError> {
    match entries.len() {
        0 => module(to, library, "scala.collection.immutable.Map$EmptyMap$"),
        1..=4 => small_map(to, library, entries),
        _ => hash_map(to, library, entries),
    }
}

fn small_map(
    to: &mut Builder<'_>,
    library: Library,
    entries: &[(Value, Value)],
) -> Result<Value, BuildError> {
    let size = entries.len();
    let class = format!("scala.collection.immutable.Map$Map{size}");
    let prefix = match (library, size) {
        (Library::V2_12, _) | (_, 1) => String::new(),
        (Library::V2_13, _) => format!("{}$$", class.replace('.', "$")),
    };
    let mut fields = Vec::new();
    for (at, (key, value)) in (1..).zip(entries) {
        fields.push((format!("{prefix}key{at}"), *key));
        fields.push((format!("{prefix}value{at}"), *value));
    }
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    to.object(&class, &fields)
}

/// A `HashMap` of any size.
///
/// # Errors
/// As [`map`].
pub fn hash_map(
    to: &mut Builder<'_>,
    library: Library,
    entries: &[(Value, Value)],
) -> Result<Value, BuildError> {
    let size = i32::try_from(entries.len()).map_err(|_| BuildError::WrongClass {
        class: "scala.collection.immutable.HashMap".to_owned(),
        expected: "able to hold more than 2^31 entries",
    })?;
    let mut data = vec![count(size)];
    match library {
        Library::V2_12 => {
            let pairs = entries.iter().flat_map(|(key, value)| [*key, *value]);
            data.extend(pairs.map(Content::Value));
            let proxy = "scala.collection.immutable.HashMap$SerializationProxy";
            to.object_with_data(proxy, &[], data)
        }
        Library::V2_13 => {
            let factory = module(to, library, "scala.collection.immutable.HashMap$")?;
            let to_factory = "scala.collection.MapFactory$ToFactory";
            let factory = to.object(to_factory, &[("factory", factory)])?;
            for (key, value) in entries {
                let pair = to.object("scala.Tuple2", &[("_1", *key), ("_2", *value)])?;
                data.push(Content::Value(pair));
            }
            to.object_with_data(DEFAULT_PROXY, &[("factory", factory)], data)
        }
    }
}

/// An `int` as data of a class.
fn count(count: i32) -> Content {
    Content::Block(count.to_be_bytes().into())
}

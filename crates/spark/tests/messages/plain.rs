//! What a value says, whichever of Scala's collections say it: for messages that are to be the same in that only.

use vesta_javaser::graph::Node;
use vesta_javaser::{Limits, Stream, Value, View, scala};

/// The message of a stream.
pub fn plain_stream(bytes: &[u8]) -> String {
    let stream = Stream::read(bytes, &Limits::default()).unwrap();
    plain(stream.value().unwrap())
}

/// A value, with the class and number of each object in it.
pub fn plain(value: View<'_>) -> String {
    if !matches!(value.value(), Value::Ref(_)) {
        return format!("{:?}", value.value());
    }
    if let Ok(text) = value.text() {
        return format!("{text:?}");
    }
    if let Ok(constant) = value.constant() {
        return constant.into_owned();
    }
    if let Ok(class) = value.class_literal() {
        return format!("class {} {}", class.name(), class.uid());
    }
    if let Ok(option) = scala::option(value) {
        return option.map_or("None".to_owned(), |value| format!("Some({})", plain(value)));
    }
    if let Ok(number) = scala::enumeration(value) {
        let outer = value.field("$outer").unwrap();
        let literal = outer.get("moduleClass", View::class_literal).ok();
        let class = literal.or_else(|| outer.class()).unwrap();
        return format!("{} {}: {number}", class.name(), class.uid());
    }
    if let Ok(entries) = scala::map(value) {
        let entry = |(key, value)| format!("{}: {}", plain(key), plain(value));
        let mut entries: Vec<_> = entries.into_iter().map(entry).collect();
        entries.sort();
        return format!("{entries:#?}");
    }
    if let Ok(items) = scala::seq(value).or_else(|_| value.items()) {
        let items: Vec<_> = items.into_iter().map(plain).collect();
        return format!("{items:#?}");
    }
    let Some(Node::Object(object)) = value.node() else {
        panic!("{value:?}");
    };
    let class = value.class().unwrap();
    let mut out = format!("{} {} {{\n", class.name(), class.uid());
    for part in &object.parts {
        let class = value.graph().class(part.class).unwrap();
        for (field, field_value) in class.fields.iter().zip(&part.fields) {
            let name = field.name.to_str().unwrap();
            out += &format!("{name} = {}\n", plain(value.at(*field_value)));
        }
    }
    out + "}"
}

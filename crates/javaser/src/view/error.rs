//! Why a value is not what was asked of it.

/// A value is not what was asked of it. The messages name classes and fields, never what is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each means")]
pub enum AccessError {
    #[error("expected {expected}, found {found}")]
    WrongKind {
        expected: &'static str,
        found: String,
    },
    #[error("class {class} has no field {field}; it has {}", known.join(", "))]
    NoField {
        class: String,
        field: String,
        known: Vec<String>,
    },
    #[error("class {class} is not above {instance}")]
    NotAbove { class: String, instance: String },
    #[error("{class}.{field}: {source}")]
    InField {
        class: String,
        field: String,
        source: Box<AccessError>,
    },
    #[error("a string with a surrogate that stands alone")]
    LoneSurrogate,
    #[error("class {class} is not known as {what}")]
    UnknownClass { class: String, what: &'static str },
    #[error("the data of class {class} are not as expected: {why}")]
    BadData { class: String, why: &'static str },
}

//! Why a message can't be built.

/// Why a message can't be built. Each is a mistake of the builder's user, or a class set of another version than was
/// expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each means")]
pub enum BuildError {
    #[error("class {class} is not in the class set")]
    UnknownClass { class: String },
    #[error("class {class} has no field {field}")]
    NoField { class: String, field: String },
    #[error("{class}.{field} is {expected}; it was given {found}")]
    WrongType {
        class: String,
        field: String,
        expected: String,
        found: String,
    },
    #[error("class {class}: nothing was given for {}", fields.join(", "))]
    Unset { class: String, fields: Vec<String> },
    #[error("class {class} is not {expected}")]
    WrongClass {
        class: String,
        expected: &'static str,
    },
}

//! Numbers and booleans, boxed or not.

use super::{AccessError, View};
use crate::graph::Value;

impl View<'_> {
    /// An `int`, or the one in a `java.lang.Integer`.
    ///
    /// # Errors
    /// When this is neither.
    pub fn int(self) -> Result<i32, AccessError> {
        match self.unboxed("java.lang.Integer") {
            Value::Int(value) => Ok(value),
            _ => Err(self.wrong("an int")),
        }
    }

    /// A `long`, or the one in a `java.lang.Long`.
    ///
    /// # Errors
    /// When this is neither.
    pub fn long(self) -> Result<i64, AccessError> {
        match self.unboxed("java.lang.Long") {
            Value::Long(value) => Ok(value),
            _ => Err(self.wrong("a long")),
        }
    }

    /// A `double`, or the one in a `java.lang.Double`.
    ///
    /// # Errors
    /// When this is neither.
    pub fn double(self) -> Result<f64, AccessError> {
        match self.unboxed("java.lang.Double") {
            Value::Double(value) => Ok(value),
            _ => Err(self.wrong("a double")),
        }
    }

    /// A `boolean`, or the one in a `java.lang.Boolean`.
    ///
    /// # Errors
    /// When this is neither.
    pub fn bool(self) -> Result<bool, AccessError> {
        match self.unboxed("java.lang.Boolean") {
            Value::Bool(value) => Ok(value),
            _ => Err(self.wrong("a boolean")),
        }
    }

    /// The value in a box of this class, else the value itself.
    fn unboxed(self, class: &str) -> Value {
        match self.is_a(class) {
            true => self.field("value").map_or(self.value, Self::value),
            false => self.value,
        }
    }
}

//! The elements of an array, each kind in its own vector: a byte array of 1 MB takes 1 MB.

use std::fmt;

use super::{FieldType, Value};

/// The elements of an array, by the element type that its class names.
///
/// `Debug` shows how many there are: bytes and characters may be text.
#[derive(Clone, PartialEq)]
#[expect(missing_docs, reason = "each is named as its type")]
pub enum Elements {
    Bool(Vec<bool>),
    Byte(Vec<i8>),
    Char(Vec<u16>),
    Short(Vec<i16>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// Null or references.
    References(Vec<Value>),
}

impl Elements {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(all) => all.len(),
            Self::Byte(all) => all.len(),
            Self::Char(all) => all.len(),
            Self::Short(all) => all.len(),
            Self::Int(all) => all.len(),
            Self::Long(all) => all.len(),
            Self::Float(all) => all.len(),
            Self::Double(all) => all.len(),
            Self::References(all) => all.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `at`.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<Value> {
        match self {
            Self::Bool(all) => all.get(at).copied().map(Value::Bool),
            Self::Byte(all) => all.get(at).copied().map(Value::Byte),
            Self::Char(all) => all.get(at).copied().map(Value::Char),
            Self::Short(all) => all.get(at).copied().map(Value::Short),
            Self::Int(all) => all.get(at).copied().map(Value::Int),
            Self::Long(all) => all.get(at).copied().map(Value::Long),
            Self::Float(all) => all.get(at).copied().map(Value::Float),
            Self::Double(all) => all.get(at).copied().map(Value::Double),
            Self::References(all) => all.get(at).copied(),
        }
    }

    /// Whether these are the elements of an array whose class says `kind`.
    #[must_use]
    pub fn are(&self, kind: FieldType) -> bool {
        match self {
            Self::Bool(_) => kind == FieldType::Bool,
            Self::Byte(_) => kind == FieldType::Byte,
            Self::Char(_) => kind == FieldType::Char,
            Self::Short(_) => kind == FieldType::Short,
            Self::Int(_) => kind == FieldType::Int,
            Self::Long(_) => kind == FieldType::Long,
            Self::Float(_) => kind == FieldType::Float,
            Self::Double(_) => kind == FieldType::Double,
            Self::References(_) => kind.is_reference(),
        }
    }
}

impl fmt::Debug for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Elements({})", self.len())
    }
}

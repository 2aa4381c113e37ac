//! The endpoint verifier: what a peer asks before it says anything else, and the answer yes or no to any question.

use vesta_javaser::Value;

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::writer::{ToPeer, Writer};

/// Whether there is an endpoint of this name. The answer is an [`Answer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckExistence {
    /// The endpoint's name; `Master` is ours.
    pub name: String,
}

impl CheckExistence {
    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let name = of.text("name")?;
        Ok(Self { name })
    }
}

/// The answer yes or no (`java.lang.Boolean`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer(pub bool);

impl ToPeer for Answer {
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.object("java.lang.Boolean", &[("value", Value::Bool(self.0))])
    }
}

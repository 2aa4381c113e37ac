//! What may stand where in a message.

use super::{BuildError, Builder};
use crate::graph::{FieldDesc, FieldType, Node, NodeId, Value};

impl Builder<'_> {
    /// Whether a value may be in the field at `at` of `declaring`.
    pub(super) fn check(
        &self,
        class: &str,
        declaring: NodeId,
        at: usize,
        value: Value,
    ) -> Result<(), BuildError> {
        let field = self
            .graph
            .class(declaring)
            .and_then(|desc| desc.fields.get(at));
        let field = field.expect("the position was found in this class");
        let name = field.name.to_str_lossy();
        self.check_known(class, &name, value)?;
        let type_name = field.type_name.and_then(|id| self.graph.string(id));
        let is_string = type_name.is_some_and(|name| name.is("Ljava/lang/String;"));
        let view = self.view(value);
        let fits = field.kind.holds(value)
            && match view.node() {
                None => true,
                Some(Node::Array { .. }) => !is_string,
                Some(Node::String(_)) => field.kind != FieldType::Array,
                Some(_) => field.kind != FieldType::Array && !is_string,
            };
        match fits {
            true => Ok(()),
            false => Err(wrong_type(class, &name, self.type_of(field), view.kind())),
        }
    }

    /// Whether a value is of this message.
    fn check_known(&self, class: &str, field: &str, value: Value) -> Result<(), BuildError> {
        let view = self.view(value);
        match value {
            Value::Ref(_) if view.node().is_none() => {
                Err(wrong_type(class, field, "of this message", view.kind()))
            }
            _ => Ok(()),
        }
    }

    /// Whether a value may stand where only objects do: in an array of objects, or among a class's own data.
    pub(super) fn check_reference(
        &self,
        class: &str,
        place: &str,
        value: Value,
    ) -> Result<(), BuildError> {
        if !FieldType::Object.holds(value) {
            let found = self.view(value).kind();
            return Err(wrong_type(class, place, "a reference", found));
        }
        self.check_known(class, place, value)
    }

    fn type_of(&self, field: &FieldDesc) -> String {
        let type_name = field.type_name.and_then(|id| self.graph.string(id));
        let letter = || char::from(field.kind.letter()).to_string();
        type_name.map_or_else(letter, |name| name.to_str_lossy().into_owned())
    }
}

fn wrong_type(class: &str, field: &str, expected: impl Into<String>, found: String) -> BuildError {
    BuildError::WrongType {
        class: class.to_owned(),
        field: field.to_owned(),
        expected: expected.into(),
        found,
    }
}

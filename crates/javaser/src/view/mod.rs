//! Looking at values: by field, element and kind.

mod class;
mod error;
mod number;

pub use class::ClassView;
pub use error::AccessError;

use std::borrow::Cow;
use std::fmt;

use crate::graph::{Content, Elements, Graph, Node, NodeId, Object, Part, Value};
use crate::mutf8::JavaString;
use crate::read::shown;

/// A value together with the graph that it is in.
#[derive(Clone, Copy)]
pub struct View<'g> {
    graph: &'g Graph,
    value: Value,
}

impl<'g> View<'g> {
    /// A value of `graph`.
    #[must_use]
    pub fn new(graph: &'g Graph, value: Value) -> Self {
        Self { graph, value }
    }

    /// The value itself.
    #[must_use]
    pub fn value(self) -> Value {
        self.value
    }

    /// The graph that it is in.
    #[must_use]
    pub fn graph(self) -> &'g Graph {
        self.graph
    }

    /// Whether this is the null reference.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.value == Value::Null
    }

    /// `None` for null.
    #[must_use]
    pub fn non_null(self) -> Option<Self> {
        (!self.is_null()).then_some(self)
    }

    /// The node that this refers to.
    #[must_use]
    pub fn node(self) -> Option<&'g Node> {
        match self.value {
            Value::Ref(id) => self.graph.node(id),
            _ => None,
        }
    }

    /// The class of the object, array or enum constant that this refers to.
    #[must_use]
    pub fn class(self) -> Option<ClassView<'g>> {
        let id = self.node()?.class()?;
        Some(ClassView::new(self.graph, id))
    }

    /// Whether this is an instance of exactly the class of this name.
    #[must_use]
    pub fn is_a(self, class: &str) -> bool {
        self.class().is_some_and(|own| own.is(class))
    }

    /// The value of a field. Of several classes of one hierarchy with a field of this name, the lowest counts, as in
    /// Java.
    ///
    /// # Errors
    /// When this is no object, or none of its classes has such a field.
    pub fn field(self, name: &str) -> Result<Self, AccessError> {
        let object = self.object()?;
        let mut parts = object.parts.iter().rev();
        let found = parts.find_map(|part| self.in_part(part, name));
        found.ok_or_else(|| self.no_field(object, name))
    }

    /// The value of a field that the class of this name declares.
    ///
    /// # Errors
    /// When this is no object, that class is none of its classes, or has no such field.
    pub fn field_of(self, class: &str, name: &str) -> Result<Self, AccessError> {
        let object = self.object()?;
        let mut parts = object.parts.iter();
        let Some(part) = parts.find(|part| self.class_at(part.class).is(class)) else {
            let instance = self.class_at(object.class).name();
            let class = class.to_owned();
            return Err(AccessError::NotAbove { class, instance });
        };
        let found = self.in_part(part, name);
        found.ok_or_else(|| self.no_field(object, name))
    }

    /// What `read` makes of a field, as in `message.get("appId", View::text)`; errors say which field it was.
    ///
    /// # Errors
    /// Those of [`View::field`] and of `read`.
    pub fn get<T>(
        self,
        name: &str,
        read: impl FnOnce(Self) -> Result<T, AccessError>,
    ) -> Result<T, AccessError> {
        read(self.field(name)?).map_err(|source| AccessError::InField {
            class: self.class().map_or_else(String::new, ClassView::name),
            field: name.to_owned(),
            source: Box::new(source),
        })
    }

    /// What the `writeObject` of the lowest class that has one wrote after the fields.
    ///
    /// # Errors
    /// When this is no object or no class of it has a `writeObject`.
    pub fn data(self) -> Result<&'g [Content], AccessError> {
        let object = self.object()?;
        let data = object
            .parts
            .iter()
            .rev()
            .find_map(|part| part.data.as_ref());
        data.map(|data| &data[..])
            .ok_or_else(|| self.wrong("an object with data of its own"))
    }

    /// Another value of the same graph.
    #[must_use]
    pub fn at(self, value: Value) -> Self {
        Self { value, ..self }
    }

    /// The text of a string.
    ///
    /// # Errors
    /// When this is no string, or one with a surrogate that stands alone.
    pub fn text(self) -> Result<Cow<'g, str>, AccessError> {
        let text = self.string()?.to_str();
        text.ok_or(AccessError::LoneSurrogate)
    }

    /// A string as Java has it.
    ///
    /// # Errors
    /// When this is no string.
    pub fn string(self) -> Result<&'g JavaString, AccessError> {
        match self.node() {
            Some(Node::String(string)) => Ok(string),
            _ => Err(self.wrong("a string")),
        }
    }

    /// The elements of an array.
    ///
    /// # Errors
    /// When this is no array.
    pub fn elements(self) -> Result<&'g Elements, AccessError> {
        match self.node() {
            Some(Node::Array { elements, .. }) => Ok(elements),
            _ => Err(self.wrong("an array")),
        }
    }

    /// The elements of an array, one by one.
    ///
    /// # Errors
    /// When this is no array.
    pub fn items(self) -> Result<Vec<View<'g>>, AccessError> {
        let elements = self.elements()?;
        let all = (0..elements.len()).filter_map(|at| elements.get(at));
        Ok(all.map(|value| self.at(value)).collect())
    }

    /// The name of an enum constant.
    ///
    /// # Errors
    /// When this is no enum constant.
    pub fn constant(self) -> Result<Cow<'g, str>, AccessError> {
        match self.node() {
            Some(Node::Enum { constant, .. }) => self.at(Value::Ref(*constant)).text(),
            _ => Err(self.wrong("an enum constant")),
        }
    }

    /// The class that an instance of `java.lang.Class` stands for.
    ///
    /// # Errors
    /// When this is no such instance.
    pub fn class_literal(self) -> Result<ClassView<'g>, AccessError> {
        match self.node() {
            Some(Node::ClassLiteral { class }) => Ok(ClassView::new(self.graph, *class)),
            _ => Err(self.wrong("a class literal")),
        }
    }

    /// What this is, for people: never what is in it.
    #[must_use]
    pub fn kind(self) -> String {
        let class = || self.class().map(ClassView::name);
        match self.value {
            Value::Null => "null".into(),
            Value::Bool(_) => "a boolean".into(),
            Value::Byte(_) => "a byte".into(),
            Value::Char(_) => "a char".into(),
            Value::Short(_) => "a short".into(),
            Value::Int(_) => "an int".into(),
            Value::Long(_) => "a long".into(),
            Value::Float(_) => "a float".into(),
            Value::Double(_) => "a double".into(),
            Value::Ref(_) => match (self.node(), class()) {
                (Some(node), Some(class)) => format!("{} of class {class}", node.kind()),
                (Some(node), None) => node.kind().into(),
                (None, _) => "a node of another graph".into(),
            },
        }
    }

    pub(crate) fn object(self) -> Result<&'g Object, AccessError> {
        match self.node() {
            Some(Node::Object(object)) => Ok(object),
            _ => Err(self.wrong("an object")),
        }
    }

    pub(crate) fn wrong(self, expected: &'static str) -> AccessError {
        let found = self.kind();
        AccessError::WrongKind { expected, found }
    }

    fn in_part(self, part: &Part, field: &str) -> Option<Self> {
        let position = self.graph.class(part.class)?.position(field)?;
        part.fields.get(position).map(|value| self.at(*value))
    }

    fn no_field(self, object: &Object, field: &str) -> AccessError {
        const SHOWN: usize = 40;
        let classes = object.parts.iter().rev();
        let classes = classes.filter_map(|part| self.graph.class(part.class));
        let known = classes.flat_map(|class| class.fields.iter());
        AccessError::NoField {
            class: self.class_at(object.class).name(),
            field: field.to_owned(),
            known: known.take(SHOWN).map(|field| shown(&field.name)).collect(),
        }
    }

    fn class_at(self, id: NodeId) -> ClassView<'g> {
        ClassView::new(self.graph, id)
    }
}

/// What it is, and nothing of what is in it.
impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({})", self.kind())
    }
}

//! Building messages.

mod check;
mod classes;
mod error;

pub use classes::{ClassSet, DumpError};
pub use error::BuildError;

use std::collections::HashMap;

use crate::graph::{Content, Elements, Flags, Graph, Node, NodeId, Object, Part, Value};
use crate::import::Importer;
use crate::mutf8::JavaString;
use crate::stream::Stream;
use crate::view::{ClassView, View};

/// Builds one message out of the classes of a set. Only the classes that it uses are in it.
pub struct Builder<'c> {
    classes: &'c ClassSet,
    graph: Graph,
    /// Objects of which a JVM has one.
    pub(crate) singletons: HashMap<String, Value>,
}

impl<'c> Builder<'c> {
    /// A message of these classes.
    #[must_use]
    pub fn new(classes: &'c ClassSet) -> Self {
        Self {
            classes,
            graph: Graph::new(),
            singletons: HashMap::new(),
        }
    }

    /// The message, a stream of this one value.
    #[must_use]
    pub fn finish(self, value: Value) -> Stream {
        Stream::of(self.graph, value)
    }

    /// A look at what has been built.
    #[must_use]
    pub fn view(&self, value: Value) -> View<'_> {
        View::new(&self.graph, value)
    }

    /// A new string. Java shares a string object that is used twice: so does a value that is used twice.
    pub fn string(&mut self, text: &str) -> Value {
        Value::Ref(self.graph.push(Node::String(JavaString::from(text))))
    }

    /// A value of another stream, with all that it refers to.
    pub fn import(&mut self, value: View<'_>) -> Value {
        self.graph.import(value)
    }

    /// An object, of which every field is given by name.
    ///
    /// # Errors
    /// When the class is not known, or a field is not its, not given, or of another type.
    pub fn object(&mut self, class: &str, fields: &[(&str, Value)]) -> Result<Value, BuildError> {
        let (object, unset) = self.instance(class, fields, Vec::new())?;
        if !unset.is_empty() {
            let class = class.to_owned();
            let fields = unset;
            return Err(BuildError::Unset { class, fields });
        }
        Ok(object)
    }

    /// An object with zero, false and null in the fields that are not given.
    ///
    /// # Errors
    /// When the class is not known, or a field is not its or of another type.
    pub fn sparse(&mut self, class: &str, fields: &[(&str, Value)]) -> Result<Value, BuildError> {
        self.instance(class, fields, Vec::new())
            .map(|(object, _)| object)
    }

    /// An object whose class also writes data of its own. If several of its hierarchy do, these are the lowest's.
    ///
    /// # Errors
    /// As [`Builder::object`], and when no class of it writes data.
    pub fn object_with_data(
        &mut self,
        class: &str,
        fields: &[(&str, Value)],
        data: Vec<Content>,
    ) -> Result<Value, BuildError> {
        for content in &data {
            if let Content::Value(value) = content {
                self.check_reference(class, "data", *value)?;
            }
        }
        let (object, unset) = self.instance(class, fields, data)?;
        let class = class.to_owned();
        if !unset.is_empty() {
            let fields = unset;
            return Err(BuildError::Unset { class, fields });
        }
        if self.view(object).data().is_err() {
            let expected = "a class with a writeObject";
            return Err(BuildError::WrongClass { class, expected });
        }
        Ok(object)
    }

    /// An array of the class of this name, as `[Ljava.lang.String;`.
    ///
    /// # Errors
    /// When the class is not known or its elements are of another type.
    pub fn array(&mut self, class: &str, elements: Elements) -> Result<Value, BuildError> {
        let id = self.class(class)?;
        if let Elements::References(all) = &elements {
            for value in all {
                self.check_reference(class, "[]", *value)?;
            }
        }
        let kind = self.graph.class(id).and_then(|desc| desc.element_type());
        if !kind.is_some_and(|kind| elements.are(kind)) {
            let (class, expected) = (class.to_owned(), "an array of such elements");
            return Err(BuildError::WrongClass { class, expected });
        }
        let class = id;
        let array = Node::Array { class, elements };
        Ok(Value::Ref(self.graph.push(array)))
    }

    /// A constant of an enum.
    ///
    /// # Errors
    /// When the class is not known or no enum.
    pub fn constant(&mut self, class: &str, name: &str) -> Result<Value, BuildError> {
        let id = self.class(class)?;
        if !self.flags(id).has(Flags::ENUM) {
            let (class, expected) = (class.to_owned(), "an enum");
            return Err(BuildError::WrongClass { class, expected });
        }
        let constant = self.graph.push(Node::String(JavaString::from(name)));
        let class = id;
        Ok(Value::Ref(self.graph.push(Node::Enum { class, constant })))
    }

    /// The `java.lang.Class` of a class.
    ///
    /// # Errors
    /// When the class is not known.
    pub fn class_literal(&mut self, class: &str) -> Result<Value, BuildError> {
        let class = self.class(class)?;
        Ok(Value::Ref(self.graph.push(Node::ClassLiteral { class })))
    }

    /// Sets a field of an object that is there, built or imported; so are cycles made.
    ///
    /// # Errors
    /// When this is no object, has no such field, or the value is of another type.
    pub fn set(&mut self, object: Value, field: &str, value: Value) -> Result<(), BuildError> {
        let view = self.view(object);
        let Ok(found) = view.object() else {
            let class = view.kind();
            let expected = "an object with fields";
            return Err(BuildError::WrongClass { class, expected });
        };
        let class = ClassView::new(&self.graph, found.class).name();
        let place = self.place(found, field);
        let Some((part, at)) = place else {
            let field = field.to_owned();
            return Err(BuildError::NoField { class, field });
        };
        self.check(&class, found.parts[part].class, at, value)?;
        let Value::Ref(id) = object else {
            unreachable!("an object is a reference");
        };
        if let Some(Node::Object(object)) = self.graph.node_mut(id) {
            object.parts[part].fields[at] = value;
        }
        Ok(())
    }

    /// The class of this name, in this message.
    fn class(&mut self, name: &str) -> Result<NodeId, BuildError> {
        let Some(class) = self.classes.get(name) else {
            let class = name.to_owned();
            return Err(BuildError::UnknownClass { class });
        };
        Ok(Importer::new(class.graph(), &mut self.graph).class(class.id()))
    }

    fn flags(&self, class: NodeId) -> Flags {
        self.graph
            .class(class)
            .map_or(Flags(0), |class| class.flags)
    }

    /// An object with these fields, and the names of the fields that were not among them.
    fn instance(
        &mut self,
        class: &str,
        fields: &[(&str, Value)],
        data: Vec<Content>,
    ) -> Result<(Value, Vec<String>), BuildError> {
        let id = self.class(class)?;
        let object = self.blank(class, id, data)?;
        let value = Value::Ref(self.graph.push(Node::Object(object)));
        let mut unset = self.field_names(id);
        for (name, field) in fields {
            self.set(value, name, *field)?;
            // Of two fields of one name the lowest is set, which stands last.
            if let Some(at) = unset.iter().rposition(|known| known == name) {
                unset.remove(at);
            }
        }
        Ok((value, unset))
    }

    /// An object of default values.
    fn blank(&self, name: &str, class: NodeId, data: Vec<Content>) -> Result<Object, BuildError> {
        if self.flags(class).has(Flags::EXTERNALIZABLE) {
            let (fields, data) = ([].into(), Some(data.into()));
            let parts = [Part {
                class,
                fields,
                data,
            }]
            .into();
            return Ok(Object { class, parts });
        }
        let mut parts = Vec::new();
        for id in self.graph.chain(class) {
            let flags = self.flags(id);
            let desc = self.graph.class(id);
            let plain = flags.has(Flags::SERIALIZABLE) && !flags.has(Flags::ENUM);
            let Some(desc) = desc.filter(|desc| plain && desc.element_type().is_none()) else {
                let (class, expected) = (name.to_owned(), "a class of serializable objects");
                return Err(BuildError::WrongClass { class, expected });
            };
            let fields = desc.fields.iter().map(|field| field.kind.default_value());
            let data = flags.has(Flags::WRITE_METHOD).then(|| [].into());
            parts.push(Part {
                class: id,
                fields: fields.collect(),
                data,
            });
        }
        let lowest = parts.iter_mut().rev().find_map(|part| part.data.as_mut());
        if let Some(place) = lowest {
            *place = data.into();
        }
        let parts = parts.into();
        Ok(Object { class, parts })
    }

    fn field_names(&self, class: NodeId) -> Vec<String> {
        let chain = self.graph.chain(class).into_iter();
        let fields = chain
            .filter_map(|id| self.graph.class(id))
            .flat_map(|class| &class.fields);
        fields
            .map(|field| field.name.to_str_lossy().into_owned())
            .collect()
    }

    /// The part and position of a field.
    fn place(&self, object: &Object, field: &str) -> Option<(usize, usize)> {
        let parts = object.parts.iter().enumerate().rev();
        parts
            .filter_map(|(part, found)| {
                let at = self.graph.class(found.class)?.position(field)?;
                Some((part, at)).filter(|_| at < found.fields.len())
            })
            .next()
    }
}

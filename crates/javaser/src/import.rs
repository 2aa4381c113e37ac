//! Taking a part of one graph into another.
//!
//! The bytes of a value can't be copied from one stream into another: they refer to handles of the stream around
//! them. Its nodes can; the writer numbers them anew.

use std::collections::HashMap;

use crate::graph::{
    ClassDesc, ClassKey, Content, Elements, FieldDesc, Graph, Node, NodeId, Object, Part,
    ProxyDesc, Value,
};
use crate::mutf8::JavaString;
use crate::view::View;

/// Copies values of one graph into another. What they share stays shared, also between several calls of one
/// importer; classes and type names that the target has in the very same form are not doubled.
pub struct Importer<'s, 't> {
    source: &'s Graph,
    target: &'t mut Graph,
    taken: HashMap<NodeId, NodeId>,
    /// Nodes of the source whose place in the target is given out but not filled.
    open: Vec<(NodeId, NodeId)>,
}

impl Graph {
    /// Takes a value of another graph, with all that it refers to.
    pub fn import(&mut self, value: View<'_>) -> Value {
        Importer::new(value.graph(), self).value(value.value())
    }
}

impl<'s, 't> Importer<'s, 't> {
    /// Copies from `source` to `target`.
    pub fn new(source: &'s Graph, target: &'t mut Graph) -> Self {
        Self {
            source,
            target,
            taken: HashMap::new(),
            open: Vec::new(),
        }
    }

    /// The copy of a value. A reference that `source` does not know stays as it is, and can't be written.
    pub fn value(&mut self, value: Value) -> Value {
        let copy = self.place(value);
        // A list of what is to be done, and not a recursion: cycles may make it as deep as the graph is large.
        while let Some((from, to)) = self.open.pop() {
            self.fill(from, to);
        }
        copy
    }

    /// The copy of a class.
    pub(crate) fn class(&mut self, class: NodeId) -> NodeId {
        let copy = self.place_class(class);
        while let Some((from, to)) = self.open.pop() {
            self.fill(from, to);
        }
        copy
    }

    /// Where the copy of a value is, or will be.
    fn place(&mut self, value: Value) -> Value {
        let Value::Ref(id) = value else {
            return value;
        };
        let Some(node) = self.source.node(id) else {
            return value;
        };
        if let Some(known) = self.taken.get(&id) {
            return Value::Ref(*known);
        }
        if node.is_class() {
            return Value::Ref(self.place_class(id));
        }
        let copy = match node {
            Node::String(string) => self.target.push(Node::String(string.clone())),
            _ => {
                let copy = self.target.push(Node::String(JavaString::from("")));
                self.open.push((id, copy));
                copy
            }
        };
        self.taken.insert(id, copy);
        Value::Ref(copy)
    }

    /// Lets a copy refer to copies.
    fn fill(&mut self, from: NodeId, to: NodeId) {
        let Some(node) = self.source.node(from) else {
            return;
        };
        let filled = match node {
            Node::Object(object) => {
                let class = self.place_class(object.class);
                let parts = object.parts.iter().map(|part| self.part(part)).collect();
                Node::Object(Object { class, parts })
            }
            Node::Array { class, elements } => Node::Array {
                class: self.place_class(*class),
                elements: match elements {
                    Elements::References(all) => {
                        Elements::References(all.iter().map(|value| self.place(*value)).collect())
                    }
                    primitives => primitives.clone(),
                },
            },
            Node::Enum { class, constant } => Node::Enum {
                class: self.place_class(*class),
                constant: self.place_string(*constant),
            },
            Node::ClassLiteral { class } => Node::ClassLiteral {
                class: self.place_class(*class),
            },
            Node::Class(class) => Node::Class(ClassDesc {
                annotation: self.contents(&class.annotation),
                fields: self.fields(&class.fields),
                super_class: class.super_class.map(|id| self.place_class(id)),
                ..class.clone()
            }),
            Node::Proxy(proxy) => Node::Proxy(ProxyDesc {
                annotation: self.contents(&proxy.annotation),
                super_class: proxy.super_class.map(|id| self.place_class(id)),
                ..proxy.clone()
            }),
            Node::String(string) => Node::String(string.clone()),
        };
        if let Some(place) = self.target.node_mut(to) {
            *place = filled;
        }
    }

    fn part(&mut self, part: &Part) -> Part {
        Part {
            class: self.place_class(part.class),
            fields: part.fields.iter().map(|value| self.place(*value)).collect(),
            data: part.data.as_ref().map(|data| self.contents(data)),
        }
    }

    fn contents(&mut self, contents: &[Content]) -> Box<[Content]> {
        let copy = |content: &Content| match content {
            Content::Block(bytes) => Content::Block(bytes.clone()),
            Content::Value(value) => Content::Value(self.place(*value)),
        };
        contents.iter().map(copy).collect()
    }

    fn fields(&mut self, fields: &[FieldDesc]) -> Box<[FieldDesc]> {
        let copy = |field: &FieldDesc| FieldDesc {
            type_name: field.type_name.map(|id| self.place_type_name(id)),
            ..field.clone()
        };
        fields.iter().map(copy).collect()
    }

    /// The class, and first all that it extends, because a class of the target is found by what it extends there.
    fn place_class(&mut self, class: NodeId) -> NodeId {
        let mut copy = None;
        for id in self.source.chain(class) {
            copy = Some(match self.taken.get(&id) {
                Some(known) => *known,
                None => self.place_next(id, copy),
            });
        }
        copy.expect("a chain holds at least the class that it is of")
    }

    /// A class whose superclass in the target is `super_class`.
    fn place_next(&mut self, id: NodeId, super_class: Option<NodeId>) -> NodeId {
        let key = match self.source.node(id) {
            Some(Node::Class(class)) => ClassKey::of_class(self.source, class, super_class),
            Some(Node::Proxy(proxy)) => ClassKey::of_proxy(proxy, super_class),
            _ => None,
        };
        let known = key.and_then(|key| self.target.indexed().classes.get(&key).copied());
        let copy = known.unwrap_or_else(|| self.add_class(id, super_class));
        self.taken.insert(id, copy);
        copy
    }

    fn add_class(&mut self, id: NodeId, super_class: Option<NodeId>) -> NodeId {
        let (node, annotated) = match self.source.node(id) {
            Some(Node::Class(class)) => {
                let fields = self.fields(&class.fields);
                let copy = ClassDesc {
                    fields,
                    super_class,
                    ..class.clone()
                };
                (Node::Class(copy), !class.annotation.is_empty())
            }
            Some(Node::Proxy(proxy)) => {
                let copy = ProxyDesc {
                    super_class,
                    ..proxy.clone()
                };
                (Node::Proxy(copy), !proxy.annotation.is_empty())
            }
            _ => unreachable!("a node's class is a descriptor"),
        };
        let copy = self.target.push(node);
        if annotated {
            self.open.push((id, copy));
        }
        copy
    }

    fn place_type_name(&mut self, id: NodeId) -> NodeId {
        let text = self.source.string(id);
        let known = text.and_then(|text| self.target.indexed().type_names.get(text).copied());
        match known {
            Some(known) => {
                self.taken.entry(id).or_insert(known);
                known
            }
            None => self.place_string(id),
        }
    }

    fn place_string(&mut self, id: NodeId) -> NodeId {
        match self.place(Value::Ref(id)) {
            Value::Ref(copy) => copy,
            _ => unreachable!("a node's strings are in its graph"),
        }
    }
}

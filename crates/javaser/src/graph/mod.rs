//! What a stream holds, as an arena of nodes.
//!
//! An arena and not a tree, because objects are shared and cyclic (the enumerations of Scala 2.12 are). A node is
//! exactly what takes a handle in the stream (Java Object Serialization Specification §6.4.2: "new handle"). Nodes
//! are only added; what nothing refers to is not written.

mod array;
mod class;
mod index;
mod node;
mod value;

pub use array::Elements;
pub use class::{ClassDesc, FieldDesc, FieldType, Flags, ProxyDesc};
pub use node::{Content, Node, Object, Part};
pub use value::{NodeId, Value};

pub(crate) use class::ClassKey;
pub(crate) use index::Index;
pub(crate) use value::Brand;

use crate::mutf8::JavaString;

/// The nodes of one or more streams.
#[derive(Debug, Clone)]
pub struct Graph {
    brand: Brand,
    nodes: Vec<Node>,
    pub(crate) index: Index,
}

impl Graph {
    /// A graph with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Brand::new(), Vec::new())
    }

    /// The nodes to which ids of this brand were given out.
    pub(crate) fn of(brand: Brand, nodes: Vec<Node>) -> Self {
        Self {
            brand,
            nodes,
            index: Index::default(),
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of an id; `None` when the id is of another graph.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index_in(self.brand)?)
    }

    /// All nodes, in the order in which they were added. That of a graph just read is the order of the stream.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (NodeId::new(self.brand, at), node))
    }

    /// The descriptor behind an id of the `class` of a node, which is always one.
    #[must_use]
    pub fn class(&self, id: NodeId) -> Option<&ClassDesc> {
        match self.node(id) {
            Some(Node::Class(class)) => Some(class),
            _ => None,
        }
    }

    /// The string behind an id.
    #[must_use]
    pub fn string(&self, id: NodeId) -> Option<&JavaString> {
        match self.node(id) {
            Some(Node::String(string)) => Some(string),
            _ => None,
        }
    }

    /// A class and what it extends, topmost first: the order in which the values of an object stand in the stream.
    #[must_use]
    pub fn chain(&self, class: NodeId) -> Vec<NodeId> {
        let mut chain = Vec::new();
        let mut next = Some(class);
        // A descriptor is only ever made with a superclass that is complete, so the walk ends.
        while let Some(id) = next {
            chain.push(id);
            next = self.node(id).and_then(Node::super_class);
        }
        chain.reverse();
        chain
    }

    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId::new(self.brand, self.nodes.len());
        self.nodes.push(node);
        id
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.index_in(self.brand)?)
    }

    /// The classes and type names that new nodes may share, brought up to date.
    pub(crate) fn indexed(&mut self) -> &mut Index {
        let mut index = std::mem::take(&mut self.index);
        index.catch_up(self);
        self.index = index;
        &mut self.index
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

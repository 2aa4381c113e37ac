//! A value of a field or an element.

use std::sync::atomic::{AtomicU32, Ordering};

/// Names a node of one [`Graph`](super::Graph) and of its clones; any other graph says that it has no such node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId {
    graph: Brand,
    index: u32,
}

impl NodeId {
    pub(crate) fn new(graph: Brand, index: usize) -> Self {
        let index = index.try_into();
        let index = index.expect("the memory limits end a graph long before 2^32 nodes");
        Self { graph, index }
    }

    /// The place in the graph of this brand.
    pub(crate) fn index_in(self, graph: Brand) -> Option<usize> {
        (self.graph == graph).then_some(self.index as usize)
    }

    /// The place in whichever graph it is of.
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }
}

/// Tells the graphs of a process apart, so that a value of one message, put into another without being imported, is an
/// error and not some other node. It has no part in what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Brand(u32);

impl Brand {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // After 2^32 graphs the numbers begin again; then those of two graphs are the same by a small chance.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A Java value: a primitive, null, or a reference to a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// The null reference.
    Null,
    /// `boolean`
    Bool(bool),
    /// `byte`
    Byte(i8),
    /// `char`: one UTF-16 unit.
    Char(u16),
    /// `short`
    Short(i16),
    /// `int`
    Int(i32),
    /// `long`
    Long(i64),
    /// `float`
    Float(f32),
    /// `double`
    Double(f64),
    /// A reference to an object, array, string, enum constant or class.
    Ref(NodeId),
}

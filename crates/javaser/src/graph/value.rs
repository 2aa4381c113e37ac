//! A value of a field or an element.

/// Names a node of one [`Graph`](super::Graph). It means nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("the memory limits end a graph long before 2^32 nodes"))
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
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

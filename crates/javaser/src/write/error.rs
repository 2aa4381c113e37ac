//! Why a stream can't be written.

/// Why a graph can't be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Values nest too deep from where writing began, though they may not have from where they were read.
    #[error("values lie within each other more than {limit} deep, seen from what is written")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The stream would be too long.
    #[error("the stream would be longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// A name or list has a length for which its field has no room.
    #[error("{what} of {length} bytes or items; there is room for {room}")]
    NoRoom {
        /// What is too long.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The most that fits.
        room: usize,
    },
    /// A value names a node of another graph.
    #[error("a value refers to node {node}, which is of another graph or not {expected}")]
    ForeignNode {
        /// The node's number.
        node: usize,
        /// What must be there.
        expected: &'static str,
    },
    /// A primitive stands where only objects may: at the top, in an array of objects, or among a class's own data.
    #[error("a primitive where an object must stand; box it, or write it as a block")]
    LoosePrimitive,
}

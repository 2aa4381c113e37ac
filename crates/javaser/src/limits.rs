//! How much one stream may cost us.

/// Bounds on what one stream may make us hold. A count in a stream is never believed before its bytes are there,
/// so these bound what *valid* bytes may grow into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest stream that is read or written, in bytes.
    pub max_bytes: usize,
    /// How deep values may lie within each other: objects in objects, arrays in arrays, superclasses of superclasses.
    /// Values above [`Limits::HARD_DEPTH`] count as that, because reading and writing recurse.
    pub max_depth: usize,
    /// The memory that the graph of one stream may take, in bytes. It is counted by what is stored; what the
    /// allocator takes for that is at most three times as much, because vectors double as they grow.
    pub max_memory: usize,
}

impl Limits {
    /// The depth that no setting exceeds. The 2 MiB of stack that a thread usually has are enough for it, in debug
    /// builds too (there a level takes up to 6 kB).
    pub const HARD_DEPTH: usize = 200;

    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(Self::HARD_DEPTH)
    }
}

impl Default for Limits {
    /// What a master's conversations need, with room: real messages are of 100 bytes to 100 kB and nest 12 deep.
    fn default() -> Self {
        Self {
            max_bytes: 16 << 20,
            max_depth: Self::HARD_DEPTH,
            max_memory: 64 << 20,
        }
    }
}

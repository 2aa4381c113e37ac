//! The classes that messages are built from.

use std::collections::BTreeMap;

use crate::graph::{Graph, Index, Node, NodeId};
use crate::import::Importer;
use crate::limits::Limits;
use crate::read::{Problem, ReadError};
use crate::stream::Stream;
use crate::view::ClassView;

/// Class descriptors by name, one of each: the version that one peer speaks.
#[derive(Debug, Clone, Default)]
pub struct ClassSet {
    graph: Graph,
    by_name: BTreeMap<String, NodeId>,
}

/// A file of descriptors that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {record} of the class descriptors, at byte {offset} of the file: {problem}")]
pub struct DumpError {
    /// Which record, from 0.
    pub record: usize,
    /// Where it begins.
    pub offset: usize,
    /// What is wrong in it, by its own bytes.
    pub problem: ReadError,
}

impl ClassSet {
    /// A set of no classes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file of records, each a name (`u16` length, bytes) and a stream (`u32` length, bytes) whose one value
    /// is the descriptor of that class with all that it extends. A JVM writes one with
    /// `out.writeObject(ObjectStreamClass.lookup(aClass))`.
    ///
    /// # Errors
    /// Which record is cut short or holds something else.
    pub fn from_dump(bytes: &[u8], limits: &Limits) -> Result<Self, DumpError> {
        let mut set = Self::new();
        let mut rest = bytes;
        let mut record = 0;
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            let failed = |problem| DumpError {
                record,
                offset,
                problem,
            };
            let stream = next_stream(&mut rest).map_err(failed)?;
            let stream = Stream::read(stream, limits).map_err(failed)?;
            stream.value().map_err(failed)?;
            set.learn_all(&stream.graph);
            record += 1;
        }
        Ok(set)
    }

    /// Takes a class and all that it extends; they replace those of the same names. So a descriptor that differs
    /// from version to version is taken from the first message of the peer itself. Take those that you write, once
    /// per peer: what is replaced stays in memory until the set is dropped.
    pub fn learn(&mut self, class: ClassView<'_>) {
        let source = class.graph();
        let mut importer = Importer::new(source, &mut self.graph);
        for id in source.chain(class.id()) {
            let copy = importer.class(id);
            if let Some(desc) = source.class(id) {
                let name = desc.name.to_str_lossy().into_owned();
                self.by_name.insert(name, copy);
            }
        }
    }

    /// Takes every class of a graph.
    pub fn learn_all(&mut self, graph: &Graph) {
        for (id, node) in graph.nodes() {
            if let Node::Class(_) = node {
                self.learn(ClassView::new(graph, id));
            }
        }
    }

    /// Gives a class another serialVersionUID, also where it stands as what others extend; `false` when it is not in
    /// the set. So a release is spoken of which that number is all that differs.
    pub fn set_uid(&mut self, class: &str, uid: i64) -> bool {
        let id = self.by_name.get(class);
        let Some(Node::Class(desc)) = id.and_then(|id| self.graph.node_mut(*id)) else {
            return false;
        };
        desc.uid = uid;
        // It knew the class by its former number.
        self.graph.index = Index::default();
        true
    }

    /// The class of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ClassView<'_>> {
        let id = self.by_name.get(name)?;
        Some(ClassView::new(&self.graph, *id))
    }

    /// The names of all classes, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// Cuts the stream of the next record off.
fn next_stream<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], ReadError> {
    let mut cut = |needed: usize| {
        let left = rest.len();
        let (taken, after) = rest
            .split_at_checked(needed)
            .ok_or(Problem::Truncated { needed, left }.at(0))?;
        *rest = after;
        Ok::<_, ReadError>(taken)
    };
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let name = number(cut(2)?);
    cut(name)?;
    let stream = number(cut(4)?);
    cut(stream)
}

//! A whole stream.

use crate::graph::{Content, Graph, Value};
use crate::limits::Limits;
use crate::read::{self, Problem, ReadError};
use crate::view::View;
use crate::write::{self, WriteError};

/// A Java serialization stream: its nodes, and what stands at its top.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// All that the values refer to.
    pub graph: Graph,
    /// What stands at the top, in order. A message of Spark's is one value.
    pub records: Vec<Record>,
}

/// One item at the top of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// What one `writeObject` wrote, or primitive data.
    Content(Content),
    /// `ObjectOutputStream.reset`: nothing after it refers to what was before.
    Reset,
}

impl Stream {
    /// Reads a stream to its end. What is read is written back by [`Stream::write`] as the same bytes.
    ///
    /// # Errors
    /// Where and why it is not a stream that Java could have written, or which limit it exceeds.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, ReadError> {
        read::read(bytes, limits)
    }

    /// A stream of one value.
    #[must_use]
    pub fn of(graph: Graph, value: Value) -> Self {
        let records = vec![Record::Content(Content::Value(value))];
        Self { graph, records }
    }

    /// The bytes, beginning with `AC ED 00 05`.
    ///
    /// # Errors
    /// When a limit is exceeded, or a value is of another graph. A part of a graph that was read may nest deeper than
    /// the whole did: write it once on arrival, then it is known to be writable.
    pub fn write(&self, limits: &Limits) -> Result<Vec<u8>, WriteError> {
        write::write(self, limits)
    }

    /// The one value of a stream that holds just one.
    ///
    /// # Errors
    /// When there is none, there are several, or there is primitive data.
    pub fn value(&self) -> Result<View<'_>, ReadError> {
        match self.records[..] {
            [Record::Content(Content::Value(value))] => Ok(View::new(&self.graph, value)),
            _ => {
                let records = self.records.len();
                Err(Problem::NotOneValue { records }.at(0))
            }
        }
    }
}

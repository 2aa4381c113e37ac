//! Reading a stream: the grammar of the Java Object Serialization Specification §6.4, one method per rule.
//!
//! Beyond the grammar it refuses what an `ObjectInputStream` refuses, and the few forms that no `ObjectOutputStream`
//! writes although one would be read (the long form of a short string, booleans other than 0 and 1). So whatever is
//! accepted is written back as the same bytes.

mod class;
mod cursor;
mod error;
mod instance;

pub use error::{Problem, ReadError};

pub(crate) use error::shown;

use std::mem::size_of;

use crate::graph::{Brand, Content, Graph, Node, NodeId, Value};
use crate::limits::Limits;
use crate::mutf8::JavaString;
use crate::stream::{Record, Stream};
use crate::tags;
use cursor::Cursor;

/// Reads a whole stream.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Stream, ReadError> {
    if bytes.len() > limits.max_bytes {
        let (length, limit) = (bytes.len(), limits.max_bytes);
        return Err(Problem::TooLong { length, limit }.at(0));
    }
    if bytes.get(..4) != Some(&tags::HEADER) {
        let found = bytes.iter().take(4).copied().collect();
        return Err(Problem::NotAStream { found }.at(0));
    }
    let mut reader = Reader {
        input: Cursor::new(bytes),
        brand: Brand::new(),
        nodes: Vec::new(),
        first: 0,
        depth: 0,
        memory: 0,
        limits: *limits,
    };
    reader.input.take(tags::HEADER.len())?;
    let records = reader.records()?;
    let nodes = reader.nodes.into_iter();
    let nodes = nodes.map(|node| node.expect("each node is complete once its bytes are read"));
    let graph = Graph::of(reader.brand, nodes.collect());
    Ok(Stream { graph, records })
}

struct Reader<'a> {
    input: Cursor<'a>,
    brand: Brand,
    /// `None` while the bytes of a node are being read: it may be referred to already.
    nodes: Vec<Option<Node>>,
    /// The node of the first handle; a reset moves it.
    first: usize,
    depth: usize,
    /// What the nodes so far take.
    memory: usize,
    limits: Limits,
}

impl Reader<'_> {
    /// `contents`, at the top of the stream.
    fn records(&mut self) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        while self.input.left() > 0 {
            self.charge(size_of::<Record>())?;
            let at = self.input.at();
            records.push(match self.input.u8()? {
                tags::RESET => {
                    self.first = self.nodes.len();
                    Record::Reset
                }
                tag => Record::Content(self.content(tag, at)?),
            });
        }
        Ok(records)
    }

    /// `content`, of which the tag was taken at `at`.
    fn content(&mut self, tag: u8, at: usize) -> Result<Content, ReadError> {
        let length = match tag {
            tags::BLOCKDATA => usize::from(self.input.u8()?),
            tags::BLOCKDATALONG => {
                let length = self.input.count()?;
                if length <= tags::SHORT_BLOCK {
                    let (what, above) = ("a block", tags::SHORT_BLOCK);
                    let length = length as u64;
                    return Err(Problem::LongForm {
                        what,
                        length,
                        above,
                    }
                    .at(at));
                }
                length
            }
            _ => return self.value_of(tag, at).map(Content::Value),
        };
        let bytes = self.input.take(length)?;
        self.charge(length)?;
        Ok(Content::Block(bytes.into()))
    }

    /// `contents` and `endBlockData`: what a class wrote itself.
    fn annotation(&mut self) -> Result<Box<[Content]>, ReadError> {
        let mut all = Vec::new();
        loop {
            let at = self.input.at();
            let tag = self.input.u8()?;
            if tag == tags::ENDBLOCKDATA {
                return Ok(all.into());
            }
            self.charge(size_of::<Content>())?;
            all.push(self.content(tag, at)?);
        }
    }

    /// `object`
    fn value(&mut self) -> Result<Value, ReadError> {
        let at = self.input.at();
        let tag = self.input.u8()?;
        self.value_of(tag, at)
    }

    /// `object`, of which the tag was taken at `at`.
    fn value_of(&mut self, tag: u8, at: usize) -> Result<Value, ReadError> {
        match tag {
            tags::NULL => Ok(Value::Null),
            tags::REFERENCE => self.reference().map(Value::Ref),
            tags::STRING | tags::LONGSTRING => self.string(tag, at).map(Value::Ref),
            tags::OBJECT => self.nested(Self::object).map(Value::Ref),
            tags::ARRAY => self.nested(Self::array).map(Value::Ref),
            tags::ENUM => self.nested(Self::enum_constant).map(Value::Ref),
            tags::CLASS => self.nested(Self::class_literal).map(Value::Ref),
            tags::CLASSDESC => self.nested(Self::class).map(Value::Ref),
            tags::PROXYCLASSDESC => self.nested(Self::proxy).map(Value::Ref),
            tags::EXCEPTION => Err(Problem::WriterGaveUp.at(at)),
            tags::RESET => Err(Problem::ResetInside.at(at)),
            tag => {
                let expected = "an object";
                Err(Problem::UnexpectedTag { expected, tag }.at(at))
            }
        }
    }

    /// One level further down. The tag has been taken.
    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<NodeId, ReadError>,
    ) -> Result<NodeId, ReadError> {
        let limit = self.limits.depth();
        if self.depth >= limit {
            return Err(Problem::TooDeep { limit }.at(self.input.at() - 1));
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    /// `prevObject`, after its tag.
    fn reference(&mut self) -> Result<NodeId, ReadError> {
        let at = self.input.at();
        let handle = u32::from_be_bytes(self.input.array()?);
        let known = self.nodes.len() - self.first;
        let index = handle.checked_sub(tags::BASE_HANDLE).map(|at| at as usize);
        match index {
            Some(index) if index < known => Ok(NodeId::new(self.brand, self.first + index)),
            _ => Err(Problem::UnknownHandle { handle, known }.at(at)),
        }
    }

    /// `newString`, of which the tag was taken at `at`.
    fn string(&mut self, tag: u8, at: usize) -> Result<NodeId, ReadError> {
        let length = if tag == tags::STRING {
            usize::from(self.input.u16()?)
        } else {
            let length = self.input.i64()?;
            if length < 0 {
                return Err(Problem::NegativeCount { count: length }.at(at + 1));
            }
            let length = length as u64;
            let above = tags::SHORT_STRING;
            if length <= above as u64 {
                let what = "a string";
                return Err(Problem::LongForm {
                    what,
                    length,
                    above,
                }
                .at(at));
            }
            usize::try_from(length).unwrap_or(usize::MAX)
        };
        let string = self.input.string(length)?;
        self.charge(length)?;
        let id = self.begin()?;
        self.complete(id, Node::String(string));
        Ok(id)
    }

    /// A string where nothing else may stand: the name of a type or of an enum constant.
    fn string_value(&mut self) -> Result<NodeId, ReadError> {
        let at = self.input.at();
        let expected = "a string";
        match self.input.u8()? {
            tag @ (tags::STRING | tags::LONGSTRING) => self.string(tag, at),
            tags::REFERENCE => {
                let id = self.reference()?;
                match self.known(id) {
                    Some(Node::String(_)) => Ok(id),
                    other => Err(wrong_reference(expected, other).at(at)),
                }
            }
            tag => Err(Problem::UnexpectedTag { expected, tag }.at(at)),
        }
    }

    /// A name that takes no handle.
    fn name(&mut self) -> Result<JavaString, ReadError> {
        let length = usize::from(self.input.u16()?);
        let name = self.input.string(length)?;
        self.charge(length)?;
        Ok(name)
    }

    /// Gives out the next handle.
    fn begin(&mut self) -> Result<NodeId, ReadError> {
        self.charge(size_of::<Option<Node>>())?;
        let id = NodeId::new(self.brand, self.nodes.len());
        self.nodes.push(None);
        Ok(id)
    }

    fn complete(&mut self, id: NodeId, node: Node) {
        self.nodes[id.index()] = Some(node);
    }

    /// A node whose bytes have all been read.
    fn known(&self, id: NodeId) -> Option<&Node> {
        self.nodes[id.index()].as_ref()
    }

    /// Accounts for memory that is about to be taken.
    fn charge(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.memory = self.memory.saturating_add(bytes);
        let limit = self.limits.max_memory;
        if self.memory > limit {
            return Err(Problem::TooMuchMemory { limit }.at(self.input.at()));
        }
        Ok(())
    }
}

fn wrong_reference(expected: &'static str, found: Option<&Node>) -> Problem {
    let found = found.map_or("something that is not complete", Node::kind);
    Problem::WrongReference { expected, found }
}

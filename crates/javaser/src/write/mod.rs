//! Writing a stream, as `ObjectOutputStream` does: a node is written where it is met first, and referred to after.

mod error;

pub use error::WriteError;

use crate::graph::{Content, Elements, FieldDesc, Graph, Node, NodeId, Value};
use crate::limits::Limits;
use crate::mutf8::JavaString;
use crate::stream::{Record, Stream};
use crate::tags;

/// Writes all records.
pub(crate) fn write(stream: &Stream, limits: &Limits) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer {
        graph: &stream.graph,
        out: tags::HEADER.to_vec(),
        handles: vec![None; stream.graph.len()],
        next: tags::BASE_HANDLE,
        depth: 0,
        limits: *limits,
    };
    for record in &stream.records {
        match record {
            Record::Content(content) => writer.content(content)?,
            Record::Reset => {
                writer.out.push(tags::RESET);
                writer.handles.fill(None);
                writer.next = tags::BASE_HANDLE;
            }
        }
    }
    writer.within_length()?;
    Ok(writer.out)
}

struct Writer<'g> {
    graph: &'g Graph,
    out: Vec<u8>,
    /// The handle of each node that has been written.
    handles: Vec<Option<u32>>,
    next: u32,
    depth: usize,
    limits: Limits,
}

impl<'g> Writer<'g> {
    fn value(&mut self, value: Value) -> Result<(), WriteError> {
        match value {
            Value::Null => self.out.push(tags::NULL),
            Value::Bool(value) => self.out.push(value.into()),
            Value::Byte(value) => self.out.extend(value.to_be_bytes()),
            Value::Char(value) => self.out.extend(value.to_be_bytes()),
            Value::Short(value) => self.out.extend(value.to_be_bytes()),
            Value::Int(value) => self.out.extend(value.to_be_bytes()),
            Value::Long(value) => self.out.extend(value.to_be_bytes()),
            Value::Float(value) => self.out.extend(value.to_be_bytes()),
            Value::Double(value) => self.out.extend(value.to_be_bytes()),
            Value::Ref(id) => self.node(id)?,
        }
        Ok(())
    }

    /// A node, or a reference to it once it has been written.
    fn node(&mut self, id: NodeId) -> Result<(), WriteError> {
        let node = self.known(id, "known")?;
        if let Some(handle) = self.handles[id.index()] {
            self.out.push(tags::REFERENCE);
            self.out.extend(handle.to_be_bytes());
            return Ok(());
        }
        self.within_length()?;
        // A string holds nothing, so it may stand on the lowest level; the reader counts alike.
        let level = usize::from(!matches!(node, Node::String(_)));
        let limit = self.limits.depth();
        if self.depth + level > limit {
            return Err(WriteError::TooDeep { limit });
        }
        self.depth += level;
        self.fresh(id, node)?;
        self.depth -= level;
        Ok(())
    }

    /// A node that has not been written. Where its handle is given out is part of the format.
    fn fresh(&mut self, id: NodeId, node: &'g Node) -> Result<(), WriteError> {
        match node {
            Node::String(string) => {
                self.give_handle(id);
                self.string(string);
            }
            Node::Class(class) => {
                self.out.push(tags::CLASSDESC);
                self.name(&class.name)?;
                self.out.extend(class.uid.to_be_bytes());
                self.give_handle(id);
                self.out.push(class.flags.0);
                self.fields(&class.fields)?;
                self.annotation(&class.annotation)?;
                self.class_desc(class.super_class)?;
            }
            Node::Proxy(proxy) => {
                self.out.push(tags::PROXYCLASSDESC);
                self.give_handle(id);
                self.length(proxy.interfaces.len(), "interfaces")?;
                for name in &proxy.interfaces {
                    self.name(name)?;
                }
                self.annotation(&proxy.annotation)?;
                self.class_desc(proxy.super_class)?;
            }
            Node::Object(object) => {
                self.out.push(tags::OBJECT);
                self.class_desc(Some(object.class))?;
                self.give_handle(id);
                for part in &object.parts {
                    for value in &part.fields {
                        self.value(*value)?;
                    }
                    if let Some(data) = &part.data {
                        self.annotation(data)?;
                    }
                }
            }
            Node::Array { class, elements } => {
                self.out.push(tags::ARRAY);
                self.class_desc(Some(*class))?;
                self.give_handle(id);
                self.elements(elements)?;
            }
            Node::Enum { class, constant } => {
                self.out.push(tags::ENUM);
                self.class_desc(Some(*class))?;
                self.give_handle(id);
                self.node(*constant)?;
            }
            Node::ClassLiteral { class } => {
                self.out.push(tags::CLASS);
                self.class_desc(Some(*class))?;
                self.give_handle(id);
            }
        }
        Ok(())
    }

    fn class_desc(&mut self, class: Option<NodeId>) -> Result<(), WriteError> {
        let Some(id) = class else {
            self.out.push(tags::NULL);
            return Ok(());
        };
        let expected = "a class descriptor";
        if !self.known(id, expected)?.is_class() {
            let node = id.index();
            return Err(WriteError::ForeignNode { node, expected });
        }
        self.node(id)
    }

    fn fields(&mut self, fields: &[FieldDesc]) -> Result<(), WriteError> {
        let count = self.room(fields.len(), "fields")?;
        self.out.extend(count.to_be_bytes());
        for field in fields {
            self.out.push(field.kind.letter());
            self.name(&field.name)?;
            if let Some(type_name) = field.type_name {
                self.node(type_name)?;
            }
        }
        Ok(())
    }

    fn annotation(&mut self, contents: &[Content]) -> Result<(), WriteError> {
        for content in contents {
            self.content(content)?;
        }
        self.out.push(tags::ENDBLOCKDATA);
        Ok(())
    }

    fn content(&mut self, content: &Content) -> Result<(), WriteError> {
        match content {
            Content::Block(bytes) => self.block(bytes),
            Content::Value(value) => self.reference(*value),
        }
    }

    /// A value where the format has room for objects only.
    fn reference(&mut self, value: Value) -> Result<(), WriteError> {
        match value {
            Value::Null | Value::Ref(_) => self.value(value),
            _ => Err(WriteError::LoosePrimitive),
        }
    }

    fn block(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.out.extend([tags::BLOCKDATA, length]),
            Err(_) => {
                self.out.push(tags::BLOCKDATALONG);
                self.length(bytes.len(), "a block")?;
            }
        }
        self.out.extend(bytes);
        Ok(())
    }

    fn elements(&mut self, elements: &Elements) -> Result<(), WriteError> {
        self.length(elements.len(), "an array")?;
        match elements {
            Elements::Bool(all) => self.out.extend(all.iter().map(|item| u8::from(*item))),
            Elements::Byte(all) => self
                .out
                .extend(all.iter().flat_map(|item| item.to_be_bytes())),
            Elements::Char(all) => self
                .out
                .extend(all.iter().flat_map(|item| item.to_be_bytes())),
            Elements::Short(all) => self
                .out
                .extend(all.iter().flat_map(|item| item.to_be_bytes())),
            Elements::Int(all) => self
                .out
                .extend(all.iter().flat_map(|item| item.to_be_bytes())),
            Elements::Long(all) => self
                .out
                .extend(all.iter().flat_map(|item| item.to_be_bytes())),
            Elements::Float(all) => self
                .out
                .extend(all.iter().flat_map(|item| item.to_be_bytes())),
            Elements::Double(all) => self
                .out
                .extend(all.iter().flat_map(|item| item.to_be_bytes())),
            Elements::References(all) => {
                for value in all {
                    self.reference(*value)?;
                }
            }
        }
        Ok(())
    }

    fn string(&mut self, string: &JavaString) {
        let bytes = string.as_bytes();
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                self.out.push(tags::STRING);
                self.out.extend(length.to_be_bytes());
            }
            Err(_) => {
                self.out.push(tags::LONGSTRING);
                self.out.extend((bytes.len() as u64).to_be_bytes());
            }
        }
        self.out.extend(bytes);
    }

    /// A name that takes no handle.
    fn name(&mut self, name: &JavaString) -> Result<(), WriteError> {
        let length = self.room(name.as_bytes().len(), "a name")?;
        self.out.extend(length.to_be_bytes());
        self.out.extend(name.as_bytes());
        Ok(())
    }

    fn room(&self, length: usize, what: &'static str) -> Result<u16, WriteError> {
        let room = usize::from(u16::MAX);
        u16::try_from(length).map_err(|_| WriteError::NoRoom { what, length, room })
    }

    fn length(&mut self, length: usize, what: &'static str) -> Result<(), WriteError> {
        let room = i32::MAX as usize;
        let count = i32::try_from(length);
        let count = count.map_err(|_| WriteError::NoRoom { what, length, room })?;
        self.out.extend(count.to_be_bytes());
        Ok(())
    }

    fn give_handle(&mut self, id: NodeId) {
        self.handles[id.index()] = Some(self.next);
        self.next += 1;
    }

    fn known(&self, id: NodeId, expected: &'static str) -> Result<&'g Node, WriteError> {
        let node = id.index();
        let graph = self.graph;
        graph
            .node(id)
            .ok_or(WriteError::ForeignNode { node, expected })
    }

    fn within_length(&self) -> Result<(), WriteError> {
        let limit = self.limits.max_bytes;
        match self.out.len() > limit {
            true => Err(WriteError::TooLong { limit }),
            false => Ok(()),
        }
    }
}

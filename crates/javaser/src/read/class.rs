//! `newClassDesc` and `newClass` (Java Object Serialization Specification §6.4).

use std::mem::size_of;

use super::{Problem, ReadError, Reader, shown, wrong_reference};
use crate::graph::{ClassDesc, FieldDesc, FieldType, Flags, Node, NodeId, ProxyDesc};
use crate::mutf8::JavaString;
use crate::tags;

impl Reader<'_> {
    /// `classDesc`; `None` for null.
    pub(super) fn class_desc(&mut self) -> Result<Option<NodeId>, ReadError> {
        let at = self.input.at();
        let expected = "a class descriptor";
        match self.input.u8()? {
            tags::NULL => Ok(None),
            tags::CLASSDESC => self.nested(Self::class).map(Some),
            tags::PROXYCLASSDESC => self.nested(Self::proxy).map(Some),
            tags::REFERENCE => {
                let id = self.reference()?;
                match self.known(id) {
                    Some(node) if node.is_class() => Ok(Some(id)),
                    other => Err(wrong_reference(expected, other).at(at)),
                }
            }
            tag => Err(Problem::UnexpectedTag { expected, tag }.at(at)),
        }
    }

    /// `classDesc` where null has no meaning.
    pub(super) fn some_class_desc(&mut self) -> Result<NodeId, ReadError> {
        let at = self.input.at();
        self.class_desc()?.ok_or_else(|| {
            let (expected, tag) = ("a class descriptor", tags::NULL);
            Problem::UnexpectedTag { expected, tag }.at(at)
        })
    }

    /// `newClass`, after its tag.
    pub(super) fn class_literal(&mut self) -> Result<NodeId, ReadError> {
        let class = self.some_class_desc()?;
        let id = self.begin()?;
        self.complete(id, Node::ClassLiteral { class });
        Ok(id)
    }

    /// `TC_CLASSDESC className serialVersionUID newHandle classDescInfo`, after the tag.
    pub(super) fn class(&mut self) -> Result<NodeId, ReadError> {
        let at = self.input.at() - 1;
        let name = self.name()?;
        let uid = self.input.i64()?;
        let id = self.begin()?;
        let flags = Flags(self.input.u8()?);
        let fields = self.fields()?;
        if let Some(why) = conflict(flags, uid, &fields) {
            let class = shown(&name);
            return Err(Problem::BadClass { class, why }.at(at));
        }
        let annotation = self.annotation()?;
        let super_class = self.class_desc()?;
        let class = ClassDesc {
            name,
            uid,
            flags,
            fields,
            annotation,
            super_class,
        };
        self.complete(id, Node::Class(class));
        Ok(id)
    }

    /// `fields`
    fn fields(&mut self) -> Result<Box<[FieldDesc]>, ReadError> {
        let count = self.input.u16()?;
        let mut fields = Vec::new();
        for _ in 0..count {
            self.charge(size_of::<FieldDesc>())?;
            let at = self.input.at();
            let letter = self.input.u8()?;
            let kind = FieldType::of(letter).ok_or(Problem::BadFieldType { letter }.at(at))?;
            let name = self.name()?;
            let type_name = match kind.is_reference() {
                true => Some(self.string_value()?),
                false => None,
            };
            fields.push(FieldDesc {
                name,
                kind,
                type_name,
            });
        }
        Ok(fields.into())
    }

    /// `TC_PROXYCLASSDESC newHandle proxyClassDescInfo`, after the tag.
    pub(super) fn proxy(&mut self) -> Result<NodeId, ReadError> {
        let id = self.begin()?;
        let count = self.input.count()?;
        let mut interfaces = Vec::new();
        for _ in 0..count {
            self.charge(size_of::<JavaString>())?;
            interfaces.push(self.name()?);
        }
        let annotation = self.annotation()?;
        let super_class = self.class_desc()?;
        let proxy = ProxyDesc {
            interfaces: interfaces.into(),
            annotation,
            super_class,
        };
        self.complete(id, Node::Proxy(proxy));
        Ok(id)
    }
}

/// What `ObjectStreamClass` refuses of a descriptor.
fn conflict(flags: Flags, uid: i64, fields: &[FieldDesc]) -> Option<&'static str> {
    if flags.has(Flags::SERIALIZABLE) && flags.has(Flags::EXTERNALIZABLE) {
        return Some("both serializable and externalizable");
    }
    if flags.has(Flags::ENUM) && (uid != 0 || !fields.is_empty()) {
        return Some("an enum with a serialVersionUID or fields");
    }
    None
}

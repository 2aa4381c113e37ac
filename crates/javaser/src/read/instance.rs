//! `newObject`, `newArray` and `newEnum` (Java Object Serialization Specification §6.4).

use std::mem::size_of;

use super::{Problem, ReadError, Reader, shown};
use crate::graph::{Elements, FieldType, Flags, Node, NodeId, Object, Part, Value};

impl Reader<'_> {
    /// `TC_OBJECT classDesc newHandle classdata[]`, after the tag.
    pub(super) fn object(&mut self) -> Result<NodeId, ReadError> {
        let at = self.input.at();
        let class = self.some_class_desc()?;
        let id = self.begin()?;
        let parts = match self.layout(class, at)? {
            Layout::External => {
                self.charge(size_of::<Part>())?;
                let data = Some(self.annotation()?);
                let fields = [].into();
                [Part {
                    class,
                    fields,
                    data,
                }]
                .into()
            }
            Layout::Serial(classes) => {
                let mut parts = Vec::with_capacity(classes.len());
                for class in classes {
                    parts.push(self.part(class)?);
                }
                parts.into()
            }
        };
        self.complete(id, Node::Object(Object { class, parts }));
        Ok(id)
    }

    /// How the data of an instance of `class` lie. `at` is where the class stands.
    fn layout(&mut self, class: NodeId, at: usize) -> Result<Layout, ReadError> {
        let bad = |class, why| Problem::BadClass { class, why }.at(at);
        let mut classes = Vec::new();
        let mut next = Some(class);
        while let Some(id) = next {
            // The chain may be long without a byte of data behind it.
            self.charge(size_of::<Part>() + size_of::<NodeId>())?;
            match self.known(id) {
                Some(Node::Class(desc)) => {
                    let refuse = |why| Err(bad(shown(&desc.name), why));
                    if desc.flags.has(Flags::ENUM) {
                        return refuse("an enum's constants are not written as objects");
                    }
                    if desc.name.as_bytes().first() == Some(&b'[') {
                        return refuse("an array is not written as an object");
                    }
                    if desc.flags.has(Flags::EXTERNALIZABLE) {
                        if !desc.flags.has(Flags::BLOCK_DATA) {
                            return refuse(
                                "externalizable in the old form, whose end can't be found",
                            );
                        }
                        if id != class {
                            return refuse("externalizable, below a class that is not");
                        }
                        return Ok(Layout::External);
                    }
                    if !desc.flags.has(Flags::SERIALIZABLE) {
                        return refuse("not serializable, so it has no instances in a stream");
                    }
                    classes.push(id);
                    next = desc.super_class;
                }
                Some(Node::Proxy(proxy)) => {
                    classes.push(id);
                    next = proxy.super_class;
                }
                _ => unreachable!("a class is complete before it is used"),
            }
        }
        classes.reverse();
        Ok(Layout::Serial(classes))
    }

    /// `classdata` of one class.
    fn part(&mut self, class: NodeId) -> Result<Part, ReadError> {
        let mut fields = Vec::new();
        // The types are looked up one by one: a copy of them would be held at each level of what the fields hold.
        while let Some(kind) = self.field_type(class, fields.len()) {
            self.charge(size_of::<Value>())?;
            fields.push(self.field(kind)?);
        }
        let annotated = match self.known(class) {
            Some(Node::Class(desc)) => desc.flags.has(Flags::WRITE_METHOD),
            _ => false,
        };
        let data = match annotated {
            true => Some(self.annotation()?),
            false => None,
        };
        let fields = fields.into();
        Ok(Part {
            class,
            fields,
            data,
        })
    }

    fn field_type(&self, class: NodeId, at: usize) -> Option<FieldType> {
        match self.known(class)? {
            Node::Class(desc) => desc.fields.get(at).map(|field| field.kind),
            _ => None,
        }
    }

    fn field(&mut self, kind: FieldType) -> Result<Value, ReadError> {
        let input = &mut self.input;
        Ok(match kind {
            FieldType::Byte => Value::Byte(input.array().map(i8::from_be_bytes)?),
            FieldType::Char => Value::Char(input.u16()?),
            FieldType::Double => Value::Double(input.array().map(f64::from_be_bytes)?),
            FieldType::Float => Value::Float(input.array().map(f32::from_be_bytes)?),
            FieldType::Int => Value::Int(input.i32()?),
            FieldType::Long => Value::Long(input.i64()?),
            FieldType::Short => Value::Short(input.array().map(i16::from_be_bytes)?),
            FieldType::Bool => Value::Bool(input.bool()?),
            FieldType::Array | FieldType::Object => self.value()?,
        })
    }

    /// `TC_ARRAY classDesc newHandle (int)<size> values[size]`, after the tag.
    pub(super) fn array(&mut self) -> Result<NodeId, ReadError> {
        let at = self.input.at();
        let class = self.some_class_desc()?;
        let kind = match self.known(class) {
            Some(Node::Class(desc)) => desc.element_type().ok_or_else(|| {
                let class = shown(&desc.name);
                let why = "not the class of an array: those begin with [ and the elements' type";
                Problem::BadClass { class, why }.at(at)
            })?,
            other => return Err(super::wrong_reference("the class of an array", other).at(at)),
        };
        let id = self.begin()?;
        let elements = self.elements(kind)?;
        self.complete(id, Node::Array { class, elements });
        Ok(id)
    }

    fn elements(&mut self, kind: FieldType) -> Result<Elements, ReadError> {
        let count = self.input.count()?;
        Ok(match kind {
            FieldType::Byte => Elements::Byte(self.primitives(count, i8::from_be_bytes)?),
            FieldType::Char => Elements::Char(self.primitives(count, u16::from_be_bytes)?),
            FieldType::Double => Elements::Double(self.primitives(count, f64::from_be_bytes)?),
            FieldType::Float => Elements::Float(self.primitives(count, f32::from_be_bytes)?),
            FieldType::Int => Elements::Int(self.primitives(count, i32::from_be_bytes)?),
            FieldType::Long => Elements::Long(self.primitives(count, i64::from_be_bytes)?),
            FieldType::Short => Elements::Short(self.primitives(count, i16::from_be_bytes)?),
            FieldType::Bool => {
                let mut all = Vec::new();
                for _ in 0..count {
                    self.charge(1)?;
                    all.push(self.input.bool()?);
                }
                Elements::Bool(all)
            }
            FieldType::Array | FieldType::Object => {
                let mut all = Vec::new();
                for _ in 0..count {
                    self.charge(size_of::<Value>())?;
                    all.push(self.value()?);
                }
                Elements::References(all)
            }
        })
    }

    fn primitives<T, const N: usize>(
        &mut self,
        count: usize,
        convert: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, ReadError> {
        let bytes = self.input.take(count.saturating_mul(N))?;
        self.charge(bytes.len())?;
        let (items, _) = bytes.as_chunks::<N>();
        Ok(items.iter().map(|item| convert(*item)).collect())
    }

    /// `TC_ENUM classDesc newHandle enumConstantName`, after the tag.
    pub(super) fn enum_constant(&mut self) -> Result<NodeId, ReadError> {
        let at = self.input.at();
        let class = self.some_class_desc()?;
        match self.known(class) {
            Some(Node::Class(desc)) if desc.flags.has(Flags::ENUM) => {}
            Some(Node::Class(desc)) => {
                let class = shown(&desc.name);
                let why = "not an enum, but a constant of it follows";
                return Err(Problem::BadClass { class, why }.at(at));
            }
            other => return Err(super::wrong_reference("the class of an enum", other).at(at)),
        }
        let id = self.begin()?;
        let constant = self.string_value()?;
        self.complete(id, Node::Enum { class, constant });
        Ok(id)
    }
}

/// How the data of an object lie in the stream.
enum Layout {
    /// One block of what the class wrote.
    External,
    /// One part for each class, from the top.
    Serial(Vec<NodeId>),
}

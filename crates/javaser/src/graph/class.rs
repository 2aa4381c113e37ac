//! Class descriptors (Java Object Serialization Specification §4.3, §6.4: `newClassDesc`).

use super::{Content, Graph, NodeId, Value};
use crate::mutf8::JavaString;

/// How the instances of a class were written (§6.4.2, "classDescFlags"). Bits without a meaning are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// `SC_WRITE_METHOD`: the class has a `writeObject`; what it wrote follows the fields.
    pub const WRITE_METHOD: u8 = 0x01;
    /// `SC_SERIALIZABLE`
    pub const SERIALIZABLE: u8 = 0x02;
    /// `SC_EXTERNALIZABLE`: the class wrote everything itself.
    pub const EXTERNALIZABLE: u8 = 0x04;
    /// `SC_BLOCK_DATA`: what an externalizable class wrote is delimited, so that it can be skipped.
    pub const BLOCK_DATA: u8 = 0x08;
    /// `SC_ENUM`
    pub const ENUM: u8 = 0x10;

    /// Whether this bit is set.
    #[must_use]
    pub fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// The type of a field or of the elements of an array, by its letter (§6.4: `prim_typecode`, `obj_typecode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// `B`
    Byte,
    /// `C`
    Char,
    /// `D`
    Double,
    /// `F`
    Float,
    /// `I`
    Int,
    /// `J`
    Long,
    /// `S`
    Short,
    /// `Z`
    Bool,
    /// `[`: a reference to an array.
    Array,
    /// `L`: a reference to anything else.
    Object,
}

impl FieldType {
    /// The type that a letter stands for.
    #[must_use]
    pub fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'B' => Self::Byte,
            b'C' => Self::Char,
            b'D' => Self::Double,
            b'F' => Self::Float,
            b'I' => Self::Int,
            b'J' => Self::Long,
            b'S' => Self::Short,
            b'Z' => Self::Bool,
            b'[' => Self::Array,
            b'L' => Self::Object,
            _ => return None,
        })
    }

    /// The letter in the stream.
    #[must_use]
    pub fn letter(self) -> u8 {
        match self {
            Self::Byte => b'B',
            Self::Char => b'C',
            Self::Double => b'D',
            Self::Float => b'F',
            Self::Int => b'I',
            Self::Long => b'J',
            Self::Short => b'S',
            Self::Bool => b'Z',
            Self::Array => b'[',
            Self::Object => b'L',
        }
    }

    /// Whether values are references, not primitives.
    #[must_use]
    pub fn is_reference(self) -> bool {
        matches!(self, Self::Array | Self::Object)
    }

    /// What Java gives a field of this type that nobody set.
    #[must_use]
    pub fn default_value(self) -> Value {
        match self {
            Self::Byte => Value::Byte(0),
            Self::Char => Value::Char(0),
            Self::Double => Value::Double(0.0),
            Self::Float => Value::Float(0.0),
            Self::Int => Value::Int(0),
            Self::Long => Value::Long(0),
            Self::Short => Value::Short(0),
            Self::Bool => Value::Bool(false),
            Self::Array | Self::Object => Value::Null,
        }
    }

    /// Whether a value is of this type; any reference is, its class is not looked at.
    #[must_use]
    pub fn holds(self, value: Value) -> bool {
        match value {
            Value::Null | Value::Ref(_) => self.is_reference(),
            Value::Bool(_) => self == Self::Bool,
            Value::Byte(_) => self == Self::Byte,
            Value::Char(_) => self == Self::Char,
            Value::Short(_) => self == Self::Short,
            Value::Int(_) => self == Self::Int,
            Value::Long(_) => self == Self::Long,
            Value::Float(_) => self == Self::Float,
            Value::Double(_) => self == Self::Double,
        }
    }
}

/// One serializable field of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDesc {
    /// Its name.
    pub name: JavaString,
    /// What it holds.
    pub kind: FieldType,
    /// The string node with the type's name, as `Ljava/lang/String;`: present exactly when `kind` is a reference.
    pub type_name: Option<NodeId>,
}

/// A class as the writer knew it (`TC_CLASSDESC`).
#[derive(Debug, Clone, PartialEq)]
pub struct ClassDesc {
    /// Its binary name, as `scala.collection.immutable.Map$Map1` or `[Ljava.lang.String;`.
    pub name: JavaString,
    /// Its serialVersionUID: two versions of a class understand each other only if it is the same.
    pub uid: i64,
    /// How its instances are written.
    pub flags: Flags,
    /// Its fields in the order of the stream (primitives by name, then references by name).
    pub fields: Box<[FieldDesc]>,
    /// What the writer's `annotateClass` added; nothing, from an ordinary `ObjectOutputStream`.
    pub annotation: Box<[Content]>,
    /// The descriptor of the nearest serializable superclass.
    pub super_class: Option<NodeId>,
}

impl ClassDesc {
    /// The place of a field among the values of this class.
    #[must_use]
    pub fn position(&self, field: &str) -> Option<usize> {
        self.fields.iter().position(|known| known.name.is(field))
    }

    /// What the elements are, when this is the class of an array (§6.4: the second letter of its name).
    #[must_use]
    pub fn element_type(&self) -> Option<FieldType> {
        match self.name.as_bytes() {
            [b'[', letter, ..] => FieldType::of(*letter),
            _ => None,
        }
    }
}

/// A dynamic proxy's class (`TC_PROXYCLASSDESC`): the interfaces that it implements.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyDesc {
    /// The names of the interfaces.
    pub interfaces: Box<[JavaString]>,
    /// What the writer's `annotateProxyClass` added.
    pub annotation: Box<[Content]>,
    /// `java.lang.reflect.Proxy`.
    pub super_class: Option<NodeId>,
}

/// All that makes two descriptors of one graph the same. Those with an annotation are the same only as themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ClassKey {
    Class {
        name: JavaString,
        uid: i64,
        flags: Flags,
        fields: Vec<(JavaString, FieldType, Option<JavaString>)>,
        super_class: Option<NodeId>,
    },
    Proxy {
        interfaces: Box<[JavaString]>,
        super_class: Option<NodeId>,
    },
}

impl ClassKey {
    /// The key of `class`, whose type names are in `graph` and whose superclass is to be `super_class`.
    pub(crate) fn of_class(
        graph: &Graph,
        class: &ClassDesc,
        super_class: Option<NodeId>,
    ) -> Option<Self> {
        let key = |field: &FieldDesc| {
            let type_name = field.type_name.and_then(|id| graph.string(id)).cloned();
            (field.name.clone(), field.kind, type_name)
        };
        class.annotation.is_empty().then(|| Self::Class {
            name: class.name.clone(),
            uid: class.uid,
            flags: class.flags,
            fields: class.fields.iter().map(key).collect(),
            super_class,
        })
    }

    /// The key of a proxy's class whose superclass is to be `super_class`.
    pub(crate) fn of_proxy(proxy: &ProxyDesc, super_class: Option<NodeId>) -> Option<Self> {
        proxy.annotation.is_empty().then(|| Self::Proxy {
            interfaces: proxy.interfaces.clone(),
            super_class,
        })
    }
}

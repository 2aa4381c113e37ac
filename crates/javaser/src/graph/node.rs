//! The kinds of nodes.

use std::fmt;

use super::{ClassDesc, Elements, NodeId, ProxyDesc, Value};
use crate::mutf8::JavaString;

/// Whatever takes a handle in a stream (Java Object Serialization Specification §6.4.1).
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A class descriptor.
    Class(ClassDesc),
    /// The descriptor of a dynamic proxy's class.
    Proxy(ProxyDesc),
    /// A string.
    String(JavaString),
    /// An object.
    Object(Object),
    /// An array.
    Array {
        /// Its class, whose name begins with `[`.
        class: NodeId,
        /// Its elements.
        elements: Elements,
    },
    /// A constant of an enum.
    Enum {
        /// The enum's class.
        class: NodeId,
        /// The string node with the constant's name.
        constant: NodeId,
    },
    /// An instance of `java.lang.Class`.
    ClassLiteral {
        /// The class that it stands for.
        class: NodeId,
    },
}

impl Node {
    /// The class of an instance: of an object, array, or enum constant.
    #[must_use]
    pub fn class(&self) -> Option<NodeId> {
        match self {
            Self::Object(object) => Some(object.class),
            Self::Array { class, .. } | Self::Enum { class, .. } => Some(*class),
            Self::Class(_) | Self::Proxy(_) | Self::String(_) | Self::ClassLiteral { .. } => None,
        }
    }

    /// What a descriptor extends.
    pub(crate) fn super_class(&self) -> Option<NodeId> {
        match self {
            Self::Class(class) => class.super_class,
            Self::Proxy(proxy) => proxy.super_class,
            _ => None,
        }
    }

    /// Whether this describes a class.
    pub(crate) fn is_class(&self) -> bool {
        matches!(self, Self::Class(_) | Self::Proxy(_))
    }

    /// What this is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Class(_) => "a class descriptor",
            Self::Proxy(_) => "a proxy class descriptor",
            Self::String(_) => "a string",
            Self::Object(_) => "an object",
            Self::Array { .. } => "an array",
            Self::Enum { .. } => "an enum constant",
            Self::ClassLiteral { .. } => "a class literal",
        }
    }
}

/// An object: what each class of its hierarchy wrote, topmost first.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its class.
    pub class: NodeId,
    /// One part for each serializable class, topmost first; a single one for an externalizable class.
    pub parts: Box<[Part]>,
}

/// What one class of an object's hierarchy wrote (§6.4: `classdata`).
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The class.
    pub class: NodeId,
    /// The values of its fields, in the order of its descriptor; none for an externalizable class.
    pub fields: Box<[Value]>,
    /// What its `writeObject` or `writeExternal` wrote (`objectAnnotation`); `None` if it has neither.
    pub data: Option<Box<[Content]>>,
}

/// One item between the values of fields, written by a class itself (§6.4: `content`).
///
/// `Debug` shows the length alone of primitive data, which may hold text.
#[derive(Clone, PartialEq)]
pub enum Content {
    /// Primitive data. Java breaks it after 1024 bytes; the breaks mean nothing but are kept.
    Block(Box<[u8]>),
    /// An object, or null.
    Value(Value),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(bytes) => write!(f, "Block({} bytes)", bytes.len()),
            Self::Value(value) => f.debug_tuple("Value").field(value).finish(),
        }
    }
}

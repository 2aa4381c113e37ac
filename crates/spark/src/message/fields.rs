//! Reading the fields of messages.

use std::cell::Cell;
use std::collections::BTreeMap;

use vesta_javaser::{AccessError, ClassView, View, scala};
use vesta_types::{SparkPeer, SparkRelease};

use super::error::MessageError;
use super::from_peer::MessageLimits;
use crate::address::RpcAddress;
use crate::profile::REFERENCE;

/// About what one element of a list or map takes beside its texts, in bytes.
const PER_ELEMENT: usize = 128;

/// What holds for all of one message.
pub(super) struct Context {
    /// The release of its sender, as far as the message shows it.
    pub(super) release: SparkRelease,
    pub(super) limits: MessageLimits,
    /// What the values may yet take. A small stream may refer to one long text a million times; here each is a copy.
    left: Cell<usize>,
}

impl Context {
    pub(super) fn new(release: SparkRelease, limits: MessageLimits) -> Self {
        Self {
            release,
            left: Cell::new(limits.stream.max_memory),
            limits,
        }
    }

    fn charge(&self, bytes: usize) -> Result<(), MessageError> {
        let limit = self.limits.stream.max_memory;
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.ok_or(MessageError::TooLarge { limit })?);
        Ok(())
    }
}

/// An object of a message.
#[derive(Clone, Copy)]
pub(super) struct Fields<'m> {
    pub(super) view: View<'m>,
    pub(super) context: &'m Context,
}

impl<'m> Fields<'m> {
    pub(super) fn new(view: View<'m>, context: &'m Context) -> Self {
        Self { view, context }
    }

    /// What `read` makes of a field, if that takes no memory to speak of.
    pub(super) fn get<T>(
        self,
        field: &str,
        read: impl FnOnce(View<'m>) -> Result<T, AccessError>,
    ) -> Result<T, MessageError> {
        Ok(self.view.get(field, read)?)
    }

    /// A field that holds an object.
    pub(super) fn object(self, field: &str) -> Result<Self, MessageError> {
        let read = |value: View<'m>| match value.is_null() {
            true => Err(AccessError::WrongKind {
                expected: "an object",
                found: value.kind(),
            }),
            false => Ok(value),
        };
        Ok(Self::new(self.get(field, read)?, self.context))
    }

    pub(super) fn text(self, field: &str) -> Result<String, MessageError> {
        self.owned(field, self.view.field(field)?)
    }

    pub(super) fn optional_text(self, field: &str) -> Result<Option<String>, MessageError> {
        let text = self.get(field, scala::option)?;
        text.map(|text| self.owned(field, text)).transpose()
    }

    /// An `int`.
    pub(super) fn number<N: Number>(self, field: &str) -> Result<N, MessageError> {
        self.in_range(field, self.get(field, View::int)?.into())
    }

    /// A `long`.
    pub(super) fn long_number<N: Number>(self, field: &str) -> Result<N, MessageError> {
        self.in_range(field, self.get(field, View::long)?)
    }

    /// An `Option[Int]`.
    pub(super) fn optional_number<N: Number>(self, field: &str) -> Result<Option<N>, MessageError> {
        let value = self.optional_int(field)?;
        value
            .map(|value| self.in_range(field, value.into()))
            .transpose()
    }

    /// An `Option[Int]` of any sign.
    pub(super) fn optional_int(self, field: &str) -> Result<Option<i32>, MessageError> {
        self.get(field, |option| {
            scala::option(option)?.map(View::int).transpose()
        })
    }

    /// A number that was in a field.
    pub(super) fn in_range<N: Number>(self, field: &str, value: i64) -> Result<N, MessageError> {
        N::try_from(value).map_err(|_| self.wrong_number(field, value, N::RANGE))
    }

    pub(super) fn wrong_number(
        self,
        field: &str,
        value: i64,
        expected: &'static str,
    ) -> MessageError {
        let class = self.class();
        let field = format!("{class}.{field}");
        MessageError::Number {
            field,
            value,
            expected,
        }
    }

    /// A `Seq[String]`.
    pub(super) fn texts(self, field: &str) -> Result<Vec<String>, MessageError> {
        let texts = self.get(field, scala::seq)?;
        self.elements(texts, |text| self.owned(field, text))
    }

    /// A `Map[String, String]`.
    pub(super) fn text_map(self, field: &str) -> Result<BTreeMap<String, String>, MessageError> {
        self.map(field, |value| self.owned(field, value))
    }

    /// A `Map` with texts for keys.
    pub(super) fn map<T>(
        self,
        field: &str,
        mut read: impl FnMut(View<'m>) -> Result<T, MessageError>,
    ) -> Result<BTreeMap<String, T>, MessageError> {
        let entries = self.get(field, scala::map)?;
        let entry = |(key, value)| Ok((self.owned(field, key)?, read(value)?));
        Ok(self.elements(entries, entry)?.into_iter().collect())
    }

    /// A `Seq` of objects.
    pub(super) fn each<T>(
        self,
        field: &str,
        mut read: impl FnMut(Self) -> Result<T, MessageError>,
    ) -> Result<Vec<T>, MessageError> {
        let elements = self.get(field, scala::seq)?;
        self.elements(elements, |element| read(Self::new(element, self.context)))
    }

    /// What `read` makes of each element.
    pub(super) fn elements<E, T>(
        self,
        elements: Vec<E>,
        read: impl FnMut(E) -> Result<T, MessageError>,
    ) -> Result<Vec<T>, MessageError> {
        self.context
            .charge(elements.len().saturating_mul(PER_ELEMENT))?;
        elements.into_iter().map(read).collect()
    }

    /// The text of a value that is in a field, or in what is in it.
    pub(super) fn owned(self, field: &str, value: View<'m>) -> Result<String, MessageError> {
        let text = self.get(field, |_| value.text())?;
        self.context.charge(text.len())?;
        Ok(text.into_owned())
    }

    /// The name of its class.
    pub(super) fn class(self) -> String {
        self.view.class().map_or_else(String::new, ClassView::name)
    }

    /// A reference to an endpoint of the sender's.
    pub(super) fn peer(self, field: &str) -> Result<SparkPeer, MessageError> {
        let reference = self.object(field)?;
        let endpoint = reference.object("endpointAddress")?;
        let address = RpcAddress::read(endpoint.object("rpcAddress")?)?;
        Ok(SparkPeer {
            host: address.host,
            port: address.port,
            endpoint: endpoint.text("name")?,
            release: SparkRelease {
                reference_uid: Some(reference_uid(reference.view)?),
                ..self.context.release
            },
        })
    }
}

/// The number that tells releases of one dialect apart. One that is not known yet is taken, if the class is what it was
/// in all else.
fn reference_uid(reference: View<'_>) -> Result<i64, MessageError> {
    let mut class = reference.class();
    while let Some(other) = class.filter(|class| !class.is(REFERENCE)) {
        class = other.super_class();
    }
    let Some(class) = class else {
        let found = reference.kind();
        let expected = "a reference to an endpoint";
        return Err(AccessError::WrongKind { expected, found }.into());
    };
    match class.desc().map(|desc| &desc.fields[..]) {
        Some([timeout]) if timeout.name.is("defaultAskTimeout") => Ok(class.uid()),
        _ => Err(MessageError::UnknownRelease {
            class: class.name(),
            uid: class.uid(),
            known: "in those that are, its one field is defaultAskTimeout".to_owned(),
        }),
    }
}

/// A number that is an `int` or `long` in Java, and what it may be here.
pub(super) trait Number: TryFrom<i64> {
    const RANGE: &'static str;
}

impl Number for u16 {
    const RANGE: &'static str = "0 to 65535";
}

impl Number for u32 {
    const RANGE: &'static str = "0 or more";
}

impl Number for u64 {
    const RANGE: &'static str = "0 or more";
}

//! Writing messages.

use vesta_javaser::scala::{Library, build};
use vesta_javaser::{Builder, Limits, Value, View};

use super::error::WriteError;
use crate::profile::Profile;

const MESSAGES: &str = "org.apache.spark.deploy.DeployMessages$";

/// A message that a master sends, or the reply to one.
pub trait ToPeer {
    /// The value that the message is.
    ///
    /// # Errors
    /// As [`ToPeer::write`].
    fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError>;

    /// The Java stream of the message, for a peer of this profile.
    ///
    /// # Errors
    /// When a number has no room in Java's `int`, the message is longer than any that a master sends (16 MiB), a
    /// description that it passes on is none, or the release has no such message.
    fn write(&self, profile: &Profile) -> Result<Vec<u8>, WriteError> {
        let mut writer = Writer {
            builder: Builder::new(profile.classes()),
            library: profile.library(),
        };
        let message = self.build(&mut writer)?;
        Ok(writer.builder.finish(message).write(&Limits::default())?)
    }
}

/// A message that is being written in the classes of one release.
pub struct Writer<'p> {
    pub(super) builder: Builder<'p>,
    pub(super) library: Library,
}

impl Writer<'_> {
    pub(super) fn text(&mut self, text: &str) -> Value {
        self.builder.string(text)
    }

    pub(super) fn object(
        &mut self,
        class: &str,
        fields: &[(&str, Value)],
    ) -> Result<Value, WriteError> {
        Ok(self.builder.object(class, fields)?)
    }

    /// An object of one of the classes in `DeployMessages`.
    pub(super) fn message(
        &mut self,
        name: &str,
        fields: &[(&str, Value)],
    ) -> Result<Value, WriteError> {
        self.object(&format!("{MESSAGES}{name}"), fields)
    }

    /// One of the `case object`s in `DeployMessages`, by its name with the `$`.
    pub(super) fn singleton(&mut self, name: &str) -> Result<Value, WriteError> {
        let class = format!("{MESSAGES}{name}");
        Ok(build::module(&mut self.builder, self.library, &class)?)
    }

    /// A message with one text in it.
    pub(super) fn one_text(
        &mut self,
        name: &str,
        field: &str,
        text: &str,
    ) -> Result<Value, WriteError> {
        let text = self.text(text);
        self.message(name, &[(field, text)])
    }

    pub(super) fn constant(&mut self, class: &str, name: &str) -> Result<Value, WriteError> {
        Ok(self.builder.constant(class, name)?)
    }

    /// `Some(value)` or `None`.
    pub(super) fn option(&mut self, value: Option<Value>) -> Result<Value, WriteError> {
        Ok(match value {
            Some(value) => build::some(&mut self.builder, value)?,
            None => build::none(&mut self.builder, self.library)?,
        })
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) -> Result<Value, WriteError> {
        let text = text.map(|text| self.text(text));
        self.option(text)
    }

    pub(super) fn optional_int(&mut self, number: Option<i32>) -> Result<Value, WriteError> {
        let number = number
            .map(|number| build::int(&mut self.builder, number))
            .transpose()?;
        self.option(number)
    }

    /// A `List[String]`.
    pub(super) fn texts(&mut self, texts: &[String]) -> Result<Value, WriteError> {
        let texts: Vec<_> = texts.iter().map(|text| self.text(text)).collect();
        Ok(build::list(&mut self.builder, self.library, &texts)?)
    }

    pub(super) fn enumeration(&mut self, class: &str, number: i32) -> Result<Value, WriteError> {
        let (to, library) = (&mut self.builder, self.library);
        Ok(build::enumeration(to, library, class, number)?)
    }

    pub(super) fn import(&mut self, value: View<'_>) -> Value {
        self.builder.import(value)
    }
}

/// A number as an `int`.
pub(super) fn int(what: &'static str, value: impl Into<u64>) -> Result<Value, WriteError> {
    let value = value.into();
    let fits = i32::try_from(value).map_err(|_| WriteError::Number { what, value })?;
    Ok(Value::Int(fits))
}

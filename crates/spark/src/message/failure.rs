//! Exceptions in messages: `Option[Exception]`.

use vesta_javaser::graph::Content;
use vesta_javaser::{Value, scala};

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::writer::Writer;

/// The exception as Java prints one: its class and its message.
pub(super) fn read(of: Fields<'_>, field: &str) -> Result<Option<String>, MessageError> {
    let Some(exception) = of.get(field, scala::option)? else {
        return Ok(None);
    };
    let class = Fields::new(exception, of.context).class();
    let message = exception.field_of("java.lang.Throwable", "detailMessage")?;
    let message = message.non_null().map(|text| of.owned(field, text));
    let message = message.transpose()?;
    Ok(Some(match message {
        Some(message) => format!("{class}: {message}"),
        None => class,
    }))
}

/// An exception with this message. It is of a class that every JVM has, because that of Spark's own changes with nearly
/// every release; it has no trace, and no cause.
pub(super) fn build(to: &mut Writer<'_>, message: Option<&str>) -> Result<Value, WriteError> {
    let exception = message.map(|message| {
        let fields = [
            ("detailMessage", to.text(message)),
            ("cause", Value::Null),
            ("stackTrace", Value::Null),
            ("suppressedExceptions", Value::Null),
        ];
        let data: Vec<Content> = Vec::new();
        to.builder
            .object_with_data("java.lang.Exception", &fields, data)
    });
    to.option(exception.transpose()?)
}

//! How a JVM is started: `org.apache.spark.deploy.Command`.

use vesta_javaser::scala::build;
use vesta_javaser::{Value, View};
use vesta_types::{SparkCommand, SparkRelease};

use crate::message::error::{MessageError, WriteError};
use crate::message::fields;
use crate::message::writer::Writer;

/// The command of a description.
pub(super) fn read(of: View<'_>, release: SparkRelease) -> Result<SparkCommand, MessageError> {
    let of = fields::object(of, "command")?;
    Ok(SparkCommand {
        release,
        main_class: fields::text(of, "mainClass")?,
        arguments: fields::texts(of, "arguments")?,
        environment: fields::text_map(of, "environment")?,
        class_path: fields::texts(of, "classPathEntries")?,
        library_path: fields::texts(of, "libraryPathEntries")?,
        java_opts: fields::texts(of, "javaOpts")?,
    })
}

pub(super) fn build(command: &SparkCommand, to: &mut Writer<'_>) -> Result<Value, WriteError> {
    let environment = command.environment.iter();
    let environment: Vec<_> = environment
        .map(|(name, value)| (to.text(name), to.text(value)))
        .collect();
    let fields = [
        ("mainClass", to.text(&command.main_class)),
        ("arguments", to.texts(&command.arguments)?),
        (
            "environment",
            build::map(&mut to.builder, to.library, &environment)?,
        ),
        ("classPathEntries", to.texts(&command.class_path)?),
        ("libraryPathEntries", to.texts(&command.library_path)?),
        ("javaOpts", to.texts(&command.java_opts)?),
    ];
    to.object("org.apache.spark.deploy.Command", &fields)
}

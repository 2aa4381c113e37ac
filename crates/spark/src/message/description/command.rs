//! How a JVM is started: `org.apache.spark.deploy.Command`.

use vesta_javaser::Value;
use vesta_javaser::scala::build;
use vesta_types::SparkCommand;

use crate::message::error::{MessageError, WriteError};
use crate::message::fields::Fields;
use crate::message::writer::Writer;

/// The command of a description.
pub(super) fn read(of: Fields<'_>) -> Result<SparkCommand, MessageError> {
    let of = of.object("command")?;
    Ok(SparkCommand {
        release: of.context.release,
        main_class: of.text("mainClass")?,
        arguments: of.texts("arguments")?,
        environment: of.text_map("environment")?,
        class_path: of.texts("classPathEntries")?,
        library_path: of.texts("libraryPathEntries")?,
        java_opts: of.texts("javaOpts")?,
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

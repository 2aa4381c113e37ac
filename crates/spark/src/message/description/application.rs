//! What an application is and how its executors are started.

use std::fmt;

use vesta_javaser::{Graph, Limits, Stream};
use vesta_types::SparkCommand;

use super::{ResourceProfile, command};
use crate::message::error::MessageError;
use crate::message::fields::Fields;

/// What an application is and how its executors are started. `Debug` shows nothing of how.
#[derive(Clone, PartialEq, Eq)]
pub struct ApplicationDescription {
    /// A name for people.
    pub name: String,
    /// Who runs it, by the driver's word.
    pub user: String,
    /// The most cores that it takes in all; `None` is no limit.
    pub max_cores: Option<u32>,
    /// How many executors it begins with; `None` is as many as there is room for.
    pub initial_executor_limit: Option<u32>,
    /// The web pages of its driver; empty if it has none.
    pub ui_url: String,
    /// What its executors need, but for those of other profiles.
    pub default_profile: ResourceProfile,
    /// How an executor is started.
    pub command: SparkCommand,
    /// The whole description, as it came, as a Java stream of its own: for
    /// [`LaunchExecutor`](crate::message::LaunchExecutor).
    pub payload: Vec<u8>,
}

impl ApplicationDescription {
    pub(in crate::message) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            name: of.text("name")?,
            user: of.text("user")?,
            max_cores: of.optional_number("maxCores")?,
            initial_executor_limit: of.optional_number("initialExecutorLimit")?,
            ui_url: of.text("appUiUrl")?,
            default_profile: ResourceProfile::read(of.object("defaultProfile")?)?,
            command: command::read(of)?,
            payload: payload(of)?,
        })
    }
}

/// A description as its own stream.
fn payload(of: Fields<'_>) -> Result<Vec<u8>, MessageError> {
    let mut graph = Graph::new();
    let value = graph.import(of.view);
    let limits = of.context.limits;
    let limits = Limits {
        max_bytes: limits.max_description,
        // In a message it lies one deeper.
        max_depth: Limits::HARD_DEPTH - 1,
        ..limits.stream
    };
    let written = Stream::of(graph, value).write(&limits);
    written.map_err(|source| MessageError::Description {
        class: of.class(),
        source,
    })
}

impl fmt::Debug for ApplicationDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationDescription")
            .field("name", &self.name)
            .field("user", &self.user)
            .field("max_cores", &self.max_cores)
            .field("initial_executor_limit", &self.initial_executor_limit)
            .field("default_profile", &self.default_profile)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish_non_exhaustive()
    }
}

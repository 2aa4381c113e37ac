//! The states of executors and drivers, with the numbers that stand for them in messages.

use std::fmt;

use vesta_javaser::{Value, scala};

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::writer::Writer;

/// The state of an executor (`org.apache.spark.deploy.ExecutorState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "Spark's names")]
pub enum ExecutorState {
    Launching,
    Running,
    Killed,
    Failed,
    Lost,
    Exited,
    Decommissioned,
}

impl ExecutorState {
    /// All of them, by number.
    pub const ALL: [Self; 7] = [
        Self::Launching,
        Self::Running,
        Self::Killed,
        Self::Failed,
        Self::Lost,
        Self::Exited,
        Self::Decommissioned,
    ];

    /// Spark's name of it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Launching => "LAUNCHING",
            Self::Running => "RUNNING",
            Self::Killed => "KILLED",
            Self::Failed => "FAILED",
            Self::Lost => "LOST",
            Self::Exited => "EXITED",
            Self::Decommissioned => "DECOMMISSIONED",
        }
    }

    /// Whether the executor is no more.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(
            self,
            Self::Killed | Self::Failed | Self::Lost | Self::Exited
        )
    }

    pub(super) fn read(of: Fields<'_>, field: &str) -> Result<Self, MessageError> {
        state(of, field, &Self::ALL, "an executor's state: 0 to 6")
    }

    pub(super) fn build(self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.enumeration("org.apache.spark.deploy.ExecutorState$", self as i32)
    }
}

impl fmt::Display for ExecutorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a driver (`org.apache.spark.deploy.master.DriverState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "Spark's names")]
pub enum DriverState {
    Submitted,
    Running,
    Finished,
    Relaunching,
    Unknown,
    Killed,
    Failed,
    Error,
}

impl DriverState {
    /// All of them, by number.
    pub const ALL: [Self; 8] = [
        Self::Submitted,
        Self::Running,
        Self::Finished,
        Self::Relaunching,
        Self::Unknown,
        Self::Killed,
        Self::Failed,
        Self::Error,
    ];

    /// Spark's name of it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Relaunching => "RELAUNCHING",
            Self::Unknown => "UNKNOWN",
            Self::Killed => "KILLED",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
        }
    }

    pub(super) fn read(of: Fields<'_>, field: &str) -> Result<Self, MessageError> {
        state(of, field, &Self::ALL, "a driver's state: 0 to 7")
    }

    pub(super) fn build(self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        to.enumeration("org.apache.spark.deploy.master.DriverState$", self as i32)
    }
}

impl fmt::Display for DriverState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of the number in a field.
fn state<S: Copy>(
    of: Fields<'_>,
    field: &str,
    all: &[S],
    expected: &'static str,
) -> Result<S, MessageError> {
    let number = of.get(field, scala::enumeration)?;
    let known = usize::try_from(number).ok().and_then(|at| all.get(at));
    known
        .copied()
        .ok_or_else(|| of.wrong_number(field, number.into(), expected))
}

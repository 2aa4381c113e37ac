//! How a command ends, as an exit code.

use std::process::ExitCode;

use vesta_client::ClientError;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// A master, or the command itself, says no: exit code 1.
    Refused(String),
    /// The command line contradicts itself: exit code 2, as for what clap finds.
    Usage(String),
    /// No master answered, or the outcome is not known: exit code 3.
    Unavailable(String),
    /// This client may not do that: exit code 4.
    NotAllowed(String),
    /// The work itself ended otherwise than well: exit code 5.
    Work(String),
    /// Whoever read standard output has seen enough (`| head`): nothing is said, exit code 0.
    OutputClosed,
}

impl Failure {
    /// What went wrong, for people.
    pub fn message(&self) -> &str {
        match self {
            Failure::Refused(message)
            | Failure::Usage(message)
            | Failure::Unavailable(message)
            | Failure::NotAllowed(message)
            | Failure::Work(message) => message,
            Failure::OutputClosed => "nobody reads it",
        }
    }

    /// Says on standard error what went wrong. Returns the exit code.
    pub fn report(self) -> ExitCode {
        let code = match self {
            Failure::Refused(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Unavailable(_) => 3,
            Failure::NotAllowed(_) => 4,
            Failure::Work(_) => 5,
            Failure::OutputClosed => return ExitCode::SUCCESS,
        };
        crate::output::say(&format!("vesta: {}", self.message()));
        ExitCode::from(code)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Refused { message, .. } => Failure::Refused(message),
            ClientError::NotAllowed { message } => Failure::NotAllowed(message),
            ClientError::Unavailable { .. } | ClientError::WorkerAway { .. } => {
                Failure::Unavailable(error.to_string())
            }
            ClientError::Unknown { key, message } => Failure::Unavailable(format!(
                "the outcome is not known. Ask with `vesta status --key {key}`, or give the same \
                 command again with `--key {key}`: it is never done twice. {message}"
            )),
        }
    }
}

/// The exit codes, for the help.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused: a value or a request can't be taken
  2  usage
  3  no master answered, or the outcome is not known (the key to ask with is printed)
  4  not allowed
  5  the work itself failed";

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Failure {
        Failure::Refused(format!("configuration: {error}"))
    }
}

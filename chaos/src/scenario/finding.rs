//! Why a scenario is not valid.

use vesta_client::ClientError;
use vesta_local::{LocalError, TimedOut};

/// What keeps a scenario from being valid.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// Vesta did what it must not, or not what it must.
    #[error("{0}")]
    Broken(String),
    /// The machine or the harness failed, so that nothing is known of Vesta. Never a pass.
    #[error("nothing was found out: {0}")]
    Unknown(String),
}

/// A condition that did not come true in time is Vesta's failure: bounds are far above what anything takes.
impl From<TimedOut> for Finding {
    fn from(error: TimedOut) -> Finding {
        Finding::Broken(error.to_string())
    }
}

/// A client's deadline outlasts every election.
impl From<ClientError> for Finding {
    fn from(error: ClientError) -> Finding {
        Finding::Broken(format!("a call failed: {error}"))
    }
}

impl From<LocalError> for Finding {
    fn from(error: LocalError) -> Finding {
        match error {
            LocalError::TimedOut(error) => error.into(),
            // A master or worker that ends by itself.
            LocalError::Ended { .. } => Finding::Broken(error.to_string()),
            other => Finding::Unknown(other.to_string()),
        }
    }
}

impl From<std::io::Error> for Finding {
    fn from(error: std::io::Error) -> Finding {
        Finding::Unknown(error.to_string())
    }
}

impl From<anyhow::Error> for Finding {
    fn from(error: anyhow::Error) -> Finding {
        Finding::Unknown(format!("{error:#}"))
    }
}

/// Ends a scenario as broken, with this text, unless the condition holds.
macro_rules! must {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::scenario::Finding::Broken(format!($($text)+)));
        }
    };
}

pub(crate) use must;

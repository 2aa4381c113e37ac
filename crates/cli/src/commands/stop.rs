//! Being asked to end, by Ctrl-C or TERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;

/// Ctrl-C and TERM, caught from its making on: one that comes before anybody waits is not lost. A
/// hang-up is left alone: it ends a command as usual, or, under `nohup`, does not.
#[derive(Debug)]
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Begins to catch them.
    ///
    /// # Errors
    /// `Refused` when the system doesn't let it.
    pub fn new() -> Result<Stop, Failure> {
        let of = |kind| {
            signal(kind)
                .map_err(|error| Failure::Refused(format!("signals can't be caught: {error}")))
        };
        Ok(Stop {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
        })
    }

    /// Completes at the next of them.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

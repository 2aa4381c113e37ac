//! From what is queued to the socket, and the end of asks that nobody answers.

use std::future::pending;
use std::io;

use tokio::time::{sleep_until, timeout};

use super::{Link, now};
use crate::transport::error::{AskError, PeerError};
use crate::transport::event::CloseReason;
use crate::transport::shared::Shared;

/// How far writing came.
enum Written {
    All,
    Blocked,
    Broken,
}

impl Link {
    pub(super) async fn write(&self, shared: &Shared) -> CloseReason {
        loop {
            match self.write_some() {
                Written::All => self.output.notified().await,
                // What was read before is dealt with first; reading finds the end.
                Written::Broken => pending().await,
                Written::Blocked => {
                    let within = shared.limits.write_within;
                    if timeout(within, self.stream.writable()).await.is_err() {
                        let queued = self.lock().connection.queued();
                        return PeerError::Unread { queued, within }.into();
                    }
                }
            }
        }
    }

    /// Writes what the system takes. The lock is held meanwhile, so that nothing is written after closing.
    fn write_some(&self) -> Written {
        let mut state = self.lock();
        loop {
            let bytes = state.connection.to_write();
            if bytes.is_empty() {
                return Written::All;
            }
            match self.stream.try_write(bytes) {
                Ok(count) => {
                    state.connection.wrote(count);
                    let queued = state.connection.queued();
                    state.claim.set(queued);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Written::Blocked,
                Err(_) => return Written::Broken,
            }
        }
    }

    /// Ends our asks when they are over.
    pub(super) async fn expire(&self) -> CloseReason {
        loop {
            let next = self.lock().connection.next_deadline();
            match next {
                None => self.asked.notified().await,
                Some(at) => tokio::select! {
                    () = sleep_until(at.into()) => {}
                    () = self.asked.notified() => {}
                },
            }
            let over = self.lock().connection.expire(now());
            for waiter in over {
                drop(waiter.send(Err(AskError::TimedOut)));
            }
        }
    }
}

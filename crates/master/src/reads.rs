//! Reads: current by ReadIndex at any master, or marked as stale.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;
use vesta_proto::client::ReadPoint;

use crate::context::Context;
use crate::services::status;

/// How long a read waits for a quorum before it falls back to what this master has.
const QUORUM_WAIT: Duration = Duration::from_millis(900);

/// When this master last knew itself current.
#[derive(Default)]
pub struct Currency(Mutex<Option<Instant>>);

impl Currency {
    fn touch(&self) {
        *self
            .0
            .lock()
            .expect("nothing panics while it holds this lock") = Some(Instant::now());
    }

    fn age(&self) -> Option<Duration> {
        let last = *self
            .0
            .lock()
            .expect("nothing panics while it holds this lock");
        last.map(|last| last.elapsed())
    }
}

impl Context {
    /// A point that a read may be answered at: current, or, without a quorum, what this master has,
    /// saying so with its index and age.
    ///
    /// # Errors
    /// Without a quorum, if the client wants nothing but a current answer.
    pub async fn read_point(&self, consistent: bool) -> Result<ReadPoint, Status> {
        let stale = match self.node.read_index(QUORUM_WAIT).await {
            Ok(_) => {
                self.currency.touch();
                false
            }
            Err(error) if consistent => {
                return Err(status::unavailable(format!(
                    "no quorum answers, and only a consistent answer was wanted: {error}"
                )));
            }
            Err(_) => true,
        };
        let age = if stale {
            let heard = self.node.leader_heard().map(|heard| heard.elapsed());
            let known = [self.currency.age(), heard];
            known.into_iter().flatten().min()
        } else {
            Some(Duration::ZERO)
        };
        let state = self.shared.state();
        Ok(ReadPoint {
            index: state.applied,
            stale,
            age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            epoch: state.epoch.0,
            answered_by: self.config.node.client_addr.clone(),
        })
    }
}

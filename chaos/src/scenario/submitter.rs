//! A client that submits one driver after the other, whatever happens to the masters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use vesta_client::{ClientError, new_key};
use vesta_local::wait_until;
use vesta_types::{DriverId, SubmissionKey};

use super::Finding;
use super::finding::must;
use super::stage::{BOUND, Stage, with_key};

/// The pause between an answer and the next submission.
const PACE: Duration = Duration::from_millis(50);

/// What was acknowledged: under which key, as which driver.
type Acknowledged = Vec<(SubmissionKey, String)>;

/// It submits until it is asked for what was acknowledged.
pub struct Submitter {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    submitting: JoinHandle<Result<Acknowledged, ClientError>>,
}

impl Submitter {
    /// Begins. Each driver does nothing but say in the ledger that it ran.
    pub fn begin(stage: &Stage) -> Submitter {
        let (stop, count) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (client, notes) = (stage.client(), stage.notes());
        let driver = stage.driver_of("load", false, "");
        let (stopped, counted) = (stop.clone(), Arc::clone(&count));
        let submitting = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let key = new_key();
                let (id, _) = notes.submit(&client, key, &driver).await?;
                acknowledged.push((key, id));
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PACE).await;
            }
            Ok(acknowledged)
        });
        Submitter {
            stop,
            count,
            submitting,
        }
    }

    /// Waits until this many more were acknowledged.
    pub async fn acknowledged(&self, more: usize) -> Result<(), Finding> {
        let wanted = self.count.load(Ordering::Relaxed) + more;
        let enough = wait_until(format!("{more} more submissions"), BOUND, async || {
            self.count.load(Ordering::Relaxed) >= wanted || self.submitting.is_finished()
        });
        enough.await?;
        must!(
            !self.submitting.is_finished(),
            "a submission failed for good"
        );
        Ok(())
    }

    /// Ends it. Each driver that was acknowledged finishes in its first attempt, and its key has the same answer
    /// as before.
    pub async fn end(self, stage: &mut Stage) -> Result<usize, Finding> {
        self.stop.store(true, Ordering::Relaxed);
        let submitting = self.submitting.await;
        let acknowledged = submitting.map_err(|error| Finding::Unknown(error.to_string()))??;
        let driver = stage.driver_of("load", false, "");
        let mut ids: Vec<DriverId> = Vec::new();
        for (key, id) in &acknowledged {
            ids.push(stage.acknowledged(*key, id, false)?);
            let again = stage
                .client()
                .submit_driver(*key, &with_key(&driver, *key))
                .await?;
            must!(
                again.duplicate && again.driver_id == *id,
                "key {key} was answered with {id}, and now with {again:?}"
            );
        }
        for id in &ids {
            let over = stage.driver_that(id, "over", |it| it.ended).await?;
            must!(
                (over.state.as_str(), over.attempt) == ("FINISHED", 1),
                "{over:?}"
            );
        }
        Ok(ids.len())
    }
}

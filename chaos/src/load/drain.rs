//! The end of the load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vesta_types::DriverId;

use super::Shared;
use super::client::One;

/// What is left when the load is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Drivers that have not ended by the masters' word.
    pub live: Vec<DriverId>,
    /// Keys that no master answered for.
    pub unanswered: usize,
}

/// Asks for every key first: what was submitted and never answered may run. Then kills what would run
/// for ever, until nothing is live any more or `bound` is over.
pub(super) async fn run(shared: &Arc<Shared>, bound: Duration) -> Drained {
    let begun = Instant::now();
    let mut one = One::last(shared, "last");
    let mut unanswered = shared.own.submitted();
    loop {
        let mut still = Vec::new();
        for submit in unanswered {
            if !one.find(&submit).await {
                still.push(submit);
            }
            if begun.elapsed() > bound {
                break;
            }
        }
        unanswered = still;
        if unanswered.is_empty() || begun.elapsed() > bound {
            break;
        }
        one.pause().await;
    }
    let mut random = rand::rng();
    loop {
        while let Some(driver) = shared.own.to_kill(&mut random) {
            if !one.kill(driver).await {
                one.pause().await;
            }
            if begun.elapsed() > bound {
                break;
            }
        }
        for driver in shared.own.live() {
            one.status(&driver).await;
        }
        let live = shared.own.live();
        if live.is_empty() || begun.elapsed() > bound {
            let unanswered = unanswered.len();
            return Drained { live, unanswered };
        }
        one.pause().await;
    }
}

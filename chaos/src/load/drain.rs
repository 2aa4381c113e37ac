//! The end of the load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use vesta_types::DriverId;

use super::Shared;
use super::client::One;
use crate::record::Submit;

/// So many clients ask at a time: after an hour there are ten thousand drivers to ask for.
const CLIENTS: usize = 8;

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
    let deadline = Instant::now() + bound;
    let mut clients: Vec<One> = (0..CLIENTS)
        .map(|number| One::last(shared, &format!("last-{number}")))
        .collect();
    let mut unanswered = shared.own.submitted();
    while !unanswered.is_empty() && Instant::now() < deadline {
        let work = Work::Find(unanswered);
        (clients, unanswered) = shared_out(clients, work, deadline).await;
    }
    loop {
        while let Some(driver) = shared.own.to_kill(&mut rand::rng()) {
            if !clients[0].kill(driver).await {
                clients[0].pause().await;
            }
            if Instant::now() > deadline {
                break;
            }
        }
        let work = Work::Read(shared.own.live());
        (clients, _) = shared_out(clients, work, deadline).await;
        let live = shared.own.live();
        if live.is_empty() || Instant::now() > deadline {
            let unanswered = unanswered.len();
            return Drained { live, unanswered };
        }
        clients[0].pause().await;
    }
}

/// What is asked for.
enum Work {
    /// What became of these keys.
    Find(Vec<Submit>),
    /// The status of these drivers.
    Read(Vec<DriverId>),
}

impl Work {
    /// As many parts, of which each is as long as another.
    fn parts(self, count: usize) -> Vec<Work> {
        match self {
            Work::Find(all) => dealt(all, count).into_iter().map(Work::Find).collect(),
            Work::Read(all) => dealt(all, count).into_iter().map(Work::Read).collect(),
        }
    }
}

fn dealt<T>(all: Vec<T>, count: usize) -> Vec<Vec<T>> {
    let mut parts: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    for (at, one) in all.into_iter().enumerate() {
        parts[at % count].push(one);
    }
    parts
}

/// Has all clients ask at one time, until then; returns them, and the keys without an answer.
async fn shared_out(clients: Vec<One>, work: Work, deadline: Instant) -> (Vec<One>, Vec<Submit>) {
    let mut tasks = JoinSet::new();
    for (mut one, part) in clients.into_iter().zip(work.parts(CLIENTS)) {
        tasks.spawn(async move {
            let mut unanswered = Vec::new();
            match part {
                Work::Find(submits) => {
                    for submit in submits {
                        if Instant::now() > deadline || !one.find(&submit).await {
                            unanswered.push(submit);
                        }
                    }
                }
                Work::Read(drivers) => {
                    for driver in drivers {
                        if Instant::now() < deadline {
                            one.status(&driver).await;
                        }
                    }
                }
            }
            (one, unanswered)
        });
    }
    tasks.join_all().await.into_iter().fold(
        (Vec::new(), Vec::new()),
        |(mut clients, mut unanswered), (one, still)| {
            clients.push(one);
            unanswered.extend(still);
            (clients, unanswered)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_dealt_to_all_and_none_is_lost() {
        let parts = dealt((0..20).collect(), CLIENTS);
        assert!(parts.iter().all(|part| (2..=3).contains(&part.len())));
        let mut all: Vec<i32> = parts.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<i32>>());
    }
}

//! What runs where, and what it holds.

use std::collections::BTreeMap;

use vesta_client::proto;
use vesta_local::wait_for;

use super::Finding;
use super::finding::must;
use super::look::EVERYTHING;
use super::stage::{BOUND, Stage};

/// What a fail-over alone must not change, as of one log index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Books {
    /// Id, state, cores and memory in use, by worker.
    pub workers: Vec<(String, String, u32, u64)>,
    /// Id, state, attempt and process of each driver.
    pub drivers: Vec<(String, String, u32, u32)>,
    /// Application, number, instance and process of each live executor.
    pub executors: Vec<(String, u32, String, u32)>,
}

impl Books {
    /// Looks at everything as of one index, and checks that it adds up: on each worker what is used is what
    /// live objects hold, and no more than there is.
    pub async fn of(stage: &Stage) -> Result<Books, Finding> {
        let client = stage.client();
        let same = wait_for("three lists of one log index", BOUND, async || {
            let drivers = client.list_drivers(EVERYTHING).await.ok()?;
            let apps = client.list_applications(EVERYTHING).await.ok()?;
            let workers = client.list_workers(EVERYTHING).await.ok()?;
            let index = |read: &Option<proto::ReadPoint>| read.as_ref().map(|read| read.index);
            let same = index(&drivers.read) == index(&workers.read)
                && index(&apps.read) == index(&workers.read);
            same.then_some((workers.workers, drivers.drivers, apps.applications))
        });
        let (workers, drivers, apps) = same.await?;
        add_up(&workers, &drivers, &apps)?;
        let executors = apps.iter().flat_map(|app| {
            let live = app.executors.iter().filter(|it| !it.ended);
            live.map(|it| (app.id.clone(), it.number, it.instance_id.clone(), it.pid))
        });
        let drivers = drivers
            .into_iter()
            .map(|it| (it.id, it.state, it.attempt, it.pid));
        let workers = workers
            .into_iter()
            .map(|it| (it.id, it.state, it.cores_used, it.memory_used_mib));
        Ok(Books {
            workers: workers.collect(),
            drivers: drivers.collect(),
            executors: executors.collect(),
        })
    }
}

fn add_up(
    workers: &[proto::Worker],
    drivers: &[proto::Driver],
    apps: &[proto::Application],
) -> Result<(), Finding> {
    let mut held: BTreeMap<&str, (u32, u64)> = BTreeMap::new();
    let mut hold = |worker, cores, memory| {
        let entry = held.entry(worker).or_default();
        *entry = (entry.0 + cores, entry.1 + memory);
    };
    for driver in drivers {
        if !driver.ended && matches!(driver.state.as_str(), "RUNNING" | "UNKNOWN") {
            hold(driver.worker_id.as_str(), driver.cores, driver.memory_mib);
        }
    }
    for executor in apps.iter().flat_map(|app| &app.executors) {
        if !executor.ended {
            let worker = executor.worker_id.as_str();
            hold(worker, executor.cores, executor.memory_mib);
        }
    }
    for worker in workers {
        let holds = held.get(worker.id.as_str()).copied().unwrap_or_default();
        let used = (worker.cores_used, worker.memory_used_mib);
        must!(
            used == holds,
            "{} shows {used:?} cores and MiB in use, and what is live there holds {holds:?}",
            worker.id
        );
        must!(
            worker.cores_used <= worker.cores && worker.memory_used_mib <= worker.memory_mib,
            "{} uses {used:?} of {} cores and {} MiB",
            worker.id,
            worker.cores,
            worker.memory_mib
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(cores_used: u32) -> proto::Worker {
        proto::Worker {
            id: "w".to_owned(),
            cores: 2,
            cores_used,
            memory_mib: 1024,
            ..proto::Worker::default()
        }
    }

    fn driver(cores: u32) -> proto::Driver {
        proto::Driver {
            worker_id: "w".to_owned(),
            state: "RUNNING".to_owned(),
            cores,
            ..proto::Driver::default()
        }
    }

    #[test]
    fn books_add_up_when_a_worker_uses_what_is_live_there_and_has_that_much() {
        assert!(add_up(&[worker(2)], &[driver(1), driver(1)], &[]).is_ok());
        let text = |drivers: &[proto::Driver], used| {
            add_up(&[worker(used)], drivers, &[])
                .unwrap_err()
                .to_string()
        };
        assert!(text(&[driver(1)], 2).contains("what is live there holds (1, 0)"));
        assert!(text(&[driver(3)], 3).contains("of 2 cores"));
    }
}

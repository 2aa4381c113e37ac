//! Looking at the cluster as any client can.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use vesta_client::proto::{Driver, Failover, ListRequest, Master, Worker};
use vesta_client::{Client, ClientOptions, MasterList};
use vesta_local::wait_for;

/// How long a state that must come may take to come, on a slow machine too.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// The status of a leader that is open for business.
pub const ALIVE: &str = "ALIVE";

/// Looks at a cluster.
#[derive(Debug)]
pub struct Observer {
    client: Client,
    everything: ListRequest,
}

/// A master that leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Its number, which is its node id.
    pub number: usize,
    /// The epoch that it leads in.
    pub epoch: u64,
}

impl Observer {
    /// An observer of these masters.
    pub fn new(masters: &MasterList) -> Observer {
        // A master that hears of no leader says so within a second; a paused one never does.
        let options = ClientOptions {
            attempt: Duration::from_millis(1_500),
            connect: Duration::from_millis(250),
            pause_longest: Duration::from_millis(100),
            ..ClientOptions::default()
        };
        let everything = ListRequest {
            ended: true,
            ..ListRequest::default()
        };
        Observer {
            client: Client::with_options(masters, options),
            everything,
        }
    }

    /// The client that it looks with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Every master, as it says it is; none if nobody answers now.
    pub async fn masters(&self) -> Vec<Master> {
        let reply = self.client.list_masters(self.everything).await;
        reply.map(|reply| reply.masters).unwrap_or_default()
    }

    /// Every worker, as the leader knows it; none if nobody answers now.
    pub async fn workers(&self) -> Vec<Worker> {
        let reply = self.client.list_workers(self.everything).await;
        reply.map(|reply| reply.workers).unwrap_or_default()
    }

    /// The drivers that have not ended; `None` if nobody answers now.
    pub async fn live_drivers(&self) -> Option<Vec<Driver>> {
        let live = ListRequest {
            consistent: true,
            ..ListRequest::default()
        };
        let reply = self.client.list_drivers(live).await.ok()?;
        Some(
            reply
                .drivers
                .into_iter()
                .filter(|driver| !driver.ended)
                .collect(),
        )
    }

    /// The fail-over reports by epoch; none if nobody answers now.
    pub async fn failovers(&self) -> BTreeMap<u64, Failover> {
        let reply = self.client.list_failovers(self.everything).await;
        let reports = reply.map(|reply| reply.failovers).unwrap_or_default();
        reports
            .into_iter()
            .map(|report| (report.epoch, report))
            .collect()
    }

    /// Waits until a master leads in a later epoch than `after` and is open for business.
    ///
    /// # Errors
    /// When none does in time.
    pub async fn leader(&self, after: u64) -> anyhow::Result<Leader> {
        let what = format!("a master that leads after epoch {after}");
        let leader = wait_for(what, PATIENCE, async || {
            let masters = self.masters().await;
            let leader = newest_leader(&masters)?;
            let number = usize::try_from(leader.node_id).ok()?;
            (leader.epoch > after).then_some(Leader {
                number,
                epoch: leader.epoch,
            })
        });
        Ok(leader.await?)
    }

    /// Waits until a recovery in a later epoch than `after` is over, and returns its report.
    ///
    /// # Errors
    /// When none is over in time.
    pub async fn recovered(&self, after: u64) -> anyhow::Result<Failover> {
        let what = format!("the recovery after epoch {after} to be over");
        let report = wait_for(what, PATIENCE, async || {
            let later = self
                .failovers()
                .await
                .into_iter()
                .filter(|(epoch, _)| *epoch > after);
            later
                .map(|(_, report)| report)
                .find(|report| report.recovery_ms.is_some())
        });
        Ok(report.await?)
    }

    /// Waits until `number` is of the leader's term and has applied what the leader had when this was called. Returns
    /// the index.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn caught_up(&self, number: usize) -> anyhow::Result<u64> {
        let what = format!("master {number} to catch up");
        let mut goal = None;
        let index = wait_for(what, PATIENCE, async || {
            let masters = self.masters().await;
            let leader = newest_leader(&masters)?;
            let goal = *goal.get_or_insert(leader.applied_index);
            let it = masters
                .iter()
                .find(|master| master.node_id == number as u64)?;
            // One that was paused may still believe to lead, in an older term.
            (it.term == leader.term && it.applied_index >= goal).then_some(goal)
        });
        index
            .await
            .context("a master that was killed or paused must come back")
    }

    /// Waits until so many workers are ALIVE.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn workers_alive(&self, count: usize) -> anyhow::Result<()> {
        let alive = wait_for(
            format!("{count} workers to be ALIVE"),
            PATIENCE,
            async || {
                let workers = self.workers().await;
                let alive = workers
                    .iter()
                    .filter(|worker| worker.state == ALIVE)
                    .count();
                (alive == count).then_some(())
            },
        );
        Ok(alive.await?)
    }
}

/// Who leads: of two that believe to, the one of the later epoch does.
fn newest_leader(masters: &[Master]) -> Option<&Master> {
    let leads = |master: &&Master| master.leader && master.status == ALIVE;
    masters
        .iter()
        .filter(leads)
        .max_by_key(|master| master.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_masters_that_believe_to_lead_the_later_one_does() {
        let master = |node_id, epoch, leader, status: &str| Master {
            node_id,
            epoch,
            leader,
            status: status.into(),
            ..Master::default()
        };
        let masters = [
            master(1, 2, true, "ALIVE"),
            master(2, 3, true, "ALIVE"),
            master(3, 4, true, "RECOVERING"),
            master(4, 5, false, "STANDBY"),
        ];
        assert_eq!(
            newest_leader(&masters).map(|master| master.node_id),
            Some(2)
        );
        assert_eq!(newest_leader(&masters[2..]), None);
    }
}

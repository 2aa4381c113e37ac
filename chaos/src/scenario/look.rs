//! Looks at a cluster through its own client.

use vesta_client::Client;
use vesta_client::proto::{self, ListRequest, Master};
use vesta_local::{Process, wait_for, wait_until};
use vesta_types::DriverId;

use super::Finding;
use super::stage::{BOUND, Stage};

/// Every object as of now, the ended ones too.
pub const EVERYTHING: ListRequest = ListRequest {
    ended: true,
    consistent: true,
    limit: 0,
    state_hash: false,
};

impl Stage {
    /// Where in `masters` the leader is, once its recovery is over.
    pub async fn leader(&self) -> Result<usize, Finding> {
        self.leader_that("a leader that has recovered", |it| it.status == "ALIVE")
            .await
    }

    /// Where in `masters` a leader is, once it is as `wanted`.
    pub async fn leader_that(
        &self,
        what: &str,
        wanted: impl Fn(&Master) -> bool,
    ) -> Result<usize, Finding> {
        let client = self.client();
        let number = wait_for(what, BOUND, async || {
            let reply = client.list_masters(ListRequest::default()).await.ok()?;
            let leader = reply
                .masters
                .into_iter()
                .find(|it| it.leader && wanted(it))?;
            usize::try_from(leader.node_id).ok()
        });
        let number = number.await?;
        let at = self.masters.iter().position(|it| it.number() == number);
        at.ok_or_else(|| Finding::Broken(format!("node {number} leads, and is none of ours")))
    }

    /// The leader's place once it is another than `old`, whether its recovery is over or not.
    pub async fn next_leader(&self, old: usize) -> Result<usize, Finding> {
        let old = self.masters[old].number() as u64;
        self.leader_that("another leader", |it| it.node_id != old)
            .await
    }

    /// The leader's place once it is another than `old`, and its recovery is over.
    pub async fn leader_after(&self, old: usize) -> Result<usize, Finding> {
        let old = self.masters[old].number() as u64;
        let next = |it: &Master| it.node_id != old && it.status == "ALIVE";
        self.leader_that("another leader that has recovered", next)
            .await
    }

    /// Starts the master at `at` again and waits until it has caught up.
    pub async fn restart_master(&mut self, at: usize) -> Result<(), Finding> {
        self.masters[at].start()?;
        self.caught_up(at).await
    }

    /// Waits until the master at `at` has applied what its leader has committed by then.
    pub async fn caught_up(&self, at: usize) -> Result<(), Finding> {
        let (client, number) = (self.client(), self.masters[at].number() as u64);
        let what = format!("master {number} to catch up");
        let caught_up = wait_until(what, BOUND, async || {
            let Ok(reply) = client.list_masters(ListRequest::default()).await else {
                return false;
            };
            let leader = reply.masters.iter().find(|it| it.leader);
            let committed = leader.map_or(u64::MAX, |it| it.committed_index);
            let own = reply.masters.iter().find(|it| it.node_id == number);
            own.is_some_and(|it| it.status != "UNREACHABLE" && it.applied_index >= committed)
        });
        Ok(caught_up.await?)
    }

    /// Waits until this many workers are ALIVE.
    pub async fn workers_alive(&self, count: usize) -> Result<(), Finding> {
        let client = self.client();
        let alive = wait_until(format!("{count} workers ALIVE"), BOUND, async || {
            let reply = client.list_workers(ListRequest::default()).await;
            reply.is_ok_and(|reply| {
                let alive = reply.workers.iter().filter(|it| it.state == "ALIVE");
                alive.count() == count
            })
        });
        Ok(alive.await?)
    }

    /// Every worker that the masters know of.
    pub async fn all_workers(&self) -> Result<Vec<proto::Worker>, Finding> {
        Ok(self.client().list_workers(EVERYTHING).await?.workers)
    }

    /// The worker at `at` in `workers`, once it is as `wanted`.
    pub async fn worker_that(
        &self,
        at: usize,
        what: &str,
        wanted: impl Fn(&proto::Worker) -> bool,
    ) -> Result<proto::Worker, Finding> {
        let (client, end) = (self.client(), self.end_of(at));
        let what = format!("{} to be {what}", self.workers[at].name());
        let worker = wait_for(what, BOUND, async || {
            let workers = client.list_workers(EVERYTHING).await.ok()?.workers;
            workers
                .into_iter()
                .find(|it| it.id.ends_with(&end) && wanted(it))
        });
        Ok(worker.await?)
    }

    /// What the id of the worker at `at` in `workers` ends with: its address.
    pub fn end_of(&self, at: usize) -> String {
        let address = self.workers[at].address();
        format!(
            "-{}-{}",
            address.ip().to_string().replace('.', "-"),
            address.port()
        )
    }

    /// Where in `workers` the one with this id is.
    pub fn worker_of(&self, id: &str) -> Result<usize, Finding> {
        let at = (0..self.workers.len()).find(|at| id.ends_with(&self.end_of(*at)));
        at.ok_or_else(|| Finding::Broken(format!("{id} is none of our workers")))
    }

    /// A driver as the leader knows it.
    pub async fn driver(&self, id: &DriverId) -> Result<proto::Driver, Finding> {
        driver(&self.client(), id).await
    }

    /// Waits until a driver is as `wanted`, and returns it.
    pub async fn driver_that(
        &self,
        id: &DriverId,
        what: &str,
        wanted: impl Fn(&proto::Driver) -> bool,
    ) -> Result<proto::Driver, Finding> {
        let client = self.client();
        let mut last = None;
        let look = wait_for(format!("{id} to be {what}"), BOUND, async || {
            let now = driver(&client, id).await.ok()?;
            last = Some(now.clone());
            wanted(&now).then_some(now)
        });
        let found = look.await;
        found.map_err(|error| Finding::Broken(format!("{error}; at last it was {last:?}")))
    }

    /// Waits until a driver is in `state`, and returns it.
    pub async fn driver_in(&self, id: &DriverId, state: &str) -> Result<proto::Driver, Finding> {
        self.driver_that(id, state, |it| it.state == state).await
    }

    /// Waits until a driver has a process that has said so itself, and returns both.
    pub async fn running(&self, id: &DriverId) -> Result<(proto::Driver, Process), Finding> {
        let now = self
            .driver_that(id, "running", |it| it.state == "RUNNING" && it.pid != 0)
            .await?;
        let process = wait_for(
            format!("process {} to say so", now.pid),
            BOUND,
            async || {
                let started = self.started().ok()?;
                let said = started.iter().any(|record| record.pid == now.pid);
                if said { Process::of(now.pid) } else { None }
            },
        );
        let process = process.await?;
        Ok((now, process))
    }

    /// An application as the leader knows it.
    pub async fn application(&self, id: &str) -> Result<proto::Application, Finding> {
        let request = proto::GetApplicationRequest {
            app_id: id.to_owned(),
            consistent: true,
        };
        let reply = self.client().get_application(request).await?;
        let found = reply.application;
        found.ok_or_else(|| Finding::Broken(format!("{id} is found, and not in the reply")))
    }

    /// Waits until an application is as `wanted`, and returns it.
    pub async fn application_that(
        &self,
        id: &str,
        what: &str,
        wanted: impl Fn(&proto::Application) -> bool,
    ) -> Result<proto::Application, Finding> {
        let mut last = None;
        let look = wait_for(format!("{id} to be {what}"), BOUND, async || {
            let now = self.application(id).await.ok()?;
            last = Some(now.clone());
            wanted(&now).then_some(now)
        });
        let found = look.await;
        found.map_err(|error| Finding::Broken(format!("{error}; at last it was {last:?}")))
    }

    /// The report of the newest election.
    pub async fn last_failover(&self) -> Result<proto::Failover, Finding> {
        let reply = self.client().list_failovers(EVERYTHING).await?;
        let newest = reply.failovers.into_iter().max_by_key(|it| it.epoch);
        newest.ok_or_else(|| Finding::Broken("no election left a report".to_owned()))
    }
}

/// A driver as the leader knows it.
async fn driver(client: &Client, id: &DriverId) -> Result<proto::Driver, Finding> {
    let request = proto::GetDriverRequest {
        driver_id: id.to_string(),
        consistent: true,
    };
    let reply = client.get_driver(request).await?;
    let found = reply.driver;
    found.ok_or_else(|| Finding::Broken(format!("{id} is found, and not in the reply")))
}

//! Carrying out what was decided.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use vesta_proto::worker::{FromWorker, ReadLog, from_worker};
use vesta_types::InstanceId;

use super::runner::{Origin, Runner};
use super::serve::{Agent, Event};
use super::{logs, session};
use crate::clock::Boottime;
use crate::failpoint;
use crate::reconcile::{Action, Input, Message, Source, wire};
use crate::store::clean;
use crate::store::freshness;
use crate::store::instance::InstanceOrder;

impl Agent {
    pub(super) async fn act(&mut self, action: Action) {
        match action {
            Action::Confirm(stamp) => {
                if let Err(error) = freshness::confirm(self.store.dir(), self.boot, stamp) {
                    tracing::error!(%error, "a confirmation can't be kept: nothing can start");
                }
            }
            Action::Start { order, epoch } => {
                tracing::info!(instance = %order.instance, %epoch, "instance accepted");
                let instance = order.instance.clone();
                let cgroup = self
                    .machine
                    .cgroups
                    .as_ref()
                    .map(|it| it.of(&instance.to_string()));
                let spark_homes = match order.launch.spark {
                    Some(_) => self.machine.spark_homes.clone(),
                    None => Vec::new(),
                };
                let order = InstanceOrder {
                    run: *order,
                    epoch,
                    worker: self.description.id.clone(),
                    host: self.description.host.clone(),
                    port: self.description.port,
                    masters: self.masters.targets(),
                    order_ttl: self.config.order_ttl,
                    kill_grace: self.config.kill_grace,
                    restart_backoff: self.config.restart_backoff,
                    cgroup,
                    log_max: self.config.log_max,
                    artifact_max: self.config.artifact_max,
                    spark_homes,
                };
                let command = self.config.supervisor.clone();
                self.watch_over(instance, Origin::Ordered(Box::new(order), command));
            }
            Action::Stop(instance) => {
                tracing::info!(%instance, "instance is to end");
                if let Some(stop) = self.stops.get(&instance) {
                    stop.send_replace(true);
                }
                // Before any later confirmation: a supervisor that sees that one sees this, too, even
                // if its signal is still under way. After the above: where there is no directory yet,
                // nothing is started any more.
                if let Err(error) = self.store.instance(&instance).tell_to_end() {
                    tracing::error!(%instance, %error, "its supervisor hears by a signal alone that it is to end");
                }
            }
            Action::Forget(instance) => {
                if let Err(error) = self.store.instance(&instance).acknowledge() {
                    tracing::warn!(%instance, %error, "will be reported again after a restart");
                }
                tracing::info!(%instance, "instance acknowledged");
            }
            Action::Send { to, message } => {
                if matches!(message, Message::Report(_)) {
                    failpoint::crash("worker.crash_before_report");
                    failpoint::hold("worker.before_report").await;
                    if failpoint::is_on_while_there("worker.hold_report") {
                        tracing::warn!("a failpoint drops a report");
                        return;
                    }
                }
                let message = wire::message(message, &self.description);
                self.send(&to, message);
            }
            Action::Note(text) => tracing::warn!("{text}"),
        }
    }

    /// Begins to watch over an instance until its end.
    pub(super) fn watch_over(&mut self, instance: InstanceId, origin: Origin) {
        let (stop, stopped) = watch::channel(false);
        let dir = self.store.instance(&instance);
        let grace = match &origin {
            Origin::Ordered(order, _) => order.kill_grace,
            // It goes by the grace that it was ordered with.
            Origin::Found(_) => dir
                .order()
                .value()
                .map_or(Duration::ZERO, |it| it.kill_grace),
        };
        let runner = Runner {
            id: instance.clone(),
            dir,
            grace: grace.max(self.config.kill_grace),
            stopped,
        };
        tokio::spawn(runner.run(origin, self.sender.clone()));
        self.stops.insert(instance, stop);
    }

    pub(super) fn send(&mut self, to: &Source, message: from_worker::Message) {
        let Some((source, link)) = self.links.get(&to.master) else {
            return;
        };
        if source == to
            && !link.send(FromWorker {
                message: Some(message),
            })
        {
            // Its session ends with it; whatever was missed is said again on the next one.
            tracing::warn!(
                master = to.master,
                "a master does not take what is sent: hanging up"
            );
            self.links.remove(&to.master);
        }
    }

    pub(super) fn read_log(&mut self, from: Source, request: ReadLog) {
        let known = request.instance_id.parse::<InstanceId>().ok();
        let known = known.and_then(|id| Some((self.reconciler.status(&id)?.is_final(), id)));
        let found = known.map(|(ended, id)| (ended, self.store.instance(&id)));
        let (worker, sender) = (self.description.id.clone(), self.sender.clone());
        tokio::spawn(async move {
            let chunk = tokio::task::spawn_blocking(move || logs::read(found, &request, &worker));
            if let Ok(chunk) = chunk.await {
                let message = from_worker::Message::LogChunk(chunk);
                let _ = sender.send(Event::ForMaster(from, Box::new(message))).await;
            }
        });
    }

    /// Has the directories of instances that are long over removed, when it is time.
    pub(super) fn clean(&mut self, now: Boottime) {
        if now < self.clean_at {
            return;
        }
        self.clean_at = now.plus(self.config.clean_every);
        if self.cleaning {
            return;
        }
        self.cleaning = true;
        let over = self.reconciler.acknowledged_instances().cloned().collect();
        let (root, ttl) = (self.store.dir().to_owned(), self.config.work_dir_ttl);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let cleaning = move || clean::clean(&root, over, ttl, SystemTime::now());
            let cleaned = tokio::task::spawn_blocking(cleaning).await;
            let cleaned = cleaned.unwrap_or_default();
            if !cleaned.is_empty() {
                tracing::info!(
                    count = cleaned.len(),
                    "directories of ended instances removed"
                );
            }
            let _ = sender.send(Event::Cleaned(cleaned)).await;
        });
    }

    /// Sees to it that there is a session, or an attempt at one, to every master and to nobody else.
    pub(super) async fn dial(&mut self, now: Boottime) {
        let begin = |master: String| {
            let session = session::Dialer {
                master,
                description: self.description.clone(),
                allegiance: self.allegiance.subscribe(),
                order_ttl: self.config.order_ttl,
                leader_at: self.leader_at.subscribe(),
                events: self.sender.clone(),
            };
            tokio::spawn(session.keep())
        };
        for gone in self.masters.adjust(now, begin) {
            tracing::info!(master = gone, "no longer a master");
            if let Some((from, _)) = self.links.remove(&gone) {
                // The session's task is gone and can't say so itself.
                self.step(Input::SessionClosed { from }).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use uuid::Uuid;
    use vesta_types::{ClusterId, DriverId, Timestamp};

    use super::*;
    use crate::Config;
    use crate::agent::{Machine, describe};
    use crate::store::Store;
    use crate::store::recover::Recovered;

    #[tokio::test]
    async fn that_an_instance_is_to_end_is_in_its_directory_before_anything_later_is_confirmed() {
        let root = tempfile::tempdir().unwrap();
        let config = Config::new(vec!["m:1".into()], root.path().to_owned(), 1, 1).unwrap();
        let mut store = Store::open(root.path()).unwrap();
        let identity = store.identify("h", 1).unwrap();
        let boot = Uuid::from_u128(1);
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST).to_string();
        let description = describe(&config, &identity, boot, &Machine::default(), host, 1).unwrap();
        let found = Recovered::default();
        let mut agent = Agent::new(
            config,
            store,
            identity,
            boot,
            description,
            Machine::default(),
            found,
        )
        .unwrap();
        let cluster = ClusterId(Uuid::from_u128(2));
        let instance = InstanceId::driver(cluster, DriverId::mint(Timestamp(0), 1), 1);
        let dir = agent.store.instance(&instance);
        std::fs::create_dir_all(dir.path()).unwrap();
        assert!(!dir.is_told_to_end());
        agent.act(Action::Stop(instance)).await;
        assert!(dir.is_told_to_end());
    }
}

//! An agent's ends of its streams.

use vesta_proto::worker::to_worker;
use vesta_types::Epoch;
use vesta_worker::reconcile::{Input, Source, wire};

use super::cut;
use crate::trace::trace;
use crate::world::{Who, World};

impl World {
    fn source(&self, stream: usize) -> Source {
        let it = &self.streams[stream];
        Source {
            master: self.addresses[it.master].clone(),
            session: it.name,
        }
    }

    pub(in crate::world) fn session_opened(&mut self, w: usize, stream: usize) {
        let from = self.source(stream);
        self.agent_takes(w, Input::SessionOpened { from });
    }

    pub(in crate::world) fn session_closed(&mut self, w: usize, stream: usize) {
        let from = self.source(stream);
        self.agent_takes(w, Input::SessionClosed { from });
    }

    pub(in crate::world) fn worker_hears(
        &mut self,
        w: usize,
        stream: usize,
        message: to_worker::Message,
    ) {
        if self.trace.is_on() {
            let text = match &message {
                to_worker::Message::Welcome(it) => {
                    format!("welcome epoch {} leading {}", it.epoch, it.leading)
                }
                to_worker::Message::MasterChanged(it) => {
                    format!("master changed, epoch {}", it.epoch)
                }
                to_worker::Message::Confirmed(it) => {
                    format!("confirmed {} of epoch {}", it.sequence, it.epoch)
                }
                to_worker::Message::Orders(it) => {
                    let run: Vec<&str> = it.run.iter().map(|run| cut(&run.instance_id)).collect();
                    let stop: Vec<&str> = it.stop.iter().map(|id| cut(id)).collect();
                    format!(
                        "orders of epoch {} at {}: run {run:?} stop {stop:?}",
                        it.epoch, it.index
                    )
                }
                to_worker::Message::Acknowledged(it) => {
                    format!("acknowledged {}", it.instances.len())
                }
                _ => "something".to_owned(),
            };
            trace!(
                self,
                "w{}<m{} {text}",
                w + 1,
                self.streams[stream].master + 1
            );
        }
        let from = self.source(stream);
        let said = match &message {
            to_worker::Message::Orders(it) => Some(it.epoch),
            to_worker::Message::MasterChanged(it) => Some(it.epoch),
            _ => None,
        };
        let refused = said.and_then(|epoch| self.must_refuse(w, stream, Epoch(epoch)));
        let input = match message {
            to_worker::Message::Welcome(welcome) => {
                if let Some(leader) = welcome.leader {
                    let at = usize::try_from(leader - 1).unwrap_or(0);
                    self.leader_is_at(Who::Worker(w), at);
                }
                wire::welcome(from, &welcome)
            }
            message => wire::input(from, message),
        };
        if let Some(input) = input {
            self.agent_takes(w, input);
        }
        let now = self.workers[w].agent.as_ref();
        if let (Some(before), Some(agent)) = (refused, now)
            && agent.reconciler.stale_orders() == before
        {
            self.broken(format!(
                "I8: w{} obeys what a leader of epoch {} says, and has met {}",
                w + 1,
                said.unwrap_or_default(),
                self.workers[w].disk.allegiance.epoch
            ));
        }
    }

    /// If what comes on a stream is of an older epoch than this worker has met, it must be refused and
    /// counted: how many were by now.
    fn must_refuse(&self, w: usize, stream: usize, epoch: Epoch) -> Option<u64> {
        let worker = &self.workers[w];
        let agent = worker.agent.as_ref()?;
        let is_current = agent.dials.of(self.streams[stream].master).stream == Some(stream);
        let is_old = epoch < worker.disk.allegiance.epoch;
        (is_current && is_old).then(|| agent.reconciler.stale_orders())
    }
}

//! Sessions, heartbeats and who leads.

use std::collections::VecDeque;

use uuid::Uuid;
use vesta_types::limits::REFUSALS_MAX;
use vesta_types::{ClusterId, Epoch, canary};

use super::{Action, Message, Reconciler, Source};
use crate::clock::Boottime;

/// Heartbeats of one session whose sending times are remembered; an older one that is confirmed says
/// nothing new.
const STAMPS_MAX: usize = 64;

/// While nothing may be started for want of a confirmation, heartbeats come this much faster, so that
/// a worker that has just registered need not wait for its next ordinary one.
const UNCONFIRMED_HASTE: u32 = 5;

/// The current session to one master.
#[derive(Debug)]
pub(super) struct Session {
    id: Uuid,
    sequence: u64,
    /// Heartbeats sent in it, oldest first.
    sent: VecDeque<(u64, Boottime)>,
    /// The last epoch under which its master said in it that it leads now.
    announced: Option<Epoch>,
}

impl Reconciler {
    /// Whether `from` is the newest session to its master.
    pub(super) fn is_current(&self, from: &Source) -> bool {
        self.sessions
            .get(&from.master)
            .is_some_and(|session| session.id == from.session)
    }

    pub(super) fn session_opened(&mut self, now: Boottime, from: Source, out: &mut Vec<Action>) {
        // Whether it still leads it says in its welcome.
        self.leader.take_if(|leader| *leader == from.master);
        let session = Session {
            id: from.session,
            sequence: 0,
            sent: VecDeque::new(),
            announced: None,
        };
        self.sessions.insert(from.master.clone(), session);
        self.send_heartbeat(now, &from.master, out);
    }

    pub(super) fn session_closed(&mut self, from: &Source) {
        if self.is_current(from) {
            self.sessions.remove(&from.master);
            self.leader.take_if(|leader| *leader == from.master);
        }
    }

    pub(super) fn welcomed(
        &mut self,
        now: Boottime,
        from: Source,
        cluster: ClusterId,
        epoch: Epoch,
        leading: bool,
        out: &mut Vec<Action>,
    ) {
        if !self.is_current(&from) || !self.is_own_cluster(&from, cluster, out) {
            return;
        }
        if leading && epoch >= self.allegiance.epoch {
            self.follow(&from);
            self.report_at(now);
        } else {
            self.leader.take_if(|leader| *leader == from.master);
        }
    }

    pub(super) fn master_changed(
        &mut self,
        now: Boottime,
        from: Source,
        cluster: ClusterId,
        epoch: Epoch,
        out: &mut Vec<Action>,
    ) {
        if !self.is_current(&from) || !self.is_own_cluster(&from, cluster, out) {
            return;
        }
        if self.is_stale(epoch) {
            let own = self.allegiance.epoch;
            let master = &from.master;
            let text = format!("leadership of epoch {epoch} from {master}: epoch {own} is known");
            return self.refuse_stale(now, text, out);
        }
        self.follow(&from);
        self.report_at(now);
        // Once: to a repetition the report is the answer. A heartbeat to each goes round and round with a
        // master that repeats itself at each heartbeat.
        let session = self.sessions.get_mut(&from.master);
        if session.is_some_and(|session| session.announced.replace(epoch) != Some(epoch)) {
            self.send_heartbeat(now, &from.master, out);
        }
    }

    pub(super) fn heartbeat_confirmed(
        &mut self,
        now: Boottime,
        from: &Source,
        session: Uuid,
        epoch: Epoch,
        sequence: u64,
        out: &mut Vec<Action>,
    ) {
        let current = self.is_current(from) && session == from.session;
        if !current || epoch != self.allegiance.epoch {
            return;
        }
        self.follow(from);
        let sent = &self.sessions[&from.master].sent;
        let Some(&(_, stamp)) = sent.iter().find(|(number, _)| *number == sequence) else {
            return;
        };
        if self.confirmed.is_none_or(|confirmed| stamp > confirmed) {
            self.confirmed = Some(stamp);
            out.push(Action::Confirm(stamp));
        }
        self.release(now, stamp, out);
    }

    /// The sender speaks as the leader of the highest epoch met.
    pub(super) fn follow(&mut self, from: &Source) {
        self.leader = Some(from.master.clone());
    }

    /// The leader's session.
    pub(super) fn leader(&self) -> Option<Source> {
        let master = self.leader.as_ref()?;
        let session = self.sessions.get(master)?.id;
        Some(Source {
            master: master.clone(),
            session,
        })
    }

    pub(super) fn is_stale(&self, epoch: Epoch) -> bool {
        epoch < self.allegiance.epoch && !canary::is_on("epoch-check")
    }

    pub(super) fn is_own_cluster(
        &self,
        from: &Source,
        cluster: ClusterId,
        out: &mut Vec<Action>,
    ) -> bool {
        let own = self.allegiance.cluster;
        if own == Some(cluster) {
            return true;
        }
        let own = own.map_or("none".to_owned(), |own| own.to_string());
        let master = &from.master;
        out.push(Action::Note(format!(
            "WRK001: {master} is of cluster {cluster}, this worker of cluster {own}: refused"
        )));
        false
    }

    /// Counts and names an order that came too late to be obeyed.
    pub(super) fn refuse_stale(&mut self, now: Boottime, text: String, out: &mut Vec<Action>) {
        self.stale_orders += 1;
        if self.refused.len() == REFUSALS_MAX {
            self.refused.pop_front();
        }
        self.refused.push_back(text.clone());
        self.report_at(now);
        out.push(Action::Note(format!("refused {text}")));
    }

    /// Heartbeats go to the leader; while none is known, to every master, for one of them may be it.
    pub(super) fn send_due_heartbeats(&mut self, now: Boottime, out: &mut Vec<Action>) {
        if now < self.heartbeat_due {
            return;
        }
        let masters: Vec<String> = match &self.leader {
            Some(leader) => vec![leader.clone()],
            None => self.sessions.keys().cloned().collect(),
        };
        for master in masters {
            self.send_heartbeat(now, &master, out);
        }
        let haste = if self.is_fresh(now) {
            1
        } else {
            UNCONFIRMED_HASTE
        };
        self.heartbeat_due = now.plus(self.settings.heartbeat / haste);
        self.heartbeats_since_report = self.heartbeats_since_report.saturating_add(1);
    }

    fn send_heartbeat(&mut self, now: Boottime, master: &str, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(master) else {
            return;
        };
        session.sequence += 1;
        if session.sent.len() == STAMPS_MAX {
            session.sent.pop_front();
        }
        session.sent.push_back((session.sequence, now));
        let to = Source {
            master: master.to_owned(),
            session: session.id,
        };
        let message = Message::Heartbeat {
            sequence: session.sequence,
            stamp: now,
        };
        out.push(Action::Send { to, message });
    }
}

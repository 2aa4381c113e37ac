//! Whom the leader has to look at: what one entry or message touches, and no more.

use std::collections::BTreeSet;
use std::time::Duration;

use vesta_core::ClusterState;
use vesta_types::{AppId, WorkerId};

use super::{Leader, SessionId, WorkerLine, applications};

/// Workers and applications of which something may have changed since they were looked at last.
///
/// A set may name too many; whoever looks at one that needs nothing does nothing. None may be forgotten,
/// so every worker is looked at again after [`super::Timing::repeat`] all the same.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Up to where the state's touches of workers and applications were followed.
    seen: Option<(u64, u64)>,
    /// Workers that the state touched, or that opened, closed or reported.
    pub(super) workers: BTreeSet<WorkerId>,
    /// Workers with orders that they have not taken up.
    pub(super) open: BTreeSet<WorkerId>,
    /// Workers whose heartbeat is to be confirmed.
    pub(super) beating: BTreeSet<WorkerId>,
    /// Workers to be asked again if their answer doesn't count by then, in led time.
    pub(super) to_ask: BTreeSet<(Duration, WorkerId)>,
    /// Workers whose report is to be proposed.
    pub(super) reported: BTreeSet<WorkerId>,
    /// Workers without a stream, or about to end: they get nothing new.
    pub(super) suspects: BTreeSet<WorkerId>,
    /// Workers about to end, as they said.
    pub(super) leaving: BTreeSet<WorkerId>,
    /// Applications that the state touched, or that opened a stream.
    pub(super) apps: BTreeSet<AppId>,
    /// Applications whose clients answered this epoch and that the state may not have confirmed yet.
    pub(super) acknowledged: BTreeSet<AppId>,
    /// Applications' streams of which it is not known whether there is such an application.
    pub(super) strays: BTreeSet<SessionId>,
    /// Applications that wait and do not know what for.
    pub(super) puzzled: BTreeSet<AppId>,
    /// Led time when it was looked at last why applications wait, and why all of them do.
    pub(super) explained: Option<Duration>,
    pub(super) refreshed: Duration,
    /// Led time when every worker was looked at last.
    pub(super) swept: Duration,
    /// Led time when it was looked at last who is silent.
    pub(super) judged: Duration,
}

impl Attention {
    /// Notes what the state touched; everything, if that can't be told.
    fn follow(&mut self, state: &ClusterState) {
        let now = (state.workers.now(), state.applications.now());
        let touched = self.seen.replace(now).and_then(|(workers, apps)| {
            let workers = state.workers.touched_since(workers)?;
            Some((workers, state.applications.touched_since(apps)?))
        });
        match touched {
            Some((workers, apps)) => {
                self.workers.extend(workers.cloned());
                self.apps.extend(apps.cloned());
            }
            None => {
                self.workers.extend(state.workers.keys().cloned());
                self.apps.extend(state.app_queue.values().cloned());
            }
        }
    }
}

impl Leader {
    /// A line for every worker and application that the state has, and for no other.
    pub(super) fn track(&mut self, state: &ClusterState) {
        let led = self.clock.led();
        self.attention.follow(state);
        for id in &self.attention.workers {
            let known = state.workers.contains_key(id);
            if known && !self.workers.contains_key(id) {
                self.workers.insert(id.clone(), WorkerLine::new(led));
            }
            let line = self.workers.get(id);
            let line = line.filter(|line| known || line.session.is_some());
            let suspect = line.is_some_and(|line| line.session.is_none() || line.leaving);
            let leaving = line.is_some_and(|line| line.leaving);
            if line.is_none() {
                self.workers.remove(id);
            }
            keep(&mut self.attention.suspects, id, suspect);
            keep(&mut self.attention.leaving, id, leaving);
        }
        for id in &self.attention.apps {
            let app = state.applications.get(id);
            if app.is_some_and(|app| app.is_live()) && !self.apps.contains_key(id) {
                let line = applications::AppLine::new(led);
                self.apps.insert(id.clone(), line);
            }
            let gone = |line: &applications::AppLine| app.is_none() && !line.has_session();
            if self.apps.get(id).is_some_and(gone) {
                self.apps.remove(id);
            }
        }
    }
}

/// Whether `id` is in `set` from now on.
pub(super) fn keep(set: &mut BTreeSet<WorkerId>, id: &WorkerId, is_in: bool) {
    if !is_in {
        set.remove(id);
    } else if !set.contains(id) {
        set.insert(id.clone());
    }
}

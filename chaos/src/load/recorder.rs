//! Writes down every call.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::record::{Appender, CallId, CallPart, Clock, Entry, Op, Outcome, RecordError};

/// The history, and counts of it.
pub(super) struct Recorder {
    history: Appender<Entry>,
    clock: Clock,
    ok: AtomicU64,
    submits: AtomicI64,
    kills: AtomicI64,
}

/// One client, as the history names it: its calls are numbered.
#[derive(Clone, Debug)]
pub(super) struct Name {
    client: String,
    calls: u64,
}

impl Name {
    pub(super) fn new(client: String) -> Name {
        Name { client, calls: 0 }
    }

    fn next(&mut self) -> CallId {
        self.calls += 1;
        CallId {
            client: self.client.clone(),
            call: self.calls,
        }
    }
}

/// Counts a call as in flight for as long as it is there: a call can be given up at any await.
struct Flight<'a>(Option<&'a AtomicI64>);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Recorder {
    pub(super) fn open(path: &Path, clock: Clock) -> Result<Recorder, RecordError> {
        Ok(Recorder {
            history: Appender::open(path)?,
            clock,
            ok: AtomicU64::new(0),
            submits: AtomicI64::new(0),
            kills: AtomicI64::new(0),
        })
    }

    /// Writes that `op` is sent, awaits the call, writes what it came to. Given up on the way, the call
    /// stays open in the history.
    pub(super) async fn call<F>(&self, name: &mut Name, op: Op, call: F) -> Outcome
    where
        F: Future<Output = Outcome>,
    {
        let id = name.next();
        let count = match &op {
            Op::Submit(_) => Some(&self.submits),
            Op::Kill { .. } => Some(&self.kills),
            _ => None,
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let _flight = Flight(count);
        self.write(id.clone(), CallPart::Invoked(op));
        let outcome = call.await;
        if matches!(outcome, Outcome::Ok(_)) {
            self.ok.fetch_add(1, Ordering::Relaxed);
        }
        self.write(id, CallPart::Returned(outcome.clone()));
        outcome
    }

    fn write(&self, id: CallId, what: CallPart) {
        let at = self.clock.now();
        if let Err(error) = self.history.append(&Entry { at, id, what }) {
            // Without its history a run can't be judged; the check finds too few calls then.
            tracing::error!(%error, "a call is not recorded");
        }
    }

    pub(super) fn calls_ok(&self) -> u64 {
        self.ok.load(Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> (bool, bool) {
        let some = |count: &AtomicI64| count.load(Ordering::Relaxed) > 0;
        (some(&self.submits), some(&self.kills))
    }
}

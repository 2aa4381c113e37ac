//! Applying entries: the only way in which the state changes.
//!
//! Every replica applies the same entries in the same order and comes to the same state. An entry is
//! verified as if it came from anybody: what does not fit the state is a [`Rejection`] and changes
//! nothing; one bad line of a report or plan is left out, and the others are applied.
//!
//! A file per subject: leadership, workers (and how one is lost), reports, drivers, executors,
//! applications, endpoints, placements, clients' writes, history.

mod applications;
mod client;
mod drains;
mod drivers;
mod endpoints;
mod executors;
mod history;
mod leadership;
mod leases;
mod losing;
mod masters;
mod place;
mod report;
mod requests;
mod spark;
mod workers;

#[cfg(test)]
mod tests;

use vesta_types::limits::TEXT_BYTES_MAX;
use vesta_types::{Epoch, Timestamp, canary};

use crate::command::{Command, Entry};
use crate::failover::Outcome;
use crate::reply::{RejectCode, Rejection, Reply};
use crate::state::ClusterState;
use crate::version;

/// In debug builds the invariants are checked after every entry while the state holds fewer objects
/// than this, and after every 64th beyond it: a check looks at everything, and a test with 10,000
/// drivers would do nothing else.
#[cfg(debug_assertions)]
const CHECK_ALWAYS_BELOW: usize = 2_000;

impl ClusterState {
    /// Verifies and applies one entry, the one at log index `index`, and says what came of it.
    ///
    /// Total: it never panics, whatever the entry. (In debug builds it panics when an invariant is
    /// broken afterwards: that is a defect here, not bad input.)
    pub fn apply(&mut self, index: u64, entry: &Entry) -> Reply {
        self.applied = index;
        self.clock = self.clock.max(entry.at);
        let now = self.clock;
        if let Some(ageing) = &mut self.ageing {
            ageing.advance(entry.at);
        }
        let mut applying = Applying {
            state: self,
            at: entry.at,
            now,
            noting: false,
        };
        let reply = applying.command(&entry.command);
        applying.trim();
        #[cfg(debug_assertions)]
        self.assert_invariants(&entry.command);
        reply
    }

    #[cfg(debug_assertions)]
    #[expect(
        clippy::panic,
        reason = "a broken invariant is a defect, and must be loud in tests"
    )]
    fn assert_invariants(&self, command: &Command) {
        let objects = self.workers.len()
            + self.drivers.len()
            + self.applications.len()
            + self.keys.answered.len();
        if objects >= CHECK_ALWAYS_BELOW && !self.applied.is_multiple_of(64) {
            return;
        }
        if let Err(broken) = crate::invariants::check(self) {
            panic!(
                "entry {} broke invariants: {broken:#?}\nafter {command:#?}",
                self.applied
            );
        }
    }
}

/// One entry being applied.
struct Applying<'a> {
    state: &'a mut ClusterState,
    /// When the entry was made, by its proposer's clock.
    at: Timestamp,
    /// The replicated clock, which never goes back: what objects are stamped with.
    now: Timestamp,
    /// Whether what happens now belongs to the fail-over and goes into its report.
    noting: bool,
}

impl Applying<'_> {
    fn command(&mut self, command: &Command) -> Reply {
        version::check_spoken(command, self.state)?;
        match command {
            Command::LeaderStarted {
                cluster,
                term,
                node,
                leaderless_ms,
            } => self.leader_started(*cluster, (*term, *node), *leaderless_ms),
            Command::CompleteRecovery { epoch, condemned } => {
                self.check_epoch(*epoch)?;
                self.complete_recovery(condemned)
            }
            Command::AttachWorker {
                epoch,
                worker,
                reports,
            } => {
                self.check_epoch(*epoch)?;
                self.attach_worker(worker, reports)
            }
            Command::ReportInstances {
                epoch,
                worker,
                incarnation,
                reports,
            } => {
                self.check_epoch(*epoch)?;
                self.report_instances(worker, incarnation, reports)
            }
            Command::LoseWorkers {
                epoch,
                workers,
                cause,
            } => {
                self.check_epoch(*epoch)?;
                self.lose_workers(workers, cause)
            }
            Command::EndLeases { epoch, drivers } => {
                self.check_epoch(*epoch)?;
                self.end_leases(drivers)
            }
            Command::EndDrains { epoch, drains } => {
                self.check_epoch(*epoch)?;
                self.end_drains(drains)
            }
            Command::Place {
                epoch,
                placements,
                cursor,
            } => {
                self.check_epoch(*epoch)?;
                self.place(placements, cursor.as_ref())
            }
            Command::ConfirmApplication { epoch, app } => {
                self.check_epoch(*epoch)?;
                self.confirm_application(app)
            }
            Command::ExpireApplications { epoch, apps } => {
                self.check_epoch(*epoch)?;
                self.expire_applications(apps)
            }
            Command::NoteMaster {
                epoch,
                node,
                directory,
            } => {
                self.check_epoch(*epoch)?;
                self.note_master(*node, *directory)
            }
            Command::RaiseVersion { epoch, version } => {
                self.check_epoch(*epoch)?;
                self.raise_version(*version)
            }
            Command::FromSparkDriver { epoch, app, ask } => {
                self.check_epoch(*epoch)?;
                self.spark_driver_asks(app, ask)
            }
            Command::Client { key, request } => self.client(*key, request),
        }
    }

    /// What a leader decided under another epoch does not count any more, whoever delivers it
    /// (etcd #15247). Epoch 0 is nobody's.
    fn check_epoch(&self, decided: Epoch) -> Result<(), Rejection> {
        let current = self.state.epoch;
        // Breaks "a leader's own command counts in its own epoch alone".
        let stale_too = canary::is_on("stale-command");
        if (decided == current || stale_too) && current > Epoch::default() {
            return Ok(());
        }
        Err(Rejection::new(
            RejectCode::StaleEpoch,
            format!("it was decided under epoch {decided}, and the current one is {current}"),
        ))
    }

    /// The time from which on what ends now ages, if not from `now`.
    fn ages_from(&self) -> Option<Timestamp> {
        self.state.ageing.map(|ageing| ageing.clock)
    }

    /// A line of the fail-over report, if this belongs to the fail-over.
    fn note(&mut self, id: impl ToString, outcome: Outcome, why: &str) {
        if !self.noting {
            return;
        }
        if let Some(report) = self.state.failovers.back_mut() {
            report.note(id, outcome, why, self.now);
        }
    }
}

/// `text`, cut to what the state keeps of anybody's words.
fn clip(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

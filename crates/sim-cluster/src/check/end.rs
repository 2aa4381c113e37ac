//! What must be true once everything is healed and quiet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vesta_consensus::Role;
use vesta_core::ClusterState;
use vesta_types::{DriverId, RecoveryState, SubmissionKey};

use crate::history::Asked;
use crate::machine::Machine;
use crate::story::Story;
use crate::submitter::short;

/// Whether the masters that are there agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// They do.
    Yes,
    /// They don't, and why not.
    NotYet(String),
}

/// Whether `machines` all run, have one leader, that is open for business, and equal states at an equal index.
pub fn settled(machines: &[Arc<Machine>]) -> Settled {
    let mut views = Vec::new();
    for machine in machines {
        let Some(master) = machine.master() else {
            return Settled::NotYet(format!("{} does not run", machine.name));
        };
        let status = master.node.status();
        if status.role == Role::Leader && master.shown().status != RecoveryState::Alive {
            return Settled::NotYet(format!("{} leads and is not ALIVE", machine.name));
        }
        let state = master.shared.state();
        views.push((
            machine.name.clone(),
            status.leader,
            status.term,
            state.applied,
            state.digest(),
        ));
    }
    let same = views.windows(2).all(|pair| {
        let ((_, leader, term, index, digest), (_, leader2, term2, index2, digest2)) =
            (&pair[0], &pair[1]);
        (leader, term, index, digest) == (leader2, term2, index2, digest2)
    });
    if same && views.iter().all(|(_, leader, ..)| leader.is_some()) {
        return Settled::Yes;
    }
    let views = views.iter().map(|(name, leader, term, index, digest)| {
        format!("{name} follows {leader:?} in term {term}, is at {index} with {digest:016x}")
    });
    Settled::NotYet(views.collect::<Vec<_>>().join("; "))
}

/// Holds what the clients were told against the state that all masters have.
pub fn judge(at: Duration, state: &ClusterState, asked: &Asked, story: &Story) {
    let mut by_key: BTreeMap<SubmissionKey, Vec<&DriverId>> = BTreeMap::new();
    for (id, driver) in state.drivers.iter() {
        by_key.entry(driver.key).or_default().push(id);
    }
    for (key, drivers) in &by_key {
        if drivers.len() > 1 {
            let text = format!("key {} has several drivers: {drivers:?}", short(*key));
            story.violation(at, "end", text);
        }
        match asked.submissions.get(key) {
            None => {
                let text = format!("{drivers:?} was submitted by nobody");
                story.violation(at, "end", text);
            }
            Some(submission) if submission.acknowledged.is_empty() && !submission.unknown => {
                let text = format!(
                    "{drivers:?} is there, and every call with its key {} was answered that nothing was done",
                    short(*key)
                );
                story.violation(at, "end", text);
            }
            Some(_) => {}
        }
    }
    for (key, submission) in &asked.submissions {
        for id in &submission.acknowledged {
            let found = by_key.get(key).is_some_and(|drivers| drivers.contains(&id));
            if !found {
                let text = format!("{id} of key {} was acknowledged, and is lost", short(*key));
                story.violation(at, "end", text);
            }
        }
    }
    for driver in state
        .drivers
        .values()
        .filter(|it| !it.description.supervise)
    {
        let of_it = format!("{}.", driver.id);
        let runs: Vec<&String> = asked
            .executed
            .keys()
            .filter(|id| id.starts_with(&of_it))
            .collect();
        if runs.len() > 1 {
            let text = format!(
                "{} is not supervised, and was executed as {runs:?}",
                driver.id
            );
            story.violation(at, "end", text);
        }
    }
    for id in &asked.killed {
        let found = state.drivers.get(id);
        if !found.is_some_and(|driver| driver.ended.is_some() || driver.kill_requested) {
            let text = format!("{id}: its kill was acknowledged, and nothing of it is known");
            story.violation(at, "end", text);
        }
    }
}

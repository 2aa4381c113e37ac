//! The judgement of a run, from its directory alone.
//!
//! [`Run`] is what the directory says, in memory. Each check is a function of it without IO, with tests made
//! of small hand-written runs: one that it must pass, one that it must find invalid, and where it applies
//! one of which it can't know.

mod acknowledged;
mod calls;
mod collector;
mod copies;
mod coverage;
mod executors;
mod figures;
mod flat;
mod instances;
mod keys;
mod kills;
mod leftovers;
mod load;
mod logs;
mod reads;
mod run;
mod state;

use crate::record::{CheckResult, RecordError, RunDir, Verdict};

pub use calls::Call;
pub use logs::MasterLog;
pub use run::{Execution, Fault, Run};

/// Judges a run.
///
/// # Errors
/// When a file of it can't be read, or holds something else than it should: nothing is concluded then.
pub fn judge(dir: &RunDir) -> Result<Verdict, RecordError> {
    Ok(judge_run(&Run::read(dir)?))
}

/// Judges what is known of a run.
pub fn judge_run(run: &Run) -> Verdict {
    let checks: Vec<CheckResult> = [
        load::check,
        coverage::check,
        acknowledged::check,
        keys::check,
        keys::check_phantoms,
        instances::check,
        instances::check_unsupervised,
        instances::check_epochs,
        copies::check,
        kills::check,
        leftovers::check_orphans,
        leftovers::check_ends,
        executors::check,
        reads::check_indexes,
        reads::check_drivers,
        state::check_resources,
        state::check_agreement,
        logs::check_entries,
        logs::check_keys,
        flat::check,
    ]
    .map(|check: fn(&Run) -> CheckResult| check(run))
    .into();
    Verdict {
        judgement: checks
            .iter()
            .map(|it| it.judgement)
            .max()
            .unwrap_or_default(),
        checks,
        figures: figures::of(run),
    }
}

#[cfg(test)]
mod testing;

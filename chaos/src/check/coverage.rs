//! Whether every fault happened that was meant to.

use super::Run;
use super::collector::Collector;
use crate::record::CheckResult;

/// Every planned fault began, and every one that began was seen to have happened.
pub(super) fn check(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "coverage",
        "every fault of the plan begins and is seen to have happened",
    );
    for (id, name) in &run.planned {
        found.looked();
        if !run.faults.iter().any(|it| it.id == *id) {
            let line = format!("planned: fault {id}, {name}");
            found.invalid(format!("the fault {id}, {name}, never began"), vec![line]);
        }
    }
    for fault in &run.faults {
        found.looked();
        if fault.seen.is_none() {
            let what = format!(
                "the fault {}, {}, had no effect that was seen",
                fault.id, fault.name
            );
            found.invalid(what, vec![fault.line()]);
        }
    }
    if run.faults.is_empty() && !run.options.faults.is_empty() {
        found.unknown("no fault happened at all".to_owned(), vec![]);
    }
    found.done()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, run, unknown, valid};
    use super::check;
    use crate::record::What;

    #[test]
    fn a_fault_that_was_seen_counts() {
        valid(check(&run().fault(1, 1.0, 2.0, "master-1")));
    }

    #[test]
    fn a_planned_fault_that_never_began_fails_the_run() {
        let fault = "kill-leader".to_owned();
        let run = run()
            .fault(1, 1.0, 2.0, "master-1")
            .happened(3.0, What::FaultPlanned { id: 2, fault });
        invalid(check(&run), "never began");
    }

    #[test]
    fn a_fault_without_an_effect_fails_the_run() {
        let mut run = run().fault(1, 1.0, 2.0, "master-1");
        run.faults[0].seen = None;
        invalid(check(&run), "no effect");
    }

    #[test]
    fn a_run_without_faults_shows_nothing() {
        unknown(check(&run()), "no fault");
    }
}

//! The verdict. Pure, and each check can fail.

use super::report::Report;

/// Everything that is wrong with what was found, one sentence each; nothing, if all is well.
pub fn failures(report: &Report, faults_wanted: usize) -> Vec<String> {
    let mut failures = Vec::new();
    let mut none = |number: usize, what: &str| {
        if number > 0 {
            failures.push(format!("{number} {what}"));
        }
    };
    none(report.executors_killed_by_failover, "executors were killed");
    none(
        report.drivers_lost,
        "drivers started and never came to their end",
    );
    none(report.drivers_run_twice, "times something ran twice");
    none(
        report.submissions_lost,
        "submissions were acknowledged and never ran",
    );
    none(
        report.processes_left.len(),
        "processes were left when their workers had ended",
    );
    let mut must = |holds: bool, otherwise: String| {
        if !holds {
            failures.push(otherwise);
        }
    };
    must(
        report.submissions_acknowledged > 0,
        "no submission was acknowledged".to_owned(),
    );
    must(
        report.result_correct,
        "the words are not those of a plain count".to_owned(),
    );
    must(
        report.words.on_workers >= 2,
        format!(
            "the words were counted on {} workers, not on both",
            report.words.on_workers
        ),
    );
    must(
        report.waiting_application_ran,
        "the application that had to wait never got its executor".to_owned(),
    );
    let lists = [
        &report.failover_ms,
        &report.failover_to_launch_ms,
        &report.recovery_ms,
    ];
    must(
        lists.iter().all(|list| list.len() == faults_wanted) && faults_wanted > 0,
        format!(
            "{} of {faults_wanted} faults were come through",
            report.faults.len()
        ),
    );
    failures
}

#[cfg(test)]
mod tests {
    use super::super::report::Words;
    use super::*;

    fn good() -> Report {
        Report {
            failover_ms: vec![1],
            failover_to_launch_ms: vec![1],
            recovery_ms: vec![1],
            submissions_acknowledged: 1,
            result_correct: true,
            waiting_application_ran: true,
            words: Words {
                on_workers: 2,
                ..Words::default()
            },
            ..Report::default()
        }
    }

    #[test]
    fn zeros_and_true_are_well() {
        assert_eq!(failures(&good(), 1), [""; 0]);
    }

    #[test]
    fn each_thing_that_is_wrong_fails_by_itself() {
        let wrong: [(&str, Report); 11] = [
            (
                "executor",
                Report {
                    executors_killed_by_failover: 1,
                    ..good()
                },
            ),
            (
                "never came to their end",
                Report {
                    drivers_lost: 1,
                    ..good()
                },
            ),
            (
                "twice",
                Report {
                    drivers_run_twice: 1,
                    ..good()
                },
            ),
            (
                "never ran",
                Report {
                    submissions_lost: 1,
                    ..good()
                },
            ),
            (
                "left",
                Report {
                    processes_left: vec!["7 (vesta)".into()],
                    ..good()
                },
            ),
            (
                "acknowledged",
                Report {
                    submissions_acknowledged: 0,
                    ..good()
                },
            ),
            (
                "plain count",
                Report {
                    result_correct: false,
                    ..good()
                },
            ),
            (
                "on 0 workers",
                Report {
                    words: Words::default(),
                    ..good()
                },
            ),
            (
                "had to wait",
                Report {
                    waiting_application_ran: false,
                    ..good()
                },
            ),
            (
                "faults",
                Report {
                    failover_ms: vec![],
                    ..good()
                },
            ),
            (
                "faults",
                Report {
                    recovery_ms: vec![],
                    ..good()
                },
            ),
        ];
        for (names, report) in wrong {
            let found = failures(&report, 1);
            assert!(
                matches!(found.as_slice(), [one] if one.contains(names)),
                "{names}: {found:?}"
            );
        }
        assert_eq!(failures(&good(), 2).len(), 1, "a fault is missing");
        assert_eq!(
            failures(
                &Report {
                    failover_ms: vec![],
                    ..good()
                },
                0
            )
            .len(),
            1
        );
    }
}

//! The cases of Spark's own test of `scheduleExecutorsOnWorkers` (`MasterSuite`), from its public
//! behaviour: three workers of 10 cores and 4096 MiB; what counts is the cores given to each.

use super::*;

struct Case {
    memory_mib: u64,
    cores: Option<u32>,
    max_cores: Option<u32>,
    target: Option<u32>,
    spread: [u32; 3],
    pack: [u32; 3],
}

fn case(memory_mib: u64) -> Case {
    Case {
        memory_mib,
        cores: None,
        max_cores: None,
        target: None,
        spread: [0; 3],
        pack: [0; 3],
    }
}

impl Case {
    fn cores(self, cores: u32) -> Case {
        Case {
            cores: Some(cores),
            ..self
        }
    }

    fn max(self, max: u32) -> Case {
        Case {
            max_cores: Some(max),
            ..self
        }
    }

    fn limit(self, executors: u32) -> Case {
        Case {
            target: Some(executors),
            ..self
        }
    }

    fn gives(self, spread: [u32; 3], pack: [u32; 3]) -> Case {
        Case {
            spread,
            pack,
            ..self
        }
    }

    fn check(&self, what: &str) {
        for (policy, expected) in [(spread(), self.spread), (pack(), self.pack)] {
            let mut state = cluster(&[(10, 4096); 3]);
            let request = wants(self.cores, self.memory_mib, self.target);
            let app = register(&mut state, self.max_cores, vec![request], None);
            let plan = plan(&state, &policy);
            let given = executors_by_worker(&state, &plan, &app);
            let given: Vec<u32> = given.iter().map(|cores| cores.iter().sum()).collect();
            assert_eq!(given, expected, "{what}, spread out: {}", policy.spread_out);
            book(&mut state, &plan);
        }
    }
}

fn check(what: &str, cases: impl IntoIterator<Item = Case>) {
    for case in cases {
        case.check(what);
    }
}

#[test]
fn basic_scheduling() {
    let all = [10, 10, 10];
    check("basic", [case(1024).gives(all, all)]);
    check("more memory", [case(3072).gives(all, all)]);
}

#[test]
fn scheduling_with_max_cores() {
    check(
        "max cores",
        [
            case(1024).max(8).gives([3, 3, 2], [8, 0, 0]),
            case(1024).max(16).gives([6, 5, 5], [10, 6, 0]),
        ],
    );
}

#[test]
fn scheduling_with_cores_per_executor() {
    check(
        "cores per executor",
        [
            case(1024).cores(2).gives([8, 8, 8], [8, 8, 8]),
            case(256).cores(2).gives([10, 10, 10], [10, 10, 10]),
            case(256).cores(3).gives([9, 9, 9], [9, 9, 9]),
        ],
    );
}

#[test]
fn scheduling_with_cores_per_executor_and_max_cores() {
    check(
        "cores per executor and max cores",
        [
            case(256).cores(2).max(4).gives([2, 2, 0], [4, 0, 0]),
            case(256).cores(2).max(20).gives([8, 6, 6], [10, 10, 0]),
            case(256).cores(3).max(20).gives([6, 6, 6], [9, 9, 0]),
        ],
    );
}

#[test]
fn scheduling_with_executor_limit() {
    check(
        "executor limit",
        [
            case(256).limit(0),
            case(256).limit(2).gives([10, 10, 0], [10, 10, 0]),
            case(256).limit(5).gives([10, 10, 10], [10, 10, 10]),
        ],
    );
}

#[test]
fn scheduling_with_executor_limit_and_max_cores() {
    check(
        "executor limit and max cores",
        [
            case(256).max(16).limit(0),
            case(256).max(16).limit(2).gives([8, 8, 0], [10, 6, 0]),
            case(256).max(16).limit(5).gives([6, 5, 5], [10, 6, 0]),
        ],
    );
}

#[test]
fn scheduling_with_executor_limit_and_cores_per_executor() {
    check(
        "executor limit and cores per executor",
        [
            case(256).cores(4).limit(0),
            case(256).cores(4).limit(2).gives([4, 4, 0], [8, 0, 0]),
            case(256).cores(4).limit(5).gives([8, 8, 4], [8, 8, 4]),
        ],
    );
}

#[test]
fn scheduling_with_everything() {
    check(
        "everything",
        [
            case(256).cores(4).max(18).limit(0),
            case(256)
                .cores(4)
                .max(18)
                .limit(2)
                .gives([4, 4, 0], [8, 0, 0]),
            case(256)
                .cores(4)
                .max(18)
                .limit(5)
                .gives([8, 4, 4], [8, 8, 0]),
        ],
    );
}

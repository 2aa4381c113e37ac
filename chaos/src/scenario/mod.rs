//! Named scenarios: a fault in one place at one time, and what must hold then.
//!
//! `docs/scenarios.md` says which failure each is about, and which failures tests on real processes hold
//! already. The seven scenarios of Spark's own suite are such tests.

mod agent;
mod apart;
mod app;
mod books;
pub mod command;
mod disk;
mod failover;
mod finding;
mod fleet;
mod host;
mod kills;
mod look;
mod net;
mod notes;
mod power;
mod snapshot;
mod stage;
mod submitter;

use futures::future::LocalBoxFuture;

pub use finding::Finding;
pub use stage::Setting;

/// How a scenario is played, to its end.
type Play = fn(Setting) -> LocalBoxFuture<'static, Result<(), Finding>>;

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it is called by.
    pub name: &'static str,
    /// What happens in it, and what must hold, in one line.
    pub what: &'static str,
    /// Which known failures it is about: numbers of `docs/scenarios.md`.
    pub about: &'static str,
    /// Seconds that it usually takes on two cores.
    pub seconds: u32,
    /// Whether it belongs to the bounded set that every change must pass.
    pub ci: bool,
    /// Whether it needs network namespaces, and disks of its own: links and disks can't fail otherwise.
    pub apart: bool,
    play: Play,
}

impl Scenario {
    /// Plays it.
    ///
    /// # Errors
    /// What keeps it from being valid.
    pub async fn play(&self, setting: Setting) -> Result<(), Finding> {
        (self.play)(setting).await
    }
}

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "eight-busy-workers",
        what: "the leader of eight busy workers is killed, paused, asked to end: no executor ends, the books are the same",
        about: "7 of the twelve, D22",
        seconds: 15,
        ci: true,
        apart: false,
        play: |setting| Box::pin(failover::eight_busy_workers(setting)),
    },
    Scenario {
        name: "elections-within-recovery",
        what: "leaders die in recovery, again and again, and a worker answers late: ALIVE in the end, nothing twice",
        about: "8 of the twelve, D16",
        seconds: 20,
        ci: true,
        apart: false,
        play: |setting| Box::pin(failover::elections_within_recovery(setting)),
    },
    Scenario {
        name: "kill-outlives-leader",
        what: "a kill is acknowledged, and the leader dies before the worker hears of it: it ends, and never runs again",
        about: "9 of the twelve",
        seconds: 20,
        ci: true,
        apart: false,
        play: |setting| Box::pin(kills::kill_outlives_leader(setting)),
    },
    Scenario {
        name: "agent-killed-around-exec",
        what: "an agent is killed between the order and exec, after exec's record, between exec and report: no second exec",
        about: "4 of the twelve",
        seconds: 10,
        ci: true,
        apart: false,
        play: |setting| Box::pin(agent::killed_around_exec(setting)),
    },
    Scenario {
        name: "worker-reboots",
        what: "a worker leaves in order, and reboots: it is kept, and comes back as itself",
        about: "D46",
        seconds: 5,
        ci: true,
        apart: false,
        play: |setting| Box::pin(agent::worker_reboots(setting)),
    },
    Scenario {
        name: "driver-paused",
        what: "an application's driver is paused over a fail-over and beyond recovery: it keeps its executors",
        about: "D12",
        seconds: 20,
        ci: true,
        apart: false,
        play: |setting| Box::pin(app::driver_paused(setting)),
    },
    Scenario {
        name: "leader-by-snapshot",
        what: "a follower that lagged behind gets a snapshot and leads: ids, keys and books are exact",
        about: "11 of the twelve",
        seconds: 15,
        ci: true,
        apart: false,
        play: |setting| Box::pin(snapshot::leader_by_snapshot(setting)),
    },
    Scenario {
        name: "failing-fsync",
        what: "a sync fails at the leader, at a follower, or takes long: it stops and says so, others go on, nothing is lost",
        about: "D39",
        seconds: 10,
        ci: true,
        apart: false,
        play: |setting| Box::pin(disk::failing_fsync(setting)),
    },
    Scenario {
        name: "damaged-master",
        what: "a bit of each file of a stopped master is turned over; its directory is another's, or gone: it refuses",
        about: "D39",
        seconds: 10,
        ci: true,
        apart: false,
        play: |setting| Box::pin(disk::damaged_master(setting)),
    },
    Scenario {
        name: "worker-cut-off",
        what: "no packet passes between a worker and any master: keep, stop and unsupervised drivers, and a success that comes late",
        about: "5 and 6 of the twelve, D2",
        seconds: 25,
        ci: true,
        apart: true,
        play: |setting| Box::pin(net::worker_cut_off(setting)),
    },
    Scenario {
        name: "leader-cut-off",
        what: "no packet passes between the leader and the other masters, for ever longer: it steps down in the same process",
        about: "D18",
        seconds: 45,
        ci: true,
        apart: true,
        play: |setting| Box::pin(net::leader_cut_off(setting)),
    },
    Scenario {
        name: "power-cut",
        what: "the power of one master or of all is cut right after an answer, again and again: all that was acknowledged is there",
        about: "2 of the twelve",
        seconds: 35,
        ci: true,
        apart: true,
        play: |setting| Box::pin(power::power_cut(setting)),
    },
    Scenario {
        name: "disk-full",
        what: "the leader's disk is full in the middle of writes: it stops and says so, others serve, with room it comes back",
        about: "10 of the twelve",
        seconds: 15,
        ci: true,
        apart: true,
        play: |setting| Box::pin(power::disk_full(setting)),
    },
    Scenario {
        name: "leaderless-fleet",
        what: "nobody leads for long, then two elections in a row; one worker of twelve is gone for good: it alone is lost",
        about: "D4, D36",
        seconds: 35,
        ci: true,
        apart: false,
        play: |setting| Box::pin(fleet::leaderless_fleet(setting)),
    },
    Scenario {
        name: "half-of-the-workers",
        what: "four of eight workers vanish while 10,000 drivers wait: never over-committed, all is used again",
        about: "12 of the twelve",
        seconds: 90,
        ci: false,
        apart: false,
        play: |setting| Box::pin(fleet::half_of_the_workers(setting)),
    },
];

/// Tests of the target `vesta-tests` that are scenarios too: name, what happens.
pub const TESTS: &[(&str, &str)] = &[
    ("sanity", "one master, one worker: the application works"),
    ("many_masters", "three masters: one leads, two stand by"),
    (
        "leader_halt",
        "the leader is killed: the same executors, and a new application is served",
    ),
    (
        "master_restart",
        "the only master is killed and started, twice: the same executors",
    ),
    (
        "cluster_failure",
        "every master and worker is killed and started: the same executors",
    ),
    (
        "all_but_standby_failure",
        "the leader and every worker are killed: the application lives under a standby",
    ),
    (
        "rolling_outage",
        "each leader in turn is killed and started: the same executors, drivers ran once",
    ),
];

/// The scenario of this name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|it| it.name == name)
}

//! The faults by name, and what each needs.

use std::fmt;
use std::str::FromStr;

use crate::record::Letter;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// SIGKILL to the leader.
    KillLeader,
    /// SIGKILL to a master that follows.
    KillFollower,
    /// SIGKILL to every master at once.
    KillMasters,
    /// SIGSTOP to the leader, beyond its term, and SIGCONT.
    PauseLeader,
    /// The same to a master that follows.
    PauseFollower,
    /// SIGKILL to a worker's agent; what it launched lives on.
    KillAgent,
    /// SIGSTOP to a worker's agent, beyond its timeout, and SIGCONT.
    PauseAgent,
    /// SIGKILL to a worker's agent and all that runs there.
    KillHost,
    /// SIGTERM and a new start of each master in turn.
    RollingRestart,
    /// The leader is asked to hand over.
    Transfer,
    /// The leader is cut off from the other masters.
    CutLeader,
    /// The leader is cut off from masters, workers and clients.
    IsolateLeader,
    /// A follower is cut off from the other masters.
    CutFollower,
    /// Two masters don't see each other; the others see both.
    Bridge,
    /// What the leader sends to the other masters is dropped; what they send arrives.
    LeaderMute,
    /// What the others send to the leader is dropped; what it sends arrives.
    LeaderDeaf,
    /// The leader is cut off and comes back, each second.
    Flapping,
    /// A worker sees the leader alone, which the other masters don't see.
    OldLeaderOnly,
    /// A worker is cut off from all masters, beyond its timeout.
    CutWorker,
    /// What the masters send to a worker is dropped.
    WorkerDeaf,
    /// What a worker sends to the masters is dropped.
    WorkerMute,
    /// One packet in five between masters is dropped.
    Loss,
    /// Everything to and from one master comes late.
    Delay,
    /// What passes to and from one master is sent again, often.
    Stalls,
    /// Requests to one master arrive, its answers don't.
    HalfOpen,
    /// Nothing passes to one master; connections are taken.
    Hold,
    /// Connections to one master pass a few bytes at a time.
    Drip,
    /// Every connection to one master is reset, again and again.
    Reset,
    /// One bit in some chunks to one master is turned over.
    Corrupt,
    /// The power of one master is cut.
    PowerCut,
    /// The power of all masters is cut at once.
    PowerCutAll,
    /// The leader's disk is full.
    DiskFull,
    /// The leader's syncs take long.
    SlowSync,
    /// One sync of the leader fails.
    FailedSync,
    /// The leader is killed after a write is committed and before it is answered.
    CrashBeforeAnswer,
    /// An agent is killed between an order's record and the supervisor's start.
    CrashBeforeStart,
    /// Supervisors are killed between the record of a start and exec.
    CrashBeforeExec,
    /// An agent is killed between an end and its report.
    CrashBeforeReport,
    /// Bits in a stopped master's files are turned over; then it rejoins as a new member.
    FlipBits,
    /// A master's data is deleted; then it rejoins as a new member.
    LoseData,
    /// A master finds another master's data; then it rejoins as a new member.
    ForeignData,
    /// A master is taken out of the cluster and joins again under a new id.
    Replace,
    /// A master's wall clock jumps, and back.
    WallJump,
}

/// What a site must have for a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Network namespaces.
    Links,
    /// Images under the masters' data.
    Disks,
    /// Wall clocks that can be moved.
    Clocks,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 43] = [
        Kind::KillLeader,
        Kind::KillFollower,
        Kind::KillMasters,
        Kind::PauseLeader,
        Kind::PauseFollower,
        Kind::KillAgent,
        Kind::PauseAgent,
        Kind::KillHost,
        Kind::RollingRestart,
        Kind::Transfer,
        Kind::CutLeader,
        Kind::IsolateLeader,
        Kind::CutFollower,
        Kind::Bridge,
        Kind::LeaderMute,
        Kind::LeaderDeaf,
        Kind::Flapping,
        Kind::OldLeaderOnly,
        Kind::CutWorker,
        Kind::WorkerDeaf,
        Kind::WorkerMute,
        Kind::Loss,
        Kind::Delay,
        Kind::Stalls,
        Kind::HalfOpen,
        Kind::Hold,
        Kind::Drip,
        Kind::Reset,
        Kind::Corrupt,
        Kind::PowerCut,
        Kind::PowerCutAll,
        Kind::DiskFull,
        Kind::SlowSync,
        Kind::FailedSync,
        Kind::CrashBeforeAnswer,
        Kind::CrashBeforeStart,
        Kind::CrashBeforeExec,
        Kind::CrashBeforeReport,
        Kind::FlipBits,
        Kind::LoseData,
        Kind::ForeignData,
        Kind::Replace,
        Kind::WallJump,
    ];

    /// Those that a plan chooses from unless it is told: all but corruption. There is no TLS yet, and what
    /// TCP's own checksum lets pass nothing else would find: it is outside of what is promised.
    pub fn usual() -> Vec<Kind> {
        let all = Kind::ALL.into_iter();
        all.filter(|kind| *kind != Kind::Corrupt).collect()
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::KillLeader => "kill-leader",
            Kind::KillFollower => "kill-follower",
            Kind::KillMasters => "kill-masters",
            Kind::PauseLeader => "pause-leader",
            Kind::PauseFollower => "pause-follower",
            Kind::KillAgent => "kill-agent",
            Kind::PauseAgent => "pause-agent",
            Kind::KillHost => "kill-host",
            Kind::RollingRestart => "rolling-restart",
            Kind::Transfer => "transfer",
            Kind::CutLeader => "cut-leader",
            Kind::IsolateLeader => "isolate-leader",
            Kind::CutFollower => "cut-follower",
            Kind::Bridge => "bridge",
            Kind::LeaderMute => "leader-mute",
            Kind::LeaderDeaf => "leader-deaf",
            Kind::Flapping => "flapping",
            Kind::OldLeaderOnly => "old-leader-only",
            Kind::CutWorker => "cut-worker",
            Kind::WorkerDeaf => "worker-deaf",
            Kind::WorkerMute => "worker-mute",
            Kind::Loss => "loss",
            Kind::Delay => "delay",
            Kind::Stalls => "stalls",
            Kind::HalfOpen => "half-open",
            Kind::Hold => "hold",
            Kind::Drip => "drip",
            Kind::Reset => "reset",
            Kind::Corrupt => "corrupt",
            Kind::PowerCut => "power-cut",
            Kind::PowerCutAll => "power-cut-all",
            Kind::DiskFull => "disk-full",
            Kind::SlowSync => "slow-sync",
            Kind::FailedSync => "failed-sync",
            Kind::CrashBeforeAnswer => "crash-before-answer",
            Kind::CrashBeforeStart => "crash-before-start",
            Kind::CrashBeforeExec => "crash-before-exec",
            Kind::CrashBeforeReport => "crash-before-report",
            Kind::FlipBits => "flip-bits",
            Kind::LoseData => "lose-data",
            Kind::ForeignData => "foreign-data",
            Kind::Replace => "replace",
            Kind::WallJump => "wall-jump",
        }
    }

    /// What a site must have for it.
    pub const fn needs(self) -> Needs {
        match self {
            Kind::KillHost
            | Kind::CutLeader
            | Kind::IsolateLeader
            | Kind::CutFollower
            | Kind::Bridge
            | Kind::LeaderMute
            | Kind::LeaderDeaf
            | Kind::Flapping
            | Kind::OldLeaderOnly
            | Kind::CutWorker
            | Kind::WorkerDeaf
            | Kind::WorkerMute
            | Kind::Loss => Needs::Links,
            Kind::PowerCut | Kind::PowerCutAll | Kind::DiskFull => Needs::Disks,
            Kind::WallJump => Needs::Clocks,
            _ => Needs::Nothing,
        }
    }

    /// Whether nothing else may be broken meanwhile: it takes away a master's data for good, or waits for
    /// the cluster to do something.
    pub const fn is_alone(self) -> bool {
        matches!(
            self,
            Kind::FlipBits
                | Kind::LoseData
                | Kind::ForeignData
                | Kind::Replace
                | Kind::RollingRestart
        )
    }

    /// How long it lasts: between the two, in seconds, with a worker's timeout of 5 s.
    pub const fn lasts(self) -> (f64, f64) {
        match self {
            Kind::CutWorker | Kind::PauseAgent | Kind::WorkerMute | Kind::WorkerDeaf => (2.0, 9.0),
            Kind::KillAgent | Kind::KillHost => (0.1, 6.0),
            Kind::Transfer | Kind::RollingRestart => (0.0, 0.5),
            Kind::KillMasters | Kind::PowerCut | Kind::PowerCutAll => (0.1, 3.0),
            Kind::Flapping | Kind::Reset => (3.0, 6.0),
            Kind::CrashBeforeAnswer
            | Kind::CrashBeforeStart
            | Kind::CrashBeforeExec
            | Kind::CrashBeforeReport => (0.5, 2.0),
            _ => (0.5, 5.0),
        }
    }

    /// The columns of the fault matrix that it hits by what it is.
    pub const fn letters(self) -> &'static [Letter] {
        match self {
            Kind::CrashBeforeAnswer => &[Letter::Q],
            Kind::CrashBeforeStart => &[Letter::S, Letter::L],
            Kind::CrashBeforeExec => &[Letter::L],
            Kind::CrashBeforeReport => &[Letter::U],
            Kind::Replace | Kind::RollingRestart => &[Letter::M],
            _ => &[],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no fault's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fault; one of: {names}", names = Kind::ALL.map(Kind::as_str).join(", "))]
pub struct NoSuchFault(pub String);

impl FromStr for Kind {
    type Err = NoSuchFault;

    fn from_str(text: &str) -> Result<Kind, NoSuchFault> {
        let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| NoSuchFault(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fault_is_found_by_its_name_and_no_two_share_one() {
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let text = "kill-laeder".parse::<Kind>().unwrap_err().to_string();
        assert!(text.contains("kill-leader"), "{text}");
    }
}

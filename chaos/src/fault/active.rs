//! A fault from its beginning to its end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Kind, Planned, View, data, links, points, processes, surroundings};
use crate::site::Site;

/// How much longer than planned a fault waits to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a fault is made on.
pub struct Ground<'a> {
    /// Where.
    pub site: &'a mut Site,
    /// What the masters show.
    pub view: View,
    /// The nodes that are broken already.
    pub busy: BTreeSet<String>,
}

impl Ground<'_> {
    /// The leader's name, unless none is known or it is broken already.
    pub(super) fn leader(&self) -> Option<String> {
        let name = master(self.view.leader()?);
        (!self.busy.contains(&name)).then_some(name)
    }

    /// All masters but one.
    pub(super) fn masters_but(&self, name: &str) -> Vec<String> {
        let all = (0..self.site.masters()).map(master);
        all.filter(|it| it != name).collect()
    }

    /// A master that is whole and does not lead.
    pub(super) fn follower(&self, whom: u64) -> Option<String> {
        let leader = master(self.view.leader()?);
        self.choose(self.masters_but(&leader), whom)
    }

    /// Any master that is whole.
    pub(super) fn any_master(&self, whom: u64) -> Option<String> {
        self.choose((0..self.site.masters()).map(master).collect(), whom)
    }

    /// A worker that is whole.
    pub(super) fn worker(&self, whom: u64) -> Option<String> {
        let workers = self.site.cluster.workers.iter().map(|it| it.name());
        self.choose(workers.collect(), whom)
    }

    fn choose(&self, mut from: Vec<String>, whom: u64) -> Option<String> {
        from.retain(|name| !self.busy.contains(name));
        let count = u64::try_from(from.len()).ok().filter(|count| *count > 0)?;
        from.into_iter().nth((whom % count) as usize)
    }
}

/// The name of the master at this index.
pub(super) fn master(at: usize) -> String {
    format!("master-{}", at + 1)
}

/// The index of a master, by its name.
pub(super) fn index(name: &str) -> Result<usize> {
    let number = name.strip_prefix("master-").and_then(|it| it.parse().ok());
    let at = number.and_then(|number: usize| number.checked_sub(1));
    at.with_context(|| format!("{name:?} is no master's name, such as master-1"))
}

/// A fault that has begun.
#[derive(Debug)]
pub struct Active {
    /// As planned.
    pub planned: Planned,
    /// The nodes that it breaks.
    pub targets: Vec<String>,
    /// All nodes whose processes, disks, clocks or links it touches, the targets too.
    pub touches: Vec<String>,
    /// By what it was seen to have happened.
    pub seen: Option<String>,
    began: Instant,
    doing: Doing,
}

/// What is to be undone, and looked at meanwhile.
#[derive(Debug)]
pub(super) enum Doing {
    Processes(processes::Broken),
    Links(links::Broken),
    Surroundings(surroundings::Broken),
    Points(points::Broken),
    Data(data::Broken),
}

/// What the beginning of a fault came to.
pub(super) struct Begun {
    pub targets: Vec<String>,
    pub touches: Vec<String>,
    pub seen: Option<String>,
    pub doing: Doing,
}

impl Begun {
    /// One that touches what it breaks and nothing else.
    pub(super) fn of(targets: Vec<String>, seen: Option<String>, doing: Doing) -> Begun {
        Begun {
            touches: targets.clone(),
            targets,
            seen,
            doing,
        }
    }
}

impl Active {
    /// Begins a fault; `None` if nobody is there whom it could hit now.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn begin(planned: Planned, ground: &mut Ground<'_>) -> Result<Option<Active>> {
        if planned.kind.is_alone() && !ground.busy.is_empty() {
            return Ok(None);
        }
        let began = Instant::now();
        let begun = match planned.kind {
            Kind::KillLeader
            | Kind::KillFollower
            | Kind::KillMasters
            | Kind::PauseLeader
            | Kind::PauseFollower
            | Kind::KillAgent
            | Kind::PauseAgent
            | Kind::KillHost
            | Kind::RollingRestart
            | Kind::Transfer => processes::begin(&planned, ground).await,
            Kind::CutLeader
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
            | Kind::Loss => links::begin(&planned, ground),
            Kind::Delay
            | Kind::Stalls
            | Kind::HalfOpen
            | Kind::Hold
            | Kind::Drip
            | Kind::Reset
            | Kind::Corrupt
            | Kind::PowerCut
            | Kind::PowerCutAll
            | Kind::DiskFull
            | Kind::WallJump => surroundings::begin(&planned, ground),
            Kind::SlowSync
            | Kind::FailedSync
            | Kind::CrashBeforeAnswer
            | Kind::CrashBeforeStart
            | Kind::CrashBeforeExec
            | Kind::CrashBeforeReport => points::begin(&planned, ground),
            Kind::FlipBits | Kind::LoseData | Kind::ForeignData | Kind::Replace => {
                data::begin(&planned, ground).await
            }
        };
        let begun = begun.with_context(|| format!("fault {} ({})", planned.id, planned.kind))?;
        Ok(begun.map(|begun| Active {
            planned,
            targets: begun.targets,
            touches: begun.touches,
            seen: begun.seen,
            began,
            doing: begun.doing,
        }))
    }

    /// Goes on with it; to be called every now and then.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn step(&mut self, site: &mut Site) -> Result<()> {
        match &mut self.doing {
            Doing::Links(broken) => broken.step(site),
            Doing::Surroundings(broken) => broken.step(site),
            Doing::Points(broken) => {
                if self.seen.is_none() {
                    self.seen = broken.look(site)?;
                }
                Ok(())
            }
            Doing::Processes(_) | Doing::Data(_) => Ok(()),
        }
    }

    /// Whether it waits for something to run into it.
    pub fn waits(&self) -> bool {
        matches!(self.doing, Doing::Points(_)) && self.seen.is_none()
    }

    /// Whether its time is over. One that waits for something to run into it gets more.
    pub fn is_over(&self) -> bool {
        let patience = if self.waits() {
            PATIENCE
        } else {
            Duration::ZERO
        };
        self.began.elapsed() >= self.planned.lasts + patience
    }

    /// Undoes it.
    ///
    /// # Errors
    /// When the system refuses, or what the fault did to its node is not what it must do.
    pub async fn end(&mut self, site: &mut Site) -> Result<()> {
        let ended = match &mut self.doing {
            Doing::Processes(broken) => broken.end(site).map(|()| None),
            Doing::Links(broken) => broken.end(site),
            Doing::Surroundings(broken) => broken.end(site),
            Doing::Points(broken) => broken.end(site),
            Doing::Data(broken) => broken.end(site).await,
        };
        let planned = &self.planned;
        let seen = ended.with_context(|| format!("fault {} ({})", planned.id, planned.kind))?;
        if self.seen.is_none() {
            self.seen = seen;
        }
        Ok(())
    }
}

//! What is around a master: connections that misbehave, power, disk, wall clock.

use anyhow::{Context, Result};
use std::time::Duration;

use rustix::process::Signal;
use vesta_local::{Manners, Relay};

use super::active::{Begun, Doing, Ground, index, master};
use super::processes::node;
use super::{Kind, Planned};
use crate::site::Site;

/// How far a wall clock jumps, in seconds. While a leader is behind by more than ten minutes it refuses the
/// keys of clients whose clocks are right, as it should; that they are told so is part of this.
const JUMPS: [i64; 6] = [7_200, 3_600, 60, -60, -540, -7_200];

/// What is to be undone.
#[derive(Debug)]
pub(super) enum Broken {
    Manners {
        master: usize,
        before: u64,
        resets: Option<usize>,
    },
    Power(Vec<String>),
    Disk(String),
    Clock(String),
}

pub(super) fn begin(planned: &Planned, ground: &mut Ground<'_>) -> Result<Option<Begun>> {
    let whom = planned.whom;
    let target = match planned.kind {
        Kind::PowerCutAll => ground.busy.is_empty().then(|| master(0)),
        Kind::DiskFull => ground.leader(),
        // The leader one time in two: there it matters most.
        _ if planned.amount.is_multiple_of(2) => ground.leader(),
        _ => ground.any_master(whom),
    };
    let Some(target) = target else {
        return Ok(None);
    };
    let site = &mut *ground.site;
    let begun = match planned.kind {
        Kind::PowerCut => power(site, vec![target])?,
        Kind::PowerCutAll => {
            let all = (0..site.masters()).map(master).collect();
            power(site, all)?
        }
        Kind::DiskFull => {
            let disk = site.disks.get(&index(&target)?);
            disk.context("only a disk of its own may be filled")?
                .fill()?;
            let doing = Doing::Surroundings(Broken::Disk(target.clone()));
            Begun::of(
                vec![target],
                Some("not one byte more fits".to_owned()),
                doing,
            )
        }
        Kind::WallJump => {
            let seconds = JUMPS[(planned.amount / 2 % JUMPS.len() as u64) as usize];
            site.set_wall_clock(&target, seconds)?;
            let seen = has_clock(site, &target)?.then(|| format!("it jumps by {seconds} s"));
            Begun::of(
                vec![target.clone()],
                seen,
                Doing::Surroundings(Broken::Clock(target)),
            )
        }
        _ => {
            let at = index(&target)?;
            let broken = Broken::Manners {
                master: at,
                before: site.touched(at),
                resets: (planned.kind == Kind::Reset).then_some(0),
            };
            site.behave(at, &manners(planned));
            Begun::of(vec![target], None, Doing::Surroundings(broken))
        }
    };
    Ok(Some(begun))
}

fn manners(planned: &Planned) -> Manners {
    let mut manners = Manners::default();
    let amount = planned.amount / 2;
    match planned.kind {
        Kind::Delay => {
            let most = [20, 100, 500, 2_000][(amount % 4) as usize];
            manners.delay = Some((Duration::ZERO, Duration::from_millis(most)));
        }
        Kind::Stalls => manners.lost_percent = 20,
        Kind::HalfOpen => manners.hold_answers = true,
        Kind::Hold => manners.hold = true,
        Kind::Drip => manners.drip = Some(16 + (amount % 240) as usize),
        Kind::Corrupt => manners.corrupt_one_in = Some(50),
        _ => {}
    }
    manners
}

/// Whether the wall clock of a running process can be moved.
fn has_clock(site: &mut Site, name: &str) -> Result<bool> {
    let Some(pid) = node(site, name)?.pid() else {
        return Ok(false);
    };
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    Ok(maps.contains("libfaketime"))
}

/// Cuts the power of these masters at one moment: nothing is written any more, the disks are as they are, the
/// processes are gone.
fn power(site: &mut Site, names: Vec<String>) -> Result<Begun> {
    for name in &names {
        // Asked first and waited for then, so that they stop close together.
        if let Some(process) = node(site, name)?.process() {
            process.signal(Signal::STOP)?;
        }
    }
    for name in &names {
        let node = node(site, name)?;
        if node.is_running() {
            node.pause()?;
        }
    }
    let mut copies = Vec::new();
    for name in &names {
        let disk = site.disks.get_mut(&index(name)?);
        let disk = disk.context("power can be cut only of a master with a disk of its own")?;
        copies.push(disk.copy()?);
    }
    for (name, copy) in names.iter().zip(copies) {
        node(site, name)?.kill()?;
        let disk = site.disks.get_mut(&index(name)?);
        disk.context("it was there")?.go_on_with(copy)?;
    }
    let seen = Some("what was not synced is gone".to_owned());
    let doing = Doing::Surroundings(Broken::Power(names.clone()));
    Ok(Begun::of(names, seen, doing))
}

impl Broken {
    pub(super) fn step(&mut self, site: &mut Site) -> Result<()> {
        if let Broken::Manners {
            master,
            resets: Some(resets),
            ..
        } = self
        {
            let relays = site.relays[*master].iter();
            *resets += relays
                .map(|relay: &Relay| relay.cut(|| true))
                .sum::<usize>();
        }
        Ok(())
    }

    pub(super) fn end(&mut self, site: &mut Site) -> Result<Option<String>> {
        match self {
            Broken::Manners {
                master,
                before,
                resets,
            } => {
                site.behave(*master, &Manners::default());
                let touched = site.touched(*master).saturating_sub(*before);
                let seen = match resets {
                    Some(resets) => {
                        (*resets > 0).then(|| format!("{resets} connections were reset"))
                    }
                    None => (touched > 0).then(|| format!("{touched} pieces were touched")),
                };
                Ok(seen)
            }
            Broken::Power(names) => {
                for name in names {
                    node(site, name)?.start()?;
                }
                Ok(None)
            }
            Broken::Disk(name) => {
                let disk = site.disks.get(&index(name)?);
                disk.context("it was there")?.empty()?;
                let node = node(site, name)?;
                if !node.is_running() {
                    node.start()?;
                }
                Ok(None)
            }
            Broken::Clock(name) => {
                site.set_wall_clock(name, 0)?;
                Ok(None)
            }
        }
    }
}

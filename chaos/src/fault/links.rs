//! Links between nodes that don't carry, or carry one way, or only some of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::active::{Begun, Doing, Ground, master};
use super::{Kind, Planned};
use crate::site::Site;
use crate::site::net::{CLIENTS, Cut, Net};

/// How long a link that flaps is up, and down.
const FLAP: Duration = Duration::from_secs(1);

/// Of a hundred packets so many are lost.
const LOSS: u8 = 20;

/// What is to be mended.
#[derive(Debug)]
pub(super) struct Broken {
    cuts: Vec<Cut>,
    number: Option<u64>,
    counted_at: Vec<String>,
    before: u64,
    flaps: Option<Instant>,
}

pub(super) fn begin(planned: &Planned, ground: &mut Ground<'_>) -> Result<Option<Begun>> {
    let Some((target, cuts)) = cuts(planned, ground) else {
        return Ok(None);
    };
    let touched: BTreeSet<&String> = cuts.iter().flat_map(|cut| [&cut.from, &cut.to]).collect();
    let counted_at: Vec<String> = touched.into_iter().cloned().collect();
    let touches = counted_at.iter().filter(|name| *name != CLIENTS);
    let touches: Vec<String> = touches.cloned().collect();
    let net = net(ground.site)?;
    let before = net.dropped(&counted_at)?;
    let number = Some(net.cut(cuts.clone())?);
    let broken = Broken {
        cuts,
        number,
        counted_at,
        before,
        flaps: (planned.kind == Kind::Flapping).then(Instant::now),
    };
    Ok(Some(Begun {
        targets: vec![target],
        touches,
        seen: None,
        doing: Doing::Links(broken),
    }))
}

/// Whom it hits, and what is cut; `None` if nobody is there for it.
fn cuts(planned: &Planned, ground: &Ground<'_>) -> Option<(String, Vec<Cut>)> {
    let whom = planned.whom;
    let masters: Vec<String> = (0..ground.site.masters()).map(master).collect();
    let target = match planned.kind {
        Kind::CutFollower => ground.follower(whom)?,
        Kind::CutWorker | Kind::WorkerDeaf | Kind::WorkerMute | Kind::OldLeaderOnly => {
            ground.worker(whom)?
        }
        Kind::Loss => ground.any_master(whom)?,
        _ => ground.leader()?,
    };
    let others = ground.masters_but(&target);
    let apart = |others: &[String]| {
        let pairs = others.iter().flat_map(|other| Cut::both(&target, other));
        pairs.collect::<Vec<_>>()
    };
    let cuts = match planned.kind {
        Kind::IsolateLeader => {
            let workers = ground.site.cluster.workers.iter().map(|it| it.name());
            let mut all = others;
            all.extend(workers);
            all.push(CLIENTS.to_owned());
            apart(&all)
        }
        Kind::Bridge => {
            let other = others.get((whom % others.len().max(1) as u64) as usize)?;
            apart(std::slice::from_ref(other))
        }
        Kind::LeaderMute => others.iter().map(|it| Cut::whole(&target, it)).collect(),
        Kind::LeaderDeaf => others.iter().map(|it| Cut::whole(it, &target)).collect(),
        Kind::OldLeaderOnly => {
            let leader = ground.leader()?;
            let rest = ground.masters_but(&leader);
            let from_leader = rest.iter().flat_map(|it| Cut::both(&leader, it));
            apart(&rest).into_iter().chain(from_leader).collect()
        }
        Kind::WorkerDeaf => masters.iter().map(|it| Cut::whole(it, &target)).collect(),
        Kind::WorkerMute => masters.iter().map(|it| Cut::whole(&target, it)).collect(),
        Kind::CutWorker => apart(&masters),
        Kind::Loss => {
            let all = masters.iter().flat_map(|one| {
                let others = masters.iter().filter(move |other| *other != one);
                others.map(move |other| Cut::whole(one, other))
            });
            let some = |cut| Cut {
                percent: LOSS,
                ..cut
            };
            all.map(some).collect()
        }
        _ => apart(&others),
    };
    Some((target, cuts))
}

impl Broken {
    pub(super) fn step(&mut self, site: &mut Site) -> Result<()> {
        let Some(since) = self.flaps.filter(|since| since.elapsed() >= FLAP) else {
            return Ok(());
        };
        let net = net(site)?;
        match self.number.take() {
            Some(number) => net.mend(number)?,
            None => self.number = Some(net.cut(self.cuts.clone())?),
        }
        self.flaps = Some(since + FLAP);
        Ok(())
    }

    pub(super) fn end(&mut self, site: &mut Site) -> Result<Option<String>> {
        let net = net(site)?;
        if let Some(number) = self.number.take() {
            net.mend(number)?;
        }
        let dropped = net.dropped(&self.counted_at)?.saturating_sub(self.before);
        Ok((dropped > 0).then(|| format!("{dropped} packets were dropped")))
    }
}

fn net(site: &mut Site) -> Result<&mut Net> {
    let net = site.net.as_mut();
    net.context("links can be cut between network namespaces only")
}

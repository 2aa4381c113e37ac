//! Masters whose data is damaged, lost or another's, and who are taken in again as new members.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vesta_client::proto::{AddMasterRequest, ChangeMastersReply};
use vesta_client::{Client, ClientError};
use vesta_local::wait_until;

use super::active::{Begun, Doing, Ground, index};
use super::processes::node;
use super::{Kind, Planned};
use crate::site::Site;
use crate::site::commands::run;
use crate::site::metrics::Metrics;

/// How long a change of members may take.
const CHANGE: Duration = Duration::from_secs(60);

/// How long a master that must refuse to start may take to say so.
const REFUSAL: Duration = Duration::from_secs(20);

/// A master that has to rejoin.
#[derive(Debug)]
pub(super) struct Broken {
    kind: Kind,
    node: String,
}

pub(super) async fn begin(planned: &Planned, ground: &mut Ground<'_>) -> Result<Option<Begun>> {
    // Everybody else must be well: with their data gone too, a majority of it would be.
    let (Some(_), true) = (ground.leader(), all_well(ground.site).await) else {
        return Ok(None);
    };
    let Some(target) = ground.any_master(planned.whom) else {
        return Ok(None);
    };
    let site = &mut *ground.site;
    if planned.kind == Kind::Replace {
        let old = node(site, &target)?.id();
        change(&site.client()?, "the removal", async |client| {
            client.remove_master(old).await
        })
        .await?;
    }
    node(site, &target)?.kill()?;
    let dir = node(site, &target)?.dir();
    let seen = match planned.kind {
        Kind::FlipBits => {
            let turned = flip(&dir, planned.amount)?;
            (!turned.is_empty()).then(|| format!("turned a bit of {}", turned.join(", ")))
        }
        Kind::ForeignData => {
            let others = ground.masters_but(&target);
            let other = others.get((planned.amount % others.len().max(1) as u64) as usize);
            let other = other.context("there are other masters")?;
            let from = node(ground.site, other)?.dir();
            wipe(&dir)?;
            copy(&from, &dir)?;
            Some(format!("it has the data of {other}"))
        }
        _ => {
            wipe(&dir)?;
            Some("its directory is empty".to_owned())
        }
    };
    if planned.kind != Kind::Replace {
        node(ground.site, &target)?.start()?;
    }
    let broken = Broken {
        kind: planned.kind,
        node: target.clone(),
    };
    Ok(Some(Begun::of(vec![target], seen, Doing::Data(broken))))
}

/// Whether every master knows a leader, and has applied nearly everything.
async fn all_well(site: &Site) -> bool {
    let mut applied = Vec::new();
    for node in &site.cluster.masters {
        let Some(address) = node.metrics() else {
            return false;
        };
        match Metrics::of(address).await {
            Ok(metrics) if metrics.figure("vesta_raft_leader") > 0.0 => {
                applied.push(metrics.count("vesta_apply_index"));
            }
            _ => return false,
        }
    }
    let (least, most) = (applied.iter().min(), applied.iter().max());
    matches!((least, most), (Some(least), Some(most)) if most - least < 50)
}

impl Broken {
    pub(super) async fn end(&mut self, site: &mut Site) -> Result<Option<String>> {
        let at = index(&self.node)?;
        let how = match self.kind {
            Kind::ForeignData => {
                let node = node(site, &self.node)?;
                let refused = wait_until("it to refuse", REFUSAL, async || !node.is_running());
                if refused.await.is_err() {
                    bail!("{} runs on the data of another master", self.node);
                }
                Some("it refused to start".to_owned())
            }
            Kind::LoseData => {
                let node = node(site, &self.node)?;
                let address = node.metrics().context("masters show metrics")?;
                let leads = Metrics::of(address).await;
                if leads.is_ok_and(|metrics| metrics.figure("vesta_raft_is_leader") > 0.0) {
                    bail!("{} lost its data and leads a cluster", self.node);
                }
                None
            }
            _ => None,
        };
        let old = node(site, &self.node)?.id();
        node(site, &self.node)?.kill()?;
        let dir = node(site, &self.node)?.dir();
        wipe(&dir)?;
        let client = site.client()?;
        if self.kind != Kind::Replace {
            change(&client, "the removal", async |client| {
                client.remove_master(old).await
            })
            .await?;
        }
        let new = site.new_id();
        let named = site.cluster.configure_as(at, new)?;
        let raft = site
            .cluster
            .raft_address(at)
            .context("it has a port for Raft")?;
        site.relays[at][1].lead_to(raft.parse()?);
        node(site, &self.node)?.start()?;
        let (_, addresses) = named.split_once('=').context("it is ID=CLIENTS/RAFT")?;
        let (clients, masters) = addresses.split_once('/').context("it is ID=CLIENTS/RAFT")?;
        let request = AddMasterRequest {
            node_id: new,
            client_address: clients.to_owned(),
            raft_address: masters.to_owned(),
        };
        change(&client, "the joining", async |client| {
            client.add_master(request.clone()).await
        })
        .await?;
        Ok(how)
    }
}

/// Asks for a change of members until it is done.
async fn change(
    client: &Client,
    what: &str,
    ask: impl AsyncFn(&Client) -> Result<ChangeMastersReply, ClientError>,
) -> Result<()> {
    let mut said = String::new();
    let done = wait_until(format!("{what} of a master"), CHANGE, async || {
        match ask(client).await {
            Ok(reply) => {
                said = reply.message;
                reply.done
            }
            Err(error) => {
                said = error.to_string();
                false
            }
        }
    });
    done.await
        .with_context(|| format!("the last answer: {said}"))
}

/// Empties a directory, which may be a mount.
fn wipe(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let from = from.join(".");
    run(
        "cp",
        &["-a", &from.to_string_lossy(), &to.to_string_lossy()],
    )
    .map(|_| ())
}

/// Turns one bit in each of up to three files. Returns which.
fn flip(dir: &Path, seed: u64) -> Result<Vec<String>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut all = Vec::new();
    files(dir, &mut all)?;
    all.sort();
    let mut turned = Vec::new();
    for _ in 0..random.random_range(1..=3) {
        if all.is_empty() {
            break;
        }
        let path = all.swap_remove(random.random_range(0..all.len()));
        let mut bytes = fs::read(&path)?;
        if bytes.is_empty() {
            continue;
        }
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
        fs::write(&path, bytes)?;
        let name = path.strip_prefix(dir).unwrap_or(&path);
        turned.push(format!("{} at {at}", name.display()));
    }
    Ok(turned)
}

fn files(dir: &Path, all: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, all)?;
        } else {
            all.push(path);
        }
    }
    Ok(())
}

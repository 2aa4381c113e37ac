//! A stage whose nodes are in network namespaces of their own, and its masters on disks of their own.

use std::collections::BTreeMap;

use vesta_local::Options;

use super::Finding;
use super::stage::Stage;
use crate::record::NetMode;
use crate::site::Surroundings;
use crate::site::disk::Disk;
use crate::site::net::Cut;

/// What can be done to the surroundings of such a stage.
#[derive(Debug)]
pub(super) struct Apart {
    surroundings: Surroundings,
    disks: BTreeMap<usize, Disk>,
}

impl Apart {
    /// Leaves what is on the disks in plain directories.
    pub(super) fn unpack(self) -> Result<(), Finding> {
        for disk in self.disks.into_values() {
            disk.unpack()?;
        }
        Ok(())
    }
}

impl Stage {
    /// As [`Stage::prepare`], apart; this process must be in namespaces of its own. With `disks` each master's
    /// directory is a file system of its own, in an image.
    pub async fn prepare_apart(mut options: Options, disks: bool) -> Result<Stage, Finding> {
        let (masters, workers) = (options.masters, options.workers);
        let surroundings = Surroundings::new(NetMode::Namespaces, masters, workers).await?;
        options.places = surroundings.places.clone();
        let mut stage = Stage::prepare(options)?;
        surroundings.lead_to(&stage)?;
        let mut mounted = BTreeMap::new();
        if disks {
            let images = stage.dir().join("disks");
            for (at, master) in stage.masters.iter().enumerate() {
                mounted.insert(at, Disk::new(&images, &master.dir())?);
            }
        }
        stage.apart = Some(Apart {
            surroundings,
            disks: mounted,
        });
        Ok(stage)
    }

    /// Cuts these links. Returns a number for [`Stage::mend`].
    pub fn cut(&mut self, cuts: Vec<Cut>) -> Result<u64, Finding> {
        let net = self
            .apart
            .as_mut()
            .and_then(|it| it.surroundings.net.as_mut());
        let net =
            net.ok_or_else(|| Finding::Unknown("this stage has no links to cut".to_owned()))?;
        Ok(net.cut(cuts)?)
    }

    /// Takes back one [`Stage::cut`].
    pub fn mend(&mut self, cut: u64) -> Result<(), Finding> {
        let net = self
            .apart
            .as_mut()
            .and_then(|it| it.surroundings.net.as_mut());
        let net =
            net.ok_or_else(|| Finding::Unknown("this stage has no links to mend".to_owned()))?;
        Ok(net.mend(cut)?)
    }

    /// The disk of the master at `at`.
    pub fn disk(&mut self, at: usize) -> Result<&mut Disk, Finding> {
        let disk = self.apart.as_mut().and_then(|it| it.disks.get_mut(&at));
        disk.ok_or_else(|| Finding::Unknown("this stage has no disks of its own".to_owned()))
    }
}

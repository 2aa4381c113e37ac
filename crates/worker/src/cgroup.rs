//! A cgroup per instance, version 1 or 2: the one thing that holds every process of it, wherever it
//! forked to and whatever it did to its environment. Only for finding and killing; nothing is limited.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use vesta_types::Containment;

use crate::process::Process;

/// Which hierarchy of version 1 is used: it can stop what forks faster than it is killed.
const HIERARCHY: &str = "freezer";

/// Where a worker's cgroups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    version: Version,
    /// The cgroup that the agent and its supervisors are in.
    home: PathBuf,
    /// Under it, that of all instances of this worker.
    base: PathBuf,
}

/// One instance's cgroup, there or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    version: Version,
    home: PathBuf,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Version {
    One,
    Two,
}

impl Root {
    /// The best that is there for a worker whose store is `store`; of `wanted`, if that is given.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn choose(
        store: uuid::Uuid,
        wanted: Option<Containment>,
    ) -> Result<Option<Root>, String> {
        let versions: &[Version] = match wanted {
            Some(Containment::ProcessGroups) => return Ok(None),
            Some(Containment::Cgroup1) => &[Version::One],
            Some(Containment::Cgroup2) => &[Version::Two],
            None => &[Version::Two, Version::One],
        };
        let mut reasons = Vec::new();
        for version in versions {
            match Root::open(*version, store) {
                Ok(root) => return Ok(Some(root)),
                Err(error) => reasons.push(format!("{}: {error}", version.containment())),
            }
        }
        Err(reasons.join("; "))
    }

    fn open(version: Version, store: uuid::Uuid) -> io::Result<Root> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let home = home(version, &mounts, &own)
            .ok_or_else(|| io::Error::other("it is not mounted here"))?;
        let base = home.join(format!("vesta-{}", store.simple()));
        make_dir(&base)?;
        let root = Root {
            version,
            home,
            base,
        };
        // What is needed later is tried now.
        let trial = root.of("trial");
        trial.create()?;
        let tried = trial.try_out();
        trial.remove();
        tried.map(|()| root)
    }

    /// The cgroup of the instance of this name.
    pub(crate) fn of(&self, name: &str) -> Cgroup {
        Cgroup {
            version: self.version,
            home: self.home.clone(),
            path: self.base.join(name),
        }
    }

    /// What it is, for people.
    pub(crate) fn containment(&self) -> Containment {
        self.version.containment()
    }

    /// Removes what is empty of it: all, if nothing runs here any more.
    pub(crate) fn tidy(&self) {
        for entry in fs::read_dir(&self.base).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&self.base);
    }
}

impl Version {
    const fn containment(self) -> Containment {
        match self {
            Version::One => Containment::Cgroup1,
            Version::Two => Containment::Cgroup2,
        }
    }
}

impl Cgroup {
    /// Makes it, if it is not there.
    pub(crate) fn create(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), make_dir)?;
        make_dir(&self.path)
    }

    /// Moves this process into it: what is started from here on is in it from its first instruction.
    pub(crate) fn enter(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.procs"), "0")
    }

    /// Moves this process back out.
    pub(crate) fn leave(&self) -> io::Result<()> {
        fs::write(self.home.join("cgroup.procs"), "0")
    }

    /// What runs in it.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let listed = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        let pids = listed.lines().filter_map(|line| line.parse().ok());
        pids.filter_map(Process::of)
            .filter(|process| process.is_alive())
            .collect()
    }

    /// Kills everything in it that is there now.
    pub(crate) fn kill(&self) {
        let held = self.processes();
        let own = std::process::id();
        if held.iter().any(|process| process.pid == own) {
            // A supervisor that could not leave it spares itself.
            for process in held.into_iter().filter(|process| process.pid != own) {
                process.signal(Signal::KILL);
            }
            return;
        }
        match self.version {
            Version::Two => {
                // Missing: it is gone already.
                if let Err(error) = fs::write(self.path.join("cgroup.kill"), "1")
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(cgroup = %self.path.display(), %error, "cannot kill a cgroup");
                }
            }
            Version::One => {
                // Frozen, it can't fork away from its killer.
                let _ = self.set_frozen(true);
                for process in self.processes() {
                    process.signal(Signal::KILL);
                }
                let _ = self.set_frozen(false);
            }
        }
    }

    /// Removes it, once nothing is in it.
    pub(crate) fn remove(&self) {
        match fs::remove_dir(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::debug!(cgroup = %self.path.display(), %error, "cannot remove a cgroup");
            }
        }
    }

    fn set_frozen(&self, frozen: bool) -> io::Result<()> {
        let state = if frozen { "FROZEN" } else { "THAWED" };
        fs::write(self.path.join("freezer.state"), state)
    }

    /// Whether this agent may move processes into it and kill them.
    fn try_out(&self) -> io::Result<()> {
        for dir in [&self.path, &self.home] {
            open_to_write(&dir.join("cgroup.procs"))?;
        }
        match self.version {
            // Since Linux 5.14.
            Version::Two => open_to_write(&self.path.join("cgroup.kill")),
            Version::One => self.set_frozen(false),
        }
    }
}

fn open_to_write(path: &Path) -> io::Result<()> {
    let opened = fs::OpenOptions::new().write(true).open(path);
    opened
        .map(drop)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn make_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io::Error::new(
            error.kind(),
            format!("{}: {error}", path.display()),
        )),
        _ => Ok(()),
    }
}

/// The cgroup of this process, from `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn home(version: Version, mounts: &str, own: &str) -> Option<PathBuf> {
    // ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS [FIELDS…] - TYPE SOURCE SUPER-OPTIONS (proc(5)).
    let (root, point) = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut after = after.split(' ');
        let (kind, options) = (after.next()?, after.nth(1)?);
        let is_it = match version {
            Version::Two => kind == "cgroup2",
            Version::One => kind == "cgroup" && options.split(',').any(|one| one == HIERARCHY),
        };
        is_it.then_some((root, point))
    })?;
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let is_it = match version {
            Version::Two => controllers.is_empty(),
            Version::One => controllers.split(',').any(|one| one == HIERARCHY),
        };
        is_it.then_some(path)
    })?;
    // In a container the mount shows only a part of the hierarchy.
    let inner = match root {
        "/" => path,
        root => path.strip_prefix(root).unwrap_or(path),
    };
    Some(Path::new(point).join(inner.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
25 21 0:22 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
27 25 0:24 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
28 25 0:25 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
";

    #[test]
    fn a_process_s_own_cgroup_is_found_in_either_version() {
        let own = "8:pids:/\n6:freezer:/a/b\n0::/user.slice/x:y\n";
        assert_eq!(
            home(Version::Two, MOUNTS, own).unwrap(),
            Path::new("/sys/fs/cgroup/unified/user.slice/x:y")
        );
        assert_eq!(
            home(Version::One, MOUNTS, own).unwrap(),
            Path::new("/sys/fs/cgroup/freezer/a/b")
        );
        assert_eq!(home(Version::One, "", own), None);
        assert_eq!(home(Version::Two, MOUNTS, "6:freezer:/\n"), None);
    }

    #[test]
    fn in_a_container_the_mount_s_root_is_left_out() {
        let mounts = "1 2 0:1 /docker/7 /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let found = home(Version::Two, mounts, "0::/docker/7/inner\n").unwrap();
        assert_eq!(found, Path::new("/sys/fs/cgroup/inner"));
    }

    #[test]
    fn process_groups_need_nothing() {
        let wanted = Some(Containment::ProcessGroups);
        assert_eq!(Root::choose(uuid::Uuid::nil(), wanted), Ok(None));
    }
}

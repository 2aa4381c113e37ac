//! Where something was measured.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The processor, as Linux names it.
    pub processor: String,
    /// The kernel.
    pub kernel: String,
    /// The filesystem that the masters' directories are on.
    #[serde(default)]
    pub filesystem: String,
}

impl Machine {
    /// This machine, as far as it says what it is, with the filesystem that `dir` is on.
    pub fn this(dir: &Path) -> Machine {
        let line = |file: &str, name: &str| -> Option<String> {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory_kib = line("/proc/meminfo", "MemTotal");
        let memory_kib = memory_kib.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: memory_kib.unwrap_or_default() / 1024,
            processor: line("/proc/cpuinfo", "model name").unwrap_or_default(),
            kernel: kernel.trim().to_owned(),
            filesystem: filesystem(dir).unwrap_or_default(),
        }
    }
}

/// The type of the filesystem that is mounted deepest above `dir`.
fn filesystem(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (at, kind) = (Path::new(fields.next()?), fields.next()?);
        dir.starts_with(at)
            .then_some((at.components().count(), kind))
    });
    // Of two at one place the later one hides the earlier.
    let deepest = above.max_by_key(|(depth, _)| *depth);
    deepest.map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_says_what_it_is() {
        let machine = Machine::this(Path::new("/proc/self"));
        assert!(machine.cores > 0 && machine.memory_mib > 0, "{machine:?}");
        assert_eq!(machine.filesystem, "proc");
    }
}

//! Free ports, for as long as a cluster lives.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Ports that are taken together.
const BLOCK: u16 = 16;

/// The lowest port that is used.
const LOWEST: u16 = 15_000;

/// Some ports on loopback that nothing else listens on.
///
/// They are below the range from which the kernel takes ports for outgoing connections: a process that
/// is killed and started again must find its port free. Other clusters on this machine are kept away
/// by a lock on a file per block of ports, which the kernel releases whenever its holder ends.
#[derive(Debug)]
pub(crate) struct Ports {
    free: Vec<u16>,
    _locks: Vec<File>,
}

impl Ports {
    /// Takes `count` ports.
    pub(crate) fn take(count: usize) -> io::Result<Ports> {
        let highest = outgoing_from().unwrap_or(32_768).max(LOWEST + 64 * BLOCK);
        let blocks = (highest - LOWEST) / BLOCK;
        // Where to begin differs between processes, so that they don't all try the same block first.
        let begin = std::process::id() % u32::from(blocks);
        let mut ports = Ports {
            free: Vec::new(),
            _locks: Vec::new(),
        };
        for step in 0..u32::from(blocks) {
            if ports.free.len() >= count {
                break;
            }
            let block = (begin + step.wrapping_mul(7)) % u32::from(blocks);
            let first = LOWEST + u16::try_from(block).unwrap_or_default() * BLOCK;
            if let Some(lock) = lock(first)? {
                let free = (first..first + BLOCK).filter(|port| is_free(*port));
                ports.free.extend(free);
                ports._locks.push(lock);
            }
        }
        if ports.free.len() < count {
            return Err(io::Error::other(format!(
                "only {} of {count} ports from {LOWEST} to {highest} are free on loopback",
                ports.free.len()
            )));
        }
        ports.free.reverse();
        Ok(ports)
    }

    /// One of them.
    pub(crate) fn next(&mut self) -> io::Result<u16> {
        self.free
            .pop()
            .ok_or_else(|| io::Error::other("more ports are asked for than were taken"))
    }
}

/// Where the kernel's range for outgoing connections begins.
fn outgoing_from() -> Option<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Locks the block that begins at `first`; `None` if another cluster has it.
fn lock(first: u16) -> io::Result<Option<File>> {
    // A directory per user: what one makes, another may not be able to write to.
    let user = rustix::process::getuid().as_raw();
    let dir = std::env::temp_dir().join(format!("vesta-ports-{user}"));
    let path = dir.join(first.to_string());
    let open = std::fs::create_dir_all(&dir).and_then(|()| {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).open(&path)
    });
    let file = open.map_err(|error| {
        let text = format!("{}: {error}", path.display());
        io::Error::new(error.kind(), text)
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn two_clusters_never_get_the_same_port() {
        let mut seen = BTreeSet::new();
        let mut clusters: Vec<Ports> = (0..3).map(|_| Ports::take(20).unwrap()).collect();
        for ports in &mut clusters {
            for _ in 0..20 {
                assert!(seen.insert(ports.next().unwrap()));
            }
        }
        assert!(seen.iter().all(|port| is_free(*port)));
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given() {
        let mut ports = Ports::take(1).unwrap();
        let port = ports.next().unwrap();
        drop(ports);
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let again = Ports::take(1).unwrap();
        assert!(!again.free.contains(&port));
    }
}

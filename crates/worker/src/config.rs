//! What a worker is started with.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use vesta_types::Containment;
use vesta_types::limits::{CORES_MAX, MEMORY_MIB_MAX};

use crate::WorkerError;
use crate::spark::HomeSetting;

/// What an agent that is asked to end does with what it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnTerminate {
    /// Ends it in order first, and leaves the cluster, as a Spark worker.
    #[default]
    End,
    /// Lets it run; the next agent on the directory takes it over.
    Keep,
}

/// Everything that an agent needs to know. [`Config::new`] fills in the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses of masters, `host:port` each. One that answers is enough: it names the others.
    pub masters: Vec<String>,
    /// The worker's directory. It is made if it is not there; it belongs to one agent at a time.
    pub dir: PathBuf,
    /// The agent's own address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where metrics and readiness are asked; nowhere if it is not given.
    pub metrics_listen: Option<SocketAddr>,
    /// The host that drivers and executors here are reached under; by default the listening address,
    /// or the machine's name if that is a wildcard.
    pub host: Option<String>,
    /// Cores to give, 1 to 65,536.
    pub cores: u32,
    /// Memory to give in MiB. Booked, not enforced.
    pub memory_mib: u64,
    /// Addresses of named resources, such as `gpu` → `{"0", "1"}`.
    pub named: BTreeMap<String, BTreeSet<String>>,
    /// How often the leader is told that this worker lives.
    pub heartbeat: Duration,
    /// Nothing is executed while the last confirmed heartbeat was sent longer ago than this.
    pub order_ttl: Duration,
    /// How long a process that was told to end (TERM) may take before it is killed.
    pub kill_grace: Duration,
    /// The most that one artifact may have, in bytes.
    pub artifact_max: u64,
    /// The most that is kept of each of an instance's two outputs, in bytes.
    pub log_max: u64,
    /// How often the directories of ended instances are looked at.
    pub clean_every: Duration,
    /// After how long without a new file such a directory is removed.
    pub work_dir_ttl: Duration,
    /// By what the processes of an instance are found; `None` is the best that is there.
    pub containment: Option<Containment>,
    /// What becomes of what runs here when the agent is asked to end.
    pub on_terminate: OnTerminate,
    /// Scales the wait between restarts of a supervised driver (1 s, doubling, at most 30 s).
    pub restart_backoff: f64,
    /// The Spark homes that it runs Spark's own programs from, one per version.
    pub spark_homes: Vec<HomeSetting>,
    /// The command that runs a supervisor; the instance's directory is added to it.
    pub supervisor: Vec<OsString>,
}

impl Config {
    /// A worker of this size on the default address, with default timings; its supervisors run as
    /// `<this executable> supervise DIR`.
    ///
    /// # Errors
    /// When the path of this executable can't be found out.
    pub fn new(
        masters: Vec<String>,
        dir: PathBuf,
        cores: u32,
        memory_mib: u64,
    ) -> Result<Config, WorkerError> {
        let program = std::env::current_exe()
            .map_err(|e| WorkerError::Config(format!("this executable has no path: {e}")))?;
        Ok(Config {
            masters,
            dir,
            listen: SocketAddr::from(([127, 0, 0, 1], 7710)),
            metrics_listen: None,
            host: None,
            cores,
            memory_mib,
            named: BTreeMap::new(),
            heartbeat: Duration::from_secs(5),
            order_ttl: Duration::from_secs(15),
            kill_grace: Duration::from_secs(10),
            artifact_max: 2 * 1024 * 1024 * 1024,
            log_max: 100 * 1024 * 1024,
            clean_every: Duration::from_secs(1_800),
            work_dir_ttl: Duration::from_secs(7 * 24 * 3_600),
            containment: None,
            on_terminate: OnTerminate::End,
            restart_backoff: 1.0,
            spark_homes: Vec::new(),
            supervisor: vec![program.into(), "supervise".into()],
        })
    }

    /// Checks that the values can be used, and used together.
    ///
    /// # Errors
    /// The first that can't, with its value and what would be right.
    pub fn validate(&self) -> Result<(), WorkerError> {
        let wrong = |text: String| Err(WorkerError::Config(text));
        if self.masters.is_empty() {
            return wrong("no master is named; at least one host:port is needed".into());
        }
        for master in &self.masters {
            let port = master
                .rsplit_once(':')
                .map(|(host, port)| (host, port.parse::<u16>()));
            if !matches!(port, Some((host, Ok(1..))) if !host.is_empty()) {
                return wrong(format!(
                    "master {master:?} is not host:port, such as m1:7700"
                ));
            }
        }
        if !(1..=CORES_MAX).contains(&self.cores) {
            let cores = self.cores;
            return wrong(format!(
                "cores {cores} is not a whole number from 1 to {CORES_MAX}"
            ));
        }
        if !(1..=MEMORY_MIB_MAX).contains(&self.memory_mib) {
            let mib = self.memory_mib;
            return wrong(format!(
                "memory {mib} MiB is not from 1 to {MEMORY_MIB_MAX} MiB (16 TiB)"
            ));
        }
        if self.heartbeat.is_zero() {
            return wrong("heartbeat 0 s: it must be longer than nothing".into());
        }
        if self.heartbeat.saturating_mul(2) > self.order_ttl {
            return wrong(format!(
                "heartbeat {:?} and order_ttl {:?}: two heartbeats must fit into order_ttl, else one \
                 that is lost stops every launch",
                self.heartbeat, self.order_ttl
            ));
        }
        if self.clean_every.is_zero() {
            return wrong("clean_every 0 s: it must be longer than nothing".into());
        }
        if !(0.0..=1_000.0).contains(&self.restart_backoff) {
            return wrong(format!(
                "restart_backoff {} is not from 0 to 1000",
                self.restart_backoff
            ));
        }
        if self.supervisor.is_empty() {
            return wrong("supervisor: the command that runs a supervisor is empty".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(vec!["m1:7700".into()], "/nowhere".into(), 4, 1024).unwrap()
    }

    #[test]
    fn the_defaults_fit_together() {
        assert!(config().validate().is_ok());
    }

    #[test]
    fn a_contradiction_is_named_with_both_values() {
        let config = Config {
            heartbeat: Duration::from_secs(8),
            ..config()
        };
        let text = config.validate().unwrap_err().to_string();
        assert!(text.contains("8s") && text.contains("15s"), "{text}");
    }

    #[test]
    fn a_value_that_can_t_be_used_is_shown() {
        for (bad, shown) in [
            (
                Config {
                    masters: vec![],
                    ..config()
                },
                "no master",
            ),
            (
                Config {
                    masters: vec!["m1".into()],
                    ..config()
                },
                "\"m1\"",
            ),
            (
                Config {
                    masters: vec!["m1:0".into()],
                    ..config()
                },
                "\"m1:0\"",
            ),
            (
                Config {
                    cores: 0,
                    ..config()
                },
                "cores 0",
            ),
            (
                Config {
                    memory_mib: u64::MAX,
                    ..config()
                },
                "18446744073709551615",
            ),
            (
                Config {
                    restart_backoff: f64::NAN,
                    ..config()
                },
                "NaN",
            ),
            (
                Config {
                    supervisor: vec![],
                    ..config()
                },
                "supervisor",
            ),
        ] {
            let text = bad.validate().unwrap_err().to_string();
            assert!(text.contains(shown), "{text}");
        }
    }
}

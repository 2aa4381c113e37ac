//! A worker's configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde::de::{SeqAccess, Visitor};
use vesta_client::MasterList;
use vesta_proto::error::shown;
use vesta_types::Containment;
use vesta_types::limits::{ADDRESSES_MAX, CORES_MAX};
use vesta_types::ports::PORT;

use super::spark_home::SparkHome;
use super::{ConfigError, checks};
use crate::units;

/// Memory that a worker leaves to the system unless it is told what to give, as Spark does, in MiB.
const LEFT_TO_SYSTEM_MIB: u64 = 1024;

/// What is logged unless it is said otherwise.
const LOG: &str = "info";

/// The masters as a worker is told them: `vesta://a,b`, or in a file also a list of `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masters(pub MasterList);

impl FromStr for Masters {
    type Err = vesta_client::MasterListError;

    fn from_str(text: &str) -> Result<Masters, Self::Err> {
        text.parse().map(Masters)
    }
}

impl<'de> Deserialize<'de> for Masters {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Masters, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Masters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"vesta://m1:7700,m2:7700\" or a list [\"m1:7700\", \"m2:7700\"]")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Masters, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Masters, A::Error> {
                let mut masters: Vec<String> = Vec::new();
                while let Some(master) = list.next_element()? {
                    masters.push(master);
                }
                let text = format!("vesta://{}", masters.join(","));
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// What becomes of what runs on a worker whose agent is asked to end.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnTerminate {
    /// It is ended in order first, and the worker leaves the cluster.
    End,
    /// It goes on; the next agent on this directory takes it over.
    Keep,
}

/// What may be set, in the file, the environment or flags.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The masters; one that answers is enough, it names the others.
    #[arg(
        long = "master",
        value_name = "vesta://HOST:PORT,…",
        env = "VESTA_MASTER"
    )]
    pub masters: Option<Masters>,
    /// Where it keeps who it is, and a directory for each process that it runs.
    #[arg(long, value_name = "DIR", env = "VESTA_WORKER_DIR")]
    pub dir: Option<PathBuf>,
    /// Its own address, which no other worker can take; port 0 is a free one. [default: 127.0.0.1:7710]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_WORKER_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Where metrics (/metrics) and readiness (/ready, /live) are asked. [default: nowhere]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_WORKER_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// The host under which what runs here is reached. [default: as in listen, else this machine's name]
    #[arg(long, value_name = "HOST", env = "VESTA_WORKER_HOST")]
    pub host: Option<String>,
    /// Cores to give. [default: all]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = units::cores,
        env = "VESTA_WORKER_CORES"
    )]
    pub cores: Option<u32>,
    /// Memory to give, with its unit; booked, not enforced. [default: all but 1g]
    #[arg(long, value_name = "MEMORY", allow_hyphen_values = true, value_parser = units::memory, env = "VESTA_WORKER_MEMORY")]
    #[serde(deserialize_with = "super::memory")]
    pub memory: Option<u64>,
    /// Named resources with their addresses: `gpu = ["0", "1"]`. In the file only.
    #[arg(skip)]
    pub resources: Option<BTreeMap<String, Vec<String>>>,
    /// TCP ports to give to what asks for one by {{PORT:name}}, as in 20000-20099; at most 1024. [default:
    /// none]
    #[arg(long, value_name = "FIRST-LAST", env = "VESTA_WORKER_PORTS")]
    pub ports: Option<String>,
    /// Pause between two heartbeats. [default: 5s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_WORKER_HEARTBEAT")]
    #[serde(deserialize_with = "super::time")]
    pub heartbeat: Option<Duration>,
    /// How long orders are executed after the last confirmed heartbeat; the masters' must be the same.
    /// [default: 15s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_WORKER_ORDER_TTL")]
    #[serde(deserialize_with = "super::time")]
    pub order_ttl: Option<Duration>,
    /// How long a process that was told to end may take before it is killed. [default: 10s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_WORKER_KILL_GRACE")]
    #[serde(deserialize_with = "super::time")]
    pub kill_grace: Option<Duration>,
    /// The most that one artifact may have. [default: 2g]
    #[arg(long, value_name = "MEMORY", allow_hyphen_values = true, value_parser = units::memory, env = "VESTA_WORKER_ARTIFACT_MAX")]
    #[serde(deserialize_with = "super::memory")]
    pub artifact_max: Option<u64>,
    /// The most that is kept of each of the two outputs of what runs here; older is dropped. [default: 100m]
    #[arg(long, value_name = "MEMORY", allow_hyphen_values = true, value_parser = units::memory, env = "VESTA_WORKER_LOG_MAX")]
    #[serde(deserialize_with = "super::memory")]
    pub log_max: Option<u64>,
    /// How often the directories of what has ended are looked at. [default: 30m]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_WORKER_CLEAN_EVERY")]
    #[serde(deserialize_with = "super::time")]
    pub clean_every: Option<Duration>,
    /// How long without a new file such a directory is kept, with its logs. [default: 7d]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_WORKER_WORK_DIR_TTL")]
    #[serde(deserialize_with = "super::time")]
    pub work_dir_ttl: Option<Duration>,
    /// By what every process of an instance is found: cgroup2, cgroup1 or process-groups. [default: the
    /// best that is there]
    #[arg(long, value_name = "WHAT", env = "VESTA_WORKER_CONTAINMENT")]
    pub containment: Option<Containment>,
    /// A directory with a Spark in it, from which Spark's own executors and drivers run here; may be given
    /// once per version. [default: none]
    #[arg(
        long = "spark-home",
        value_name = "DIR",
        value_delimiter = ':',
        env = "VESTA_WORKER_SPARK_HOMES"
    )]
    pub spark_homes: Option<Vec<SparkHome>>,
    /// What becomes of what runs here when the agent is asked to end (SIGTERM): "end" it first, or "keep"
    /// it for the next agent, which takes it over. [default: end]
    #[arg(
        long,
        value_name = "WHAT",
        hide_possible_values = true,
        env = "VESTA_WORKER_ON_TERMINATE"
    )]
    pub on_terminate: Option<OnTerminate>,
    /// Allow an address that other machines can reach, without TLS.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "VESTA_WORKER_INSECURE")]
    pub insecure: Option<bool>,
    /// Scales heartbeat, order_ttl and the pauses between restarts, for tests; the masters' must be
    /// the same. [default: 1]
    #[arg(
        long,
        value_name = "FACTOR",
        allow_hyphen_values = true,
        value_parser = units::factor,
        env = "VESTA_WORKER_TIME_SCALE"
    )]
    pub time_scale: Option<f64>,
    /// What is logged: a level, or more finely as in info,vesta_worker=debug.
    #[arg(long, value_name = "FILTER", env = "VESTA_WORKER_LOG", help = units::with_default(
        "What is logged: a level, or more finely as in info,vesta_worker=debug", LOG
    ))]
    pub log: Option<String>,
}

/// A configuration that was checked. Times are scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerConfig {
    /// See [`Settings`], here and below.
    pub masters: MasterList,
    pub dir: PathBuf,
    pub listen: SocketAddr,
    pub metrics_listen: Option<SocketAddr>,
    pub host: Option<String>,
    pub cores: u32,
    pub memory_mib: u64,
    pub resources: BTreeMap<String, BTreeSet<String>>,
    pub heartbeat: Duration,
    pub order_ttl: Duration,
    pub kill_grace: Duration,
    pub artifact_max_mib: u64,
    pub log_max_mib: u64,
    pub clean_every: Duration,
    pub work_dir_ttl: Duration,
    pub containment: Option<Containment>,
    pub spark_homes: Vec<SparkHome>,
    pub on_terminate: OnTerminate,
    pub insecure: bool,
    pub time_scale: f64,
    pub log: String,
}

/// What a machine has.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Cores.
    pub cores: u32,
    /// Memory in MiB; `None` if it can't be told.
    pub memory_mib: Option<u64>,
}

impl Machine {
    /// This machine.
    pub fn this() -> Machine {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = std::fs::read_to_string("/proc/meminfo").ok();
        Machine {
            cores: u32::try_from(cores).unwrap_or(u32::MAX).min(CORES_MAX),
            memory_mib: memory.as_deref().and_then(total_memory_mib),
        }
    }
}

fn total_memory_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

impl Settings {
    /// These settings, with what they leave open taken from `below`.
    #[must_use]
    pub fn over(self, below: Settings) -> Settings {
        Settings {
            masters: self.masters.or(below.masters),
            dir: self.dir.or(below.dir),
            listen: self.listen.or(below.listen),
            metrics_listen: self.metrics_listen.or(below.metrics_listen),
            host: self.host.or(below.host),
            cores: self.cores.or(below.cores),
            memory: self.memory.or(below.memory),
            resources: self.resources.or(below.resources),
            ports: self.ports.or(below.ports),
            heartbeat: self.heartbeat.or(below.heartbeat),
            order_ttl: self.order_ttl.or(below.order_ttl),
            kill_grace: self.kill_grace.or(below.kill_grace),
            artifact_max: self.artifact_max.or(below.artifact_max),
            log_max: self.log_max.or(below.log_max),
            clean_every: self.clean_every.or(below.clean_every),
            work_dir_ttl: self.work_dir_ttl.or(below.work_dir_ttl),
            containment: self.containment.or(below.containment),
            spark_homes: self.spark_homes.or(below.spark_homes),
            on_terminate: self.on_terminate.or(below.on_terminate),
            insecure: self.insecure.or(below.insecure),
            time_scale: self.time_scale.or(below.time_scale),
            log: self.log.or(below.log),
        }
    }

    /// The configuration that these settings make on `machine`, with the defaults filled in.
    ///
    /// # Errors
    /// The first setting that is missing, can't be used, or contradicts another.
    pub fn check(self, machine: Machine) -> Result<WorkerConfig, ConfigError> {
        let Masters(masters) = self.masters.ok_or(ConfigError::Missing {
            key: "masters",
            wanted: "the masters, as in vesta://m1:7700,m2:7700,m3:7700 (--master or VESTA_MASTER)",
        })?;
        let dir = self.dir.filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.ok_or(ConfigError::Missing {
            key: "dir",
            wanted: "the directory of this worker and of what it runs",
        })?;
        let insecure = self.insecure.unwrap_or(false);
        let listen = self
            .listen
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7710)));
        checks::loopback("listen", listen, insecure)?;
        if let Some(address) = self.metrics_listen {
            checks::port("metrics_listen", address)?;
            checks::loopback("metrics_listen", address, insecure)?;
        }
        let heartbeat = self.heartbeat.unwrap_or(Duration::from_secs(5));
        let order_ttl = self.order_ttl.unwrap_or(Duration::from_secs(15));
        checks::heartbeats("heartbeat", heartbeat, order_ttl)?;
        let time_scale = checks::time_scale(self.time_scale.unwrap_or(1.0))?;
        let own = [Some(listen), self.metrics_listen];
        let own = own.into_iter().flatten().map(|address| address.port());
        let ports = self.ports.map(|text| ports(&text, own)).transpose()?;
        Ok(WorkerConfig {
            masters,
            dir,
            listen,
            metrics_listen: self.metrics_listen,
            host: self.host.map(host).transpose()?,
            cores: cores(self.cores.unwrap_or(machine.cores))?,
            memory_mib: memory(self.memory, machine)?,
            resources: resources(self.resources.unwrap_or_default(), ports)?,
            heartbeat: heartbeat.mul_f64(time_scale),
            order_ttl: order_ttl.mul_f64(time_scale),
            kill_grace: self.kill_grace.unwrap_or(Duration::from_secs(10)),
            artifact_max_mib: self.artifact_max.unwrap_or(2 * 1024),
            log_max_mib: self.log_max.unwrap_or(100),
            clean_every: self.clean_every.unwrap_or(Duration::from_secs(1_800)),
            work_dir_ttl: self
                .work_dir_ttl
                .unwrap_or(Duration::from_secs(7 * 24 * 3_600)),
            containment: self.containment,
            spark_homes: self.spark_homes.unwrap_or_default(),
            on_terminate: self.on_terminate.unwrap_or(OnTerminate::End),
            insecure,
            time_scale,
            log: self.log.unwrap_or_else(|| LOG.to_owned()),
        })
    }
}

fn host(host: String) -> Result<String, ConfigError> {
    if checks::address("host", &format!("{host}:1")).is_ok() {
        return Ok(host);
    }
    let wanted = "a host name or address without a port".to_owned();
    Err(ConfigError::Value {
        key: "host",
        found: shown(&host),
        wanted,
    })
}

fn cores(cores: u32) -> Result<u32, ConfigError> {
    if (1..=CORES_MAX).contains(&cores) {
        return Ok(cores);
    }
    let wanted = format!("a whole number from 1 to {CORES_MAX}");
    Err(ConfigError::Value {
        key: "cores",
        found: cores.to_string(),
        wanted,
    })
}

fn memory(given: Option<u64>, machine: Machine) -> Result<u64, ConfigError> {
    if let Some(mib) = given {
        return Ok(mib);
    }
    let total = machine.memory_mib.ok_or(ConfigError::Missing {
        key: "memory",
        wanted: "what to give, as in 4g: this machine's own amount can't be told",
    })?;
    // A machine that has hardly more than that still gives something.
    Ok(total
        .saturating_sub(LEFT_TO_SYSTEM_MIB)
        .max(total / 2)
        .max(1))
}

/// The range `FIRST-LAST`, in which the agent's `own` ports must not be.
fn ports(text: &str, mut own: impl Iterator<Item = u16>) -> Result<BTreeSet<String>, ConfigError> {
    let wrong = |wanted: String| ConfigError::Value {
        key: "ports",
        found: shown(text),
        wanted,
    };
    let range = || {
        let (first, last) = text.split_once('-')?;
        let number = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        Some(number(first)?..=number(last)?)
    };
    let range = range().filter(|range| !range.is_empty() && range.len() <= ADDRESSES_MAX);
    let range = range.ok_or_else(|| {
        wrong(format!(
            "a range of 1 to {ADDRESSES_MAX} ports within 1 to 65535, as in 20000-20099"
        ))
    })?;
    if let Some(own) = own.find(|port| range.contains(port)) {
        return Err(wrong(format!(
            "a range without {own}, which the agent itself listens on"
        )));
    }
    Ok(range.map(|port| port.to_string()).collect())
}

fn resources(
    named: BTreeMap<String, Vec<String>>,
    ports: Option<BTreeSet<String>>,
) -> Result<BTreeMap<String, BTreeSet<String>>, ConfigError> {
    let plain = |text: &str| {
        (1..=256).contains(&text.len())
            && !text.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    let wrong = |found: String, wanted: &str| {
        Err(ConfigError::Value {
            key: "resources",
            found,
            wanted: wanted.to_owned(),
        })
    };
    let mut resources = BTreeMap::new();
    for (name, addresses) in named {
        if let Some(bad) = std::iter::once(&name)
            .chain(&addresses)
            .find(|text| !plain(text))
        {
            return wrong(
                shown(bad),
                "a name or address of 1 to 256 bytes without spaces",
            );
        }
        let set: BTreeSet<String> = addresses.iter().cloned().collect();
        if set.is_empty() || set.len() < addresses.len() {
            let found = format!("{name} = {addresses:?}");
            return wrong(found, "a list of one or more addresses, each once");
        }
        resources.insert(name, set);
    }
    if let Some(ports) = ports
        && resources.insert(PORT.to_owned(), ports).is_some()
    {
        return wrong(
            PORT.to_owned(),
            "another name: this one is for what the setting ports gives",
        );
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../../config/worker.toml");
    const MACHINE: Machine = Machine {
        cores: 8,
        memory_mib: Some(16 * 1024),
    };

    fn settings() -> Settings {
        let masters = Some("vesta://a,b".parse().unwrap());
        Settings {
            masters,
            dir: Some("dir".into()),
            ..Settings::default()
        }
    }

    #[test]
    fn the_sample_holds_the_defaults_and_names_every_setting() {
        let sample: Settings = toml::from_str(SAMPLE).unwrap();
        let defaults = Settings {
            masters: sample.masters.clone(),
            dir: sample.dir.clone(),
            ..Settings::default()
        };
        let names = format!("{:?}", Settings::default());
        for name in names
            .split(['{', ','])
            .skip(1)
            .filter_map(|part| part.split(':').next())
        {
            let key = format!("{} = ", name.trim());
            let mut lines = SAMPLE.lines().map(|line| line.trim_start_matches("# "));
            assert!(
                lines.any(|line| line.starts_with(&key)),
                "{name} is not in the sample"
            );
        }
        assert_eq!(
            sample.check(MACHINE).unwrap(),
            defaults.check(MACHINE).unwrap()
        );
    }

    #[test]
    fn a_worker_gives_all_cores_and_all_memory_but_one_gibibyte() {
        let config = settings().check(MACHINE).unwrap();
        assert_eq!((config.cores, config.memory_mib), (8, 15 * 1024));
        let small = Machine {
            memory_mib: Some(1000),
            ..MACHINE
        };
        assert_eq!(settings().check(small).unwrap().memory_mib, 500);
        let unknown = Machine {
            memory_mib: None,
            ..MACHINE
        };
        assert!(
            settings()
                .check(unknown)
                .unwrap_err()
                .to_string()
                .contains("memory")
        );
        assert_eq!(
            total_memory_mib("MemTotal:       24689764 kB\nMemFree: 1 kB"),
            Some(24_111)
        );
    }

    #[test]
    fn masters_are_a_text_or_a_list() {
        for text in ["masters = \"vesta://a,b:7\"", "masters = [\"a\", \"b:7\"]"] {
            let settings: Settings = toml::from_str(text).unwrap();
            assert_eq!(settings.masters.unwrap().0.addresses(), ["a:7700", "b:7"]);
        }
        for text in [
            "masters = []",
            "masters = 7",
            "masters = \"a\"",
            "masters = [\":1\"]",
        ] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spark_homes_are_directories_and_in_the_file_each_may_have_its_java() {
        let text = "spark_homes = [\"/a\", { path = \"/b\", java_home = \"/j\" }]";
        let settings: Settings = toml::from_str(text).unwrap();
        let home = |path: &str, java_home: Option<&str>| SparkHome {
            path: path.into(),
            java_home: java_home.map(Into::into),
        };
        let expected = vec![home("/a", None), home("/b", Some("/j"))];
        assert_eq!(settings.spark_homes, Some(expected));
        for (text, words) in [
            ("[{ java_home = \"/j\" }]", "path"),
            ("[{ path = \"/a\", jdk = \"/j\" }]", "jdk"),
            ("[7]", "\"/opt/spark\" or"),
            ("[\"\"]", "directory"),
        ] {
            let text = format!("spark_homes = {text}");
            let error = toml::from_str::<Settings>(&text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_scale_scales_what_masters_must_agree_with() {
        let config = Settings {
            time_scale: Some(0.1),
            ..settings()
        }
        .check(MACHINE)
        .unwrap();
        assert_eq!(config.heartbeat, Duration::from_millis(500));
        assert_eq!(config.order_ttl, Duration::from_millis(1_500));
    }

    #[test]
    fn a_range_of_ports_is_given_as_the_resource_port_and_nothing_else_is() {
        let of = |ports: &str| {
            let settings = Settings {
                ports: Some(ports.to_owned()),
                ..settings()
            };
            settings.check(MACHINE)
        };
        let given = of("20000-20002").unwrap().resources;
        let ports = ["20000", "20001", "20002"].map(str::to_owned);
        assert_eq!(given, BTreeMap::from([(PORT.to_owned(), ports.into())]));
        assert_eq!(
            of("20000-21023").unwrap().resources[PORT].len(),
            ADDRESSES_MAX
        );
        for wrong in [
            "",
            "20000",
            "20000-",
            "0-9",
            "9-8",
            "a-b",
            "65535-65536",
            "20000-21024",
            "1-2-3",
        ] {
            let error = of(wrong).unwrap_err().to_string();
            assert!(error.contains("ports"), "{wrong}: {error}");
        }
        let own = of("7700-7720").unwrap_err().to_string();
        assert!(own.contains("7710, which the agent itself"), "{own}");
        let twice = Settings {
            ports: Some("20000-20001".to_owned()),
            resources: Some(BTreeMap::from([(PORT.to_owned(), vec!["1".to_owned()])])),
            ..settings()
        };
        let error = twice.check(MACHINE).unwrap_err().to_string();
        assert!(error.contains("the setting ports"), "{error}");
    }

    #[test]
    fn a_value_that_can_t_be_used_is_named() {
        let s = |seconds| Some(Duration::from_secs(seconds));
        let gpus = |addresses: &[&str]| {
            let addresses = addresses
                .iter()
                .map(|address| (*address).to_owned())
                .collect();
            Some(BTreeMap::from([("gpu".to_owned(), addresses)]))
        };
        let table = [
            (
                Settings {
                    masters: None,
                    ..settings()
                },
                "masters",
            ),
            (
                Settings {
                    dir: None,
                    ..settings()
                },
                "dir",
            ),
            (
                Settings {
                    cores: Some(0),
                    ..settings()
                },
                "cores: 0",
            ),
            (
                Settings {
                    host: Some("a:1".into()),
                    ..settings()
                },
                "host: \"a:1\"",
            ),
            (
                Settings {
                    heartbeat: s(8),
                    ..settings()
                },
                "heartbeat = 8s and order_ttl = 15s",
            ),
            (
                Settings {
                    time_scale: Some(-1.0),
                    ..settings()
                },
                "time_scale: -1",
            ),
            (
                Settings {
                    resources: gpus(&[]),
                    ..settings()
                },
                "gpu = []",
            ),
            (
                Settings {
                    resources: gpus(&["0", "0"]),
                    ..settings()
                },
                "gpu = [\"0\", \"0\"]",
            ),
            (
                Settings {
                    resources: gpus(&["a b"]),
                    ..settings()
                },
                "resources: \"a b\"",
            ),
            (
                Settings {
                    listen: Some("10.0.0.1:1".parse().unwrap()),
                    ..settings()
                },
                "listen = 10.0.0.1:1",
            ),
        ];
        for (settings, words) in table {
            let error = settings.check(MACHINE).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}

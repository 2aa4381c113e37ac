//! A master's configuration.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use vesta_core::plan::WorkerSelection;
use vesta_proto::error::shown;
use vesta_types::OnDisconnect;

use super::{ConfigError, checks};
use crate::units;

/// Most masters of a cluster: more make every write slower and survive nothing more in practice.
const MASTERS_MAX: usize = 7;

/// What is logged unless it is said otherwise: Raft's own library tells every lost message.
const LOG: &str = "info,openraft=error";

/// What may be set, in the file, the environment or flags.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// This master's number among the masters, from 1; never given to another data directory.
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = units::count,
        env = "VESTA_MASTER_NODE_ID"
    )]
    pub node_id: Option<u64>,
    /// Where its log and state are kept.
    #[arg(long, value_name = "DIR", env = "VESTA_MASTER_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where clients, workers and applications reach it. [default: 127.0.0.1:7700]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_MASTER_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Where other masters reach it. [default: 127.0.0.1:7701]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_MASTER_RAFT_LISTEN")]
    pub raft_listen: Option<SocketAddr>,
    /// Where metrics (/metrics) and readiness (/ready, /live) are asked. [default: nowhere]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_MASTER_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// Where Spark's own workers, drivers and spark-submit reach it, as spark://HOST:PORT; 7077 is
    /// Spark's port. [default: nowhere]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_MASTER_SPARK_LISTEN")]
    pub spark_listen: Option<SocketAddr>,
    /// The address that it tells Spark's processes, which is to be the one in their spark:// URL.
    /// [default: as spark_listen]
    #[arg(long, value_name = "HOST:PORT", env = "VESTA_MASTER_SPARK_ADVERTISE")]
    pub spark_advertise: Option<String>,
    /// Where submissions come by Spark's REST gateway (spark.master.rest.enabled=true at spark-submit);
    /// 6066 is Spark's port. [default: nowhere]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_MASTER_SPARK_REST_LISTEN")]
    pub spark_rest_listen: Option<SocketAddr>,
    /// Where /json is asked, as of Spark's masters; 8080 is Spark's port. [default: nowhere]
    #[arg(long, value_name = "IP:PORT", env = "VESTA_MASTER_SPARK_UI_LISTEN")]
    pub spark_ui_listen: Option<SocketAddr>,
    /// The URL of all masters that drivers from the REST gateway are told, as in
    /// spark://m1:7077,m2:7077; the same at every master, so that a submission repeated at another one is the
    /// same. [default: the submission's, with spark_rest_listen's port replaced, or else this master alone]
    #[arg(long, value_name = "URL", env = "VESTA_MASTER_SPARK_MASTERS")]
    pub spark_masters: Option<String>,
    /// The address that it tells clients and workers. [default: as in peers, else listen]
    #[arg(long, value_name = "HOST:PORT", env = "VESTA_MASTER_ADVERTISE")]
    pub advertise: Option<String>,
    /// The address that it tells other masters. [default: as in peers, else raft_listen]
    #[arg(long, value_name = "HOST:PORT", env = "VESTA_MASTER_RAFT_ADVERTISE")]
    pub raft_advertise: Option<String>,
    /// Every master of the cluster, itself too, the same list at each: ID=CLIENTS/RAFT, as in
    /// 1=m1:7700/m1:7701. [default: itself alone]
    #[arg(
        long,
        value_name = "ID=HOST:PORT/HOST:PORT",
        value_delimiter = ',',
        env = "VESTA_MASTER_PEERS"
    )]
    pub peers: Option<Vec<String>>,
    /// Form a new cluster if none of the peers belongs to one. Without it an empty data directory
    /// waits to be joined.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "VESTA_MASTER_FORM")]
    pub form: Option<bool>,
    /// Allow addresses that other machines can reach, without TLS: whoever reaches them may run any
    /// program on the workers.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "VESTA_MASTER_INSECURE")]
    pub insecure: Option<bool>,
    /// Milliseconds between two heartbeats of the leader. [default: 100]
    #[arg(
        long,
        value_name = "MS",
        allow_hyphen_values = true,
        value_parser = units::count,
        env = "VESTA_MASTER_HEARTBEAT_MS"
    )]
    pub heartbeat_ms: Option<u64>,
    /// The shortest patience of a follower in milliseconds, at least three heartbeats. [default: 300]
    #[arg(
        long,
        value_name = "MS",
        allow_hyphen_values = true,
        value_parser = units::count,
        env = "VESTA_MASTER_ELECTION_MIN_MS"
    )]
    pub election_min_ms: Option<u64>,
    /// The longest patience of a follower in milliseconds. [default: 600]
    #[arg(
        long,
        value_name = "MS",
        allow_hyphen_values = true,
        value_parser = units::count,
        env = "VESTA_MASTER_ELECTION_MAX_MS"
    )]
    pub election_max_ms: Option<u64>,
    /// Log entries between two snapshots. [default: 10000]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = units::count,
        env = "VESTA_MASTER_SNAPSHOT_EVERY"
    )]
    pub snapshot_every: Option<u64>,
    /// Silence after which a worker is lost. [default: 60s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_MASTER_WORKER_TIMEOUT")]
    #[serde(deserialize_with = "super::time")]
    pub worker_timeout: Option<Duration>,
    /// How long a recovery waits for those that don't answer. [default: 60s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_MASTER_RECOVERY_TIMEOUT")]
    #[serde(deserialize_with = "super::time")]
    pub recovery_timeout: Option<Duration>,
    /// Silence after which an application is over. [default: 300s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_MASTER_APP_LEASE")]
    #[serde(deserialize_with = "super::time")]
    pub app_lease: Option<Duration>,
    /// How long workers execute orders after their last confirmed heartbeat; the same as theirs, which
    /// the timeouts here must outlast. [default: 15s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_MASTER_ORDER_TTL")]
    #[serde(deserialize_with = "super::time")]
    pub order_ttl: Option<Duration>,
    /// Pause between two heartbeats of a worker; the same as theirs. [default: 5s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_MASTER_WORKER_HEARTBEAT")]
    #[serde(deserialize_with = "super::time")]
    pub worker_heartbeat: Option<Duration>,
    /// Scales the five times before this one, and stop_lease, for tests. [default: 1]
    #[arg(
        long,
        value_name = "FACTOR",
        allow_hyphen_values = true,
        value_parser = units::factor,
        env = "VESTA_MASTER_TIME_SCALE"
    )]
    pub time_scale: Option<f64>,
    /// Spread an application's executors over many workers, or (false) pack them. [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "VESTA_MASTER_SPREAD_OUT")]
    pub spread_out: Option<bool>,
    /// Keep room for one executor of each running driver that announced executors and has none, so
    /// that drivers alone can't fill the cluster. [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "VESTA_MASTER_RESERVE_FOR_EXECUTORS")]
    pub reserve_for_executors: Option<bool>,
    /// The workers that executors go to first: CORES_FREE_DESC, CORES_FREE_ASC, MEMORY_FREE_DESC,
    /// MEMORY_FREE_ASC or WORKER_ID, as Spark's workerSelectionPolicy. [default: CORES_FREE_DESC]
    #[arg(long, value_name = "POLICY", value_parser = units::worker_selection, env = "VESTA_MASTER_WORKER_SELECTION")]
    pub worker_selection: Option<WorkerSelection>,
    /// The most drivers that run at once; others wait. [default: no limit]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = units::some,
        env = "VESTA_MASTER_MAX_DRIVERS"
    )]
    pub max_drivers: Option<u32>,
    /// How often executors may fail in a row before their application fails, unless it says otherwise;
    /// -1 for no limit. [default: 10]
    #[arg(
        long,
        value_name = "N",
        allow_hyphen_values = true,
        value_parser = units::retries,
        env = "VESTA_MASTER_MAX_EXECUTOR_RETRIES"
    )]
    pub max_executor_retries: Option<i32>,
    /// What becomes of a driver whose worker is cut off from all masters, unless it says otherwise: it is
    /// to "keep" running, or to "stop" so that no second copy overlaps with it. [default: keep]
    #[arg(long, value_name = "WHAT", env = "VESTA_MASTER_ON_DISCONNECT")]
    pub on_disconnect: Option<OnDisconnect>,
    /// How long a driver that is to stop runs on after its worker's last confirmed heartbeat.
    /// [default: 120s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_MASTER_STOP_LEASE")]
    #[serde(deserialize_with = "super::time")]
    pub stop_lease: Option<Duration>,
    /// How long such a driver may then take to end before it is killed. [default: 10s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::duration, env = "VESTA_MASTER_STOP_GRACE")]
    #[serde(deserialize_with = "super::time")]
    pub stop_grace: Option<Duration>,
    /// What is logged: a level, or more finely as in info,vesta_master=debug.
    #[arg(long, value_name = "FILTER", env = "VESTA_MASTER_LOG", help = units::with_default(
        "What is logged: a level, or more finely as in info,vesta_master=debug", LOG
    ))]
    pub log: Option<String>,
}

/// One master, as `peers` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its number.
    pub node_id: u64,
    /// Where clients and workers reach it.
    pub client: String,
    /// Where masters reach it.
    pub raft: String,
}

/// How Spark's processes are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spark {
    /// Where it listens for them.
    pub listen: SocketAddr,
    /// What they are told: host and port.
    pub advertise: (String, u16),
    /// Where submissions come by REST.
    pub rest: Option<SocketAddr>,
    /// Where `/json` is asked.
    pub ui: Option<SocketAddr>,
    /// The URL of all masters.
    pub masters: Option<String>,
}

/// A configuration that was checked. Times are scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct MasterConfig {
    /// See [`Settings`], here and below.
    pub node_id: u64,
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    pub raft_listen: SocketAddr,
    pub metrics_listen: Option<SocketAddr>,
    /// How Spark's processes are served.
    pub spark: Option<Spark>,
    /// This master among `peers`: what it advertises.
    pub own: Peer,
    pub peers: Vec<Peer>,
    pub form: bool,
    pub insecure: bool,
    pub heartbeat: Duration,
    pub election_min: Duration,
    pub election_max: Duration,
    pub snapshot_every: u64,
    pub worker_timeout: Duration,
    pub recovery_timeout: Duration,
    pub app_lease: Duration,
    pub order_ttl: Duration,
    pub worker_heartbeat: Duration,
    pub spread_out: bool,
    pub worker_selection: WorkerSelection,
    pub max_drivers: Option<u32>,
    pub reserve_for_executors: bool,
    pub max_executor_retries: i32,
    pub on_disconnect: OnDisconnect,
    pub stop_lease: Duration,
    pub stop_grace: Duration,
    pub log: String,
    /// What is allowed and not wise, for the log.
    pub warnings: Vec<String>,
}

impl Settings {
    /// These settings, with what they leave open taken from `below`.
    #[must_use]
    pub fn over(self, below: Settings) -> Settings {
        Settings {
            node_id: self.node_id.or(below.node_id),
            data_dir: self.data_dir.or(below.data_dir),
            listen: self.listen.or(below.listen),
            raft_listen: self.raft_listen.or(below.raft_listen),
            metrics_listen: self.metrics_listen.or(below.metrics_listen),
            spark_listen: self.spark_listen.or(below.spark_listen),
            spark_advertise: self.spark_advertise.or(below.spark_advertise),
            spark_rest_listen: self.spark_rest_listen.or(below.spark_rest_listen),
            spark_ui_listen: self.spark_ui_listen.or(below.spark_ui_listen),
            spark_masters: self.spark_masters.or(below.spark_masters),
            advertise: self.advertise.or(below.advertise),
            raft_advertise: self.raft_advertise.or(below.raft_advertise),
            peers: self.peers.or(below.peers),
            form: self.form.or(below.form),
            insecure: self.insecure.or(below.insecure),
            heartbeat_ms: self.heartbeat_ms.or(below.heartbeat_ms),
            election_min_ms: self.election_min_ms.or(below.election_min_ms),
            election_max_ms: self.election_max_ms.or(below.election_max_ms),
            snapshot_every: self.snapshot_every.or(below.snapshot_every),
            worker_timeout: self.worker_timeout.or(below.worker_timeout),
            recovery_timeout: self.recovery_timeout.or(below.recovery_timeout),
            app_lease: self.app_lease.or(below.app_lease),
            order_ttl: self.order_ttl.or(below.order_ttl),
            worker_heartbeat: self.worker_heartbeat.or(below.worker_heartbeat),
            time_scale: self.time_scale.or(below.time_scale),
            spread_out: self.spread_out.or(below.spread_out),
            worker_selection: self.worker_selection.or(below.worker_selection),
            max_drivers: self.max_drivers.or(below.max_drivers),
            reserve_for_executors: self.reserve_for_executors.or(below.reserve_for_executors),
            max_executor_retries: self.max_executor_retries.or(below.max_executor_retries),
            on_disconnect: self.on_disconnect.or(below.on_disconnect),
            stop_lease: self.stop_lease.or(below.stop_lease),
            stop_grace: self.stop_grace.or(below.stop_grace),
            log: self.log.or(below.log),
        }
    }

    /// The configuration that these settings make, with the defaults filled in.
    ///
    /// # Errors
    /// The first setting that is missing, can't be used, or contradicts another.
    pub fn check(self) -> Result<MasterConfig, ConfigError> {
        let node_id = node_id(self.node_id)?;
        let data_dir = self
            .data_dir
            .clone()
            .filter(|dir| !dir.as_os_str().is_empty());
        let data_dir = data_dir.ok_or(ConfigError::Missing {
            key: "data_dir",
            wanted: "the directory where this master keeps its log and state",
        })?;
        let insecure = self.insecure.unwrap_or(false);
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let listen = listener(
            "listen",
            self.listen.unwrap_or_else(|| local(7700)),
            insecure,
        )?;
        let raft_listen = listener(
            "raft_listen",
            self.raft_listen.unwrap_or_else(|| local(7701)),
            insecure,
        )?;
        apart(listen, raft_listen)?;
        let metrics_listen = self
            .metrics_listen
            .map(|address| listener("metrics_listen", address, insecure))
            .transpose()?;
        let spark = spark(&self, insecure)?;
        let (own, peers) = members(node_id, &self, listen, raft_listen)?;
        let mut warnings = Vec::new();
        if peers.len().is_multiple_of(2) {
            let count = peers.len();
            warnings.push(format!(
                "{count} masters survive no more losses than {}: an odd number is better",
                count - 1
            ));
        }
        let raft = RaftTimes::check(&self)?;
        let times = Times::check(&self)?;
        Ok(MasterConfig {
            node_id,
            data_dir,
            listen,
            raft_listen,
            metrics_listen,
            spark,
            own,
            peers,
            form: self.form.unwrap_or(false),
            insecure,
            heartbeat: raft.heartbeat,
            election_min: raft.election_min,
            election_max: raft.election_max,
            snapshot_every: at_least_one("snapshot_every", self.snapshot_every.unwrap_or(10_000))?,
            worker_timeout: times.worker_timeout,
            recovery_timeout: times.recovery_timeout,
            app_lease: times.app_lease,
            order_ttl: times.order_ttl,
            worker_heartbeat: times.worker_heartbeat,
            spread_out: self.spread_out.unwrap_or(true),
            worker_selection: self.worker_selection.unwrap_or_default(),
            max_drivers: max_drivers(self.max_drivers)?,
            reserve_for_executors: self.reserve_for_executors.unwrap_or(true),
            max_executor_retries: retries(self.max_executor_retries.unwrap_or(10))?,
            on_disconnect: self.on_disconnect.unwrap_or_default(),
            stop_lease: times.stop_lease,
            stop_grace: self.stop_grace.unwrap_or(Duration::from_secs(10)),
            log: self.log.unwrap_or_else(|| LOG.to_owned()),
            warnings,
        })
    }
}

fn node_id(found: Option<u64>) -> Result<u64, ConfigError> {
    let node_id = found.ok_or(ConfigError::Missing {
        key: "node_id",
        wanted: "this master's number among the masters, from 1",
    })?;
    at_least_one("node_id", node_id)
}

/// No driver at all is a mistake, and no way to stop a cluster.
fn max_drivers(value: Option<u32>) -> Result<Option<u32>, ConfigError> {
    let checked = value.map(|value| at_least_one("max_drivers", value.into()));
    checked.transpose()?;
    Ok(value)
}

fn at_least_one(key: &'static str, value: u64) -> Result<u64, ConfigError> {
    if value > 0 {
        return Ok(value);
    }
    let wanted = "a whole number from 1".to_owned();
    Err(ConfigError::Value {
        key,
        found: value.to_string(),
        wanted,
    })
}

fn retries(value: i32) -> Result<i32, ConfigError> {
    if value >= -1 {
        return Ok(value);
    }
    let wanted = "a number of retries from 0, or -1 for no limit".to_owned();
    Err(ConfigError::Value {
        key: "max_executor_retries",
        found: value.to_string(),
        wanted,
    })
}

fn listener(
    key: &'static str,
    address: SocketAddr,
    insecure: bool,
) -> Result<SocketAddr, ConfigError> {
    checks::port(key, address)?;
    checks::loopback(key, address, insecure)?;
    Ok(address)
}

/// Where Spark's processes reach this master, and what they are told: the same, unless that is everywhere.
fn spark(settings: &Settings, insecure: bool) -> Result<Option<Spark>, ConfigError> {
    let also = |key, address: Option<SocketAddr>| {
        let address = address.map(|address| listener(key, address, insecure));
        address.transpose()
    };
    let rest = also("spark_rest_listen", settings.spark_rest_listen)?;
    let ui = also("spark_ui_listen", settings.spark_ui_listen)?;
    let masters = settings.spark_masters.clone();
    if let Some(url) = masters.as_ref().filter(|url| !is_spark_url(url)) {
        return Err(ConfigError::Value {
            key: "spark_masters",
            found: shown(url),
            wanted: "the URL of all masters, such as spark://m1:7077,m2:7077".to_owned(),
        });
    }
    let Some(listen) = settings.spark_listen else {
        if rest.is_none() && ui.is_none() {
            return Ok(None);
        }
        return Err(ConfigError::Missing {
            key: "spark_listen",
            wanted: "where Spark's processes reach this master, beside spark_rest_listen and spark_ui_listen",
        });
    };
    let listen = listener("spark_listen", listen, insecure)?;
    let told = match settings.spark_advertise.as_deref() {
        Some(text) => checks::address("spark_advertise", text)?,
        None => or_listen("spark_advertise", None, listen)?,
    };
    // It was just found to be host:port.
    let (host, port) = told.rsplit_once(':').unwrap_or((&told, ""));
    let port = port.parse().unwrap_or(listen.port());
    Ok(Some(Spark {
        listen,
        advertise: (host.to_owned(), port),
        rest,
        ui,
        masters,
    }))
}

/// Whether it is `spark://host:port,host:port…`.
fn is_spark_url(text: &str) -> bool {
    text.strip_prefix("spark://").is_some_and(|addresses| {
        let mut addresses = addresses.split(',');
        addresses.all(|address| checks::address("spark_masters", address).is_ok())
    })
}

/// Refuses one address for both conversations.
fn apart(listen: SocketAddr, raft_listen: SocketAddr) -> Result<(), ConfigError> {
    let everywhere = listen.ip().is_unspecified() || raft_listen.ip().is_unspecified();
    if listen.port() != raft_listen.port() || !(everywhere || listen.ip() == raft_listen.ip()) {
        return Ok(());
    }
    Err(ConfigError::Contradiction(format!(
        "listen = {listen} and raft_listen = {raft_listen}: a master listens for clients and for other \
         masters on two ports, such as 7700 and 7701"
    )))
}

/// This master as others know it, and all masters.
fn members(
    node_id: u64,
    settings: &Settings,
    listen: SocketAddr,
    raft_listen: SocketAddr,
) -> Result<(Peer, Vec<Peer>), ConfigError> {
    let named = |key, text: &Option<String>| {
        text.as_deref()
            .map(|text| checks::address(key, text))
            .transpose()
    };
    let advertise = named("advertise", &settings.advertise)?;
    let raft_advertise = named("raft_advertise", &settings.raft_advertise)?;
    let Some(listed) = settings.peers.as_ref().filter(|peers| !peers.is_empty()) else {
        let own = Peer {
            node_id,
            client: or_listen("advertise", advertise, listen)?,
            raft: or_listen("raft_advertise", raft_advertise, raft_listen)?,
        };
        return Ok((own.clone(), vec![own]));
    };
    let peers = peers(listed)?;
    let own = peers.iter().find(|peer| peer.node_id == node_id).cloned().ok_or_else(|| {
        let ids: Vec<String> = peers.iter().map(|peer| peer.node_id.to_string()).collect();
        ConfigError::Contradiction(format!(
            "node_id = {node_id} is not among peers, which are {}: the list names every master, \
             this one too",
            ids.join(", ")
        ))
    })?;
    same("advertise", advertise, &own.client, node_id)?;
    same("raft_advertise", raft_advertise, &own.raft, node_id)?;
    Ok((own, peers))
}

fn or_listen(
    key: &'static str,
    advertised: Option<String>,
    listen: SocketAddr,
) -> Result<String, ConfigError> {
    match advertised {
        Some(address) => Ok(address),
        None if listen.ip().is_unspecified() => Err(ConfigError::Missing {
            key,
            wanted: "the host:port under which others reach a master that listens everywhere",
        }),
        None => Ok(listen.to_string()),
    }
}

fn same(
    key: &'static str,
    advertised: Option<String>,
    listed: &str,
    node_id: u64,
) -> Result<(), ConfigError> {
    match advertised {
        Some(advertised) if advertised != listed => Err(ConfigError::Contradiction(format!(
            "{key} = {advertised}, and peers name node {node_id} as {listed}: they must be the same"
        ))),
        _ => Ok(()),
    }
}

fn peers(listed: &[String]) -> Result<Vec<Peer>, ConfigError> {
    if listed.len() > MASTERS_MAX {
        return Err(ConfigError::Value {
            key: "peers",
            found: format!("a list of {}", listed.len()),
            wanted: format!("a list of 1, 3 or 5 masters, at most {MASTERS_MAX}"),
        });
    }
    let peers = listed
        .iter()
        .map(|text| peer(text))
        .collect::<Result<Vec<_>, _>>()?;
    let mut ids = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for peer in &peers {
        if !ids.insert(peer.node_id) {
            let id = peer.node_id;
            return Err(ConfigError::Contradiction(format!(
                "two peers have id {id}"
            )));
        }
        for address in [&peer.client, &peer.raft] {
            if !addresses.insert(address) {
                return Err(ConfigError::Contradiction(format!(
                    "the address {address} is twice among peers: each master has two of its own"
                )));
            }
        }
    }
    Ok(peers)
}

/// A master as `ID=CLIENTS/RAFT`.
///
/// # Errors
/// When it is not that.
pub fn peer(text: &str) -> Result<Peer, ConfigError> {
    let wrong = || ConfigError::Value {
        key: "peers",
        found: shown(text),
        wanted: "ID=CLIENTS/RAFT, as in 1=m1:7700/m1:7701".to_owned(),
    };
    let (id, addresses) = text.trim().split_once('=').ok_or_else(wrong)?;
    let (client, raft) = addresses.split_once('/').ok_or_else(wrong)?;
    let node_id = id.parse().ok().filter(|id| *id > 0).ok_or_else(wrong)?;
    let address = |text| checks::address("peers", text).map_err(|_| wrong());
    Ok(Peer {
        node_id,
        client: address(client)?,
        raft: address(raft)?,
    })
}

struct RaftTimes {
    heartbeat: Duration,
    election_min: Duration,
    election_max: Duration,
}

impl RaftTimes {
    fn check(settings: &Settings) -> Result<RaftTimes, ConfigError> {
        let heartbeat = settings.heartbeat_ms.unwrap_or(100);
        let min = settings.election_min_ms.unwrap_or(300);
        let max = settings.election_max_ms.unwrap_or(600);
        if !(5..=60_000).contains(&heartbeat) {
            let wanted = "a number of milliseconds from 5 to 60000".to_owned();
            let found = heartbeat.to_string();
            return Err(ConfigError::Value {
                key: "heartbeat_ms",
                found,
                wanted,
            });
        }
        if min < heartbeat * 3 {
            return Err(ConfigError::Contradiction(format!(
                "election_min_ms = {min} and heartbeat_ms = {heartbeat}: a follower must wait for at \
                 least three heartbeats before it stands for election"
            )));
        }
        if max <= min || max > 600_000 {
            return Err(ConfigError::Contradiction(format!(
                "election_max_ms = {max} and election_min_ms = {min}: the longest patience must be \
                 above the shortest, and at most 600000"
            )));
        }
        let ms = Duration::from_millis;
        Ok(RaftTimes {
            heartbeat: ms(heartbeat),
            election_min: ms(min),
            election_max: ms(max),
        })
    }
}

struct Times {
    worker_timeout: Duration,
    recovery_timeout: Duration,
    app_lease: Duration,
    order_ttl: Duration,
    worker_heartbeat: Duration,
    stop_lease: Duration,
}

impl Times {
    /// Judged before they are scaled: the scale is the same for all.
    fn check(settings: &Settings) -> Result<Times, ConfigError> {
        let seconds = |time: Option<Duration>, or| time.unwrap_or(Duration::from_secs(or));
        let times = Times {
            worker_timeout: seconds(settings.worker_timeout, 60),
            recovery_timeout: seconds(settings.recovery_timeout, 60),
            app_lease: seconds(settings.app_lease, 300),
            order_ttl: seconds(settings.order_ttl, 15),
            worker_heartbeat: seconds(settings.worker_heartbeat, 5),
            stop_lease: seconds(settings.stop_lease, 120),
        };
        // Clocks that drift by up to a tenth, and a second for what is under way.
        let least = times.order_ttl.mul_f64(1.1) + Duration::from_secs(1);
        let verdicts = [
            ("worker_timeout", times.worker_timeout),
            ("recovery_timeout", times.recovery_timeout),
        ];
        for (key, verdict) in verdicts {
            if verdict < least {
                return Err(ConfigError::Contradiction(format!(
                    "{key} = {verdict:?} and order_ttl = {:?}: a verdict must come after every order \
                     has lapsed, so {key} must be at least {least:?} (order_ttl x 1.1 + 1 s)",
                    times.order_ttl
                )));
            }
        }
        checks::heartbeats("worker_heartbeat", times.worker_heartbeat, times.order_ttl)?;
        if times.app_lease < times.worker_heartbeat * 3 {
            return Err(ConfigError::Contradiction(format!(
                "app_lease = {:?} and worker_heartbeat = {:?}: three heartbeats must fit into the lease",
                times.app_lease, times.worker_heartbeat
            )));
        }
        // Else what is started in time could be over before it begins.
        let least = times.order_ttl + times.worker_heartbeat * 2;
        if times.stop_lease < least {
            return Err(ConfigError::Contradiction(format!(
                "stop_lease = {:?}, order_ttl = {:?} and worker_heartbeat = {:?}: stop_lease must be at \
                 least {least:?} (order_ttl + 2 x worker_heartbeat)",
                times.stop_lease, times.order_ttl, times.worker_heartbeat
            )));
        }
        Ok(times.scaled(checks::time_scale(settings.time_scale.unwrap_or(1.0))?))
    }

    fn scaled(self, scale: f64) -> Times {
        Times {
            worker_timeout: self.worker_timeout.mul_f64(scale),
            recovery_timeout: self.recovery_timeout.mul_f64(scale),
            app_lease: self.app_lease.mul_f64(scale),
            order_ttl: self.order_ttl.mul_f64(scale),
            worker_heartbeat: self.worker_heartbeat.mul_f64(scale),
            stop_lease: self.stop_lease.mul_f64(scale),
        }
    }
}

#[cfg(test)]
mod tests;

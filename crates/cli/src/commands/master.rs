//! `vesta master`: run a master.

use std::path::PathBuf;

use clap::Args;
use vesta_master::leader::Timing;
use vesta_master::spark::SparkDoor;

use vesta_types::Lease;

use crate::config::master::{MasterConfig, Peer, Settings, Spark};
use crate::config::{self, ConfigError};
use crate::exit::Failure;
use crate::{files, logging};

/// Run a master: one of one, three or five that hold the cluster's state together.
///
/// Settings come from the file, the environment and these flags, in growing weight. SIGTERM hands
/// leadership over before it ends.
#[derive(Args, Clone, Debug)]
pub struct Master {
    /// A TOML file with these settings, as config/master.toml.
    #[arg(long, value_name = "FILE", env = "VESTA_MASTER_CONFIG")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// The configuration that flags, environment and file make.
fn configure(args: Master) -> Result<MasterConfig, ConfigError> {
    let file = args
        .config
        .as_deref()
        .map(config::read)
        .transpose()?
        .unwrap_or_default();
    args.settings.over(file).check()
}

/// Runs a master until it is asked to end.
///
/// # Errors
/// `Refused` when it can't start or can't go on; the text says why.
pub async fn run(args: Master) -> Result<(), Failure> {
    let config = configure(args)?;
    logging::begin(&config.log)?;
    super::daemon::prepare()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Err(error) = files::raise() {
        tracing::warn!(%error, "the number of files that may be open stays as it is");
    }
    let shutdown = super::daemon::asked_to_end("master")?;
    vesta_master::run(launched(config), shutdown)
        .await
        .map_err(|error| Failure::Refused(super::daemon::chain(&error)))
}

/// The master's own form of a configuration.
fn launched(config: MasterConfig) -> vesta_master::Config {
    let peer = |peer: Peer| vesta_consensus::Peer {
        node_id: peer.node_id,
        raft_addr: peer.raft,
        client_addr: peer.client,
    };
    vesta_master::Config {
        node: vesta_consensus::Config {
            node_id: config.node_id,
            data_dir: config.data_dir,
            raft_listen: config.raft_listen,
            client_addr: config.own.client,
            raft_addr: config.own.raft,
            peers: config.peers.into_iter().map(peer).collect(),
            form: config.form,
            heartbeat: config.heartbeat,
            election_min: config.election_min,
            election_max: config.election_max,
            snapshot_every: config.snapshot_every,
            speaks: vesta_master::speaks(),
        },
        listen: config.listen,
        metrics_listen: config.metrics_listen,
        spark: config.spark.map(|spark| SparkDoor {
            listen: spark.listen,
            web_ui: web_ui(&spark),
            advertise: spark.advertise,
            rest_listen: spark.rest,
            ui_listen: spark.ui,
            masters: spark.masters,
        }),
        timing: Timing {
            worker_timeout: config.worker_timeout,
            recovery_timeout: config.recovery_timeout,
            app_lease: config.app_lease,
            lease: config.election_max,
            gap: GAP,
            repeat: config.worker_heartbeat,
        },
        policy: vesta_core::Policy {
            spread_out: config.spread_out,
            worker_selection: config.worker_selection,
            max_drivers: config.max_drivers,
            reserve_for_executors: config.reserve_for_executors,
            ..vesta_core::Policy::default()
        },
        max_executor_retries: config.max_executor_retries,
        on_disconnect: config.on_disconnect,
        lease: Lease {
            time_ms: millis(config.stop_lease),
            grace_ms: millis(config.stop_grace),
        },
        insecure: config.insecure,
    }
}

/// The address that Spark's processes show of this master's pages: on the host that they are told, if it
/// listens everywhere.
fn web_ui(spark: &Spark) -> String {
    match spark.ui {
        Some(ui) if ui.ip().is_unspecified() => {
            format!("http://{}:{}", spark.advertise.0, ui.port())
        }
        Some(ui) => format!("http://{ui}"),
        None => String::new(),
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A gap in its own loop after which a leader trusts nothing that it knows. Not scaled: it is about
/// this process being paused, not about others being slow.
const GAP: std::time::Duration = std::time::Duration::from_secs(1);

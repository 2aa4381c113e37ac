//! `vesta worker`: run a worker.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use vesta_client::MasterList;
use vesta_types::ClusterId;
use vesta_worker::spark::HomeSetting;

use crate::config::worker::{Machine, OnTerminate, Settings, WorkerConfig};
use crate::config::{self, ConfigError};
use crate::exit::{EXIT_CODES, Failure};
use crate::logging;
use crate::output;
use crate::units;

/// Run a worker: it gives cores and memory, and runs drivers and executors.
///
/// Settings come from the file, the environment and these flags, in growing weight. It never ends
/// because masters are away. SIGTERM ends what it runs first, unless `on_terminate` is "keep". An agent
/// that is killed harms nothing: what it ran goes on, and the next one takes it over.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Worker {
    #[command(subcommand)]
    pub command: Option<Action>,
    /// A TOML file with these settings, as config/worker.toml.
    #[arg(long, value_name = "FILE", env = "VESTA_WORKER_CONFIG")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// What else to do with a worker.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    Adopt(Adopt),
}

/// Give the worker in a directory to another cluster, as after `vesta snapshot restore`.
///
/// Run it on the worker's machine. What runs there goes on: a running agent takes it at its next
/// heartbeat. What the other cluster knows of is its own from then on; what it can't explain is
/// quarantined: kept, shown by `vesta list workers`, never stopped.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Adopt {
    /// The worker's directory.
    #[arg(long, value_name = "DIR", env = "VESTA_WORKER_DIR")]
    pub dir: PathBuf,
    /// The id of the cluster, as `vesta snapshot restore` has printed it.
    #[arg(long, value_name = "ID")]
    pub cluster: ClusterId,
    /// Where its masters are, if not where the worker's were. Put them into its configuration, too.
    #[arg(long, value_name = "vesta://HOST:PORT,…")]
    pub masters: Option<MasterList>,
    /// How long to wait for a running agent to take it.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::duration, allow_hyphen_values = true)]
    pub timeout: Duration,
}

async fn adopt(args: Adopt) -> Result<(), Failure> {
    let masters = args.masters.map(|list| list.addresses().to_vec());
    let running = vesta_worker::adopt(&args.dir, args.cluster, masters.unwrap_or_default());
    let running = running.map_err(|error| Failure::Refused(super::daemon::chain(&error)))?;
    if !running {
        return output::line(&format!(
            "no worker runs on {}: it is adopted by cluster {} when it is started",
            args.dir.display(),
            args.cluster
        ));
    }
    let until = Instant::now() + args.timeout;
    while !vesta_worker::is_adopted(&args.dir) {
        if Instant::now() >= until {
            return Err(Failure::Unavailable(format!(
                "the worker on {} has not taken it within {:?}: its log says why; it stays asked for",
                args.dir.display(),
                args.timeout
            )));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    output::line(&format!(
        "the worker on {} is adopted by cluster {}",
        args.dir.display(),
        args.cluster
    ))
}

/// The configuration that flags, environment, file and this machine make.
fn configure(args: Worker) -> Result<WorkerConfig, ConfigError> {
    let file = args
        .config
        .as_deref()
        .map(config::read)
        .transpose()?
        .unwrap_or_default();
    args.settings.over(file).check(Machine::this())
}

/// Runs a worker until it is asked to end.
///
/// # Errors
/// `Refused` when it can't start or can't go on; the text says why.
pub async fn run(args: Worker) -> Result<(), Failure> {
    if let Some(Action::Adopt(args)) = args.command {
        return adopt(args).await;
    }
    let config = configure(args)?;
    logging::begin(&config.log)?;
    super::daemon::prepare()?;
    if config.insecure && !config.listen.ip().is_loopback() {
        tracing::warn!(listen = %config.listen, "insecure: this address can be reached by others");
    }
    let shutdown = super::daemon::asked_to_end("worker")?;
    let refused = |error: vesta_worker::WorkerError| Failure::Refused(super::daemon::chain(&error));
    let config = launched(config).map_err(refused)?;
    vesta_worker::run(config, shutdown).await.map_err(refused)
}

/// The worker's own form of a configuration.
fn launched(config: WorkerConfig) -> Result<vesta_worker::Config, vesta_worker::WorkerError> {
    let masters = config.masters.addresses().to_vec();
    Ok(vesta_worker::Config {
        listen: config.listen,
        metrics_listen: config.metrics_listen,
        host: config.host,
        named: config.resources,
        heartbeat: config.heartbeat,
        order_ttl: config.order_ttl,
        kill_grace: config.kill_grace,
        artifact_max: config.artifact_max_mib.saturating_mul(1024 * 1024),
        log_max: config.log_max_mib.saturating_mul(1024 * 1024),
        clean_every: config.clean_every,
        work_dir_ttl: config.work_dir_ttl,
        containment: config.containment,
        spark_homes: config
            .spark_homes
            .into_iter()
            .map(|home| HomeSetting {
                path: home.path,
                java_home: home.java_home,
            })
            .collect(),
        on_terminate: match config.on_terminate {
            OnTerminate::End => vesta_worker::OnTerminate::End,
            OnTerminate::Keep => vesta_worker::OnTerminate::Keep,
        },
        restart_backoff: config.time_scale,
        ..vesta_worker::Config::new(masters, config.dir, config.cores, config.memory_mib)?
    })
}

//! `vesta worker`: run a worker.

use std::path::PathBuf;

use clap::Args;

use crate::config::worker::{Machine, OnTerminate, Settings, WorkerConfig};
use crate::config::{self, ConfigError};
use crate::exit::Failure;
use crate::logging;

/// Run a worker: it gives cores and memory, and runs drivers and executors.
///
/// Settings come from the file, the environment and these flags, in growing weight. It never ends
/// because masters are away. SIGTERM ends what it runs first, unless `on_terminate` is "keep". An agent
/// that is killed harms nothing: what it ran goes on, and the next one takes it over.
#[derive(Args, Clone, Debug)]
pub struct Worker {
    /// A TOML file with these settings, as config/worker.toml.
    #[arg(long, value_name = "FILE", env = "VESTA_WORKER_CONFIG")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
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
        on_terminate: match config.on_terminate {
            OnTerminate::End => vesta_worker::OnTerminate::End,
            OnTerminate::Keep => vesta_worker::OnTerminate::Keep,
        },
        restart_backoff: config.time_scale,
        ..vesta_worker::Config::new(masters, config.dir, config.cores, config.memory_mib)?
    })
}

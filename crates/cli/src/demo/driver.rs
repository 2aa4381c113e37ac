//! `vesta demo-driver words`: the supervised driver that has its executors count words.
//!
//! It is a program as a user of Vesta would write it: it registers an application, listens for its
//! executors, hands out parts and adds up what they return. It knows nothing of masters coming and
//! going: `vesta_client` sees to that. Started again, it begins again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use vesta_client::{ApplicationClient, ApplicationEvent};
use vesta_local::PARENT_VARIABLE;
use vesta_local::ledger::{self, Event, LEDGER_VARIABLE, Record};
use vesta_types::Launch;

use super::files;
use super::job::{Connection, Job};

/// How often the driver says how far it is, and looks whether the last parts may go.
const TICK: Duration = Duration::from_millis(100);

/// How long executors get to write down their ends.
const GOODBYES: Duration = Duration::from_secs(15);

/// The last parts, in percent of all, wait until the demo is through with its faults: so executors
/// that live through all of them are still needed after them.
const KEPT_PERCENT: usize = 10;

/// How the driver is started.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The demo's directory: the text is there, and the result goes there.
    #[arg(long)]
    pub dir: PathBuf,
    /// How many executors to ask for.
    #[arg(long)]
    pub executors: u32,
    /// How many parts the text is cut into, about.
    #[arg(long)]
    pub parts: usize,
    /// How long an executor keeps a part at least, in milliseconds: without it the job would be over
    /// before the first fault.
    #[arg(long)]
    pub hold_ms: u64,
}

/// Runs the driver to its end.
///
/// # Errors
/// When it can't register, or its application ends before every part is counted.
pub async fn run(args: Args) -> anyhow::Result<()> {
    ledger::append_own(Event::Started)?;
    let path = files::text(&args.dir);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("can't read the text {}", path.display()))?;
    let job = Arc::new(Job::new(&text, args.parts, KEPT_PERCENT, args.hold_ms));
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let launch = executor(listener.local_addr()?)?;
    let application = ApplicationClient::from_env(launch)?.target(Some(args.executors));
    let (application, events) = application.register().await.context("can't register")?;
    println!(
        "registered {}, {} parts",
        application.app_id(),
        job.progress().parts
    );
    let mut served = JoinSet::new();
    count(&args.dir, &job, listener, events, &mut served).await?;
    // The connections are kept: an executor that lost its driver would exit, and be replaced, before
    // the application has ended.
    let _connections = timeout(GOODBYES, served.join_all()).await;
    files::write(
        &files::result(&args.dir),
        &job.result(&Record::own(Event::Ended)?),
    )?;
    application
        .unregister(false, "every part is counted")
        .await?;
    ledger::append_own(Event::Ended)?;
    Ok(())
}

/// How an executor is started: this program, told where the driver listens.
fn executor(driver: SocketAddr) -> anyhow::Result<Launch> {
    let program = std::env::current_exe()?.into_os_string().into_string();
    let program = program
        .ok()
        .context("the path of this program is not text")?;
    let args = vec!["demo-executor".to_owned(), driver.to_string()];
    let passed_on = [LEDGER_VARIABLE, PARENT_VARIABLE].into_iter();
    let env = passed_on.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    let env = env.collect();
    Ok(Launch {
        program,
        args,
        env,
        ..Launch::default()
    })
}

/// Serves executors until every part is counted.
async fn count(
    dir: &Path,
    job: &Arc<Job>,
    listener: TcpListener,
    mut events: mpsc::Receiver<ApplicationEvent>,
    served: &mut JoinSet<Option<Connection>>,
) -> anyhow::Result<()> {
    let mut changes = job.changes();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !job.is_finished() {
        tokio::select! {
            connected = listener.accept() => {
                let stream: TcpStream = connected?.0;
                served.spawn(Arc::clone(job).serve(stream));
            }
            event = events.recv() => tell(event)?,
            _ = ticks.tick() => {
                if files::release(dir).exists() {
                    job.release();
                }
                files::write(&files::progress(dir), &job.progress())?;
            }
            _ = changes.changed() => {}
        }
    }
    Ok(())
}

/// Says in the driver's log what became of executors and masters.
fn tell(event: Option<ApplicationEvent>) -> anyhow::Result<()> {
    match event {
        Some(ApplicationEvent::Ended { state, message }) => {
            bail!("the application has ended before every part is counted: {state}, {message}")
        }
        Some(ApplicationEvent::MasterChanged { epoch }) => {
            println!("a master leads, epoch {epoch}")
        }
        Some(
            ApplicationEvent::ExecutorAdded(executor) | ApplicationEvent::ExecutorUpdated(executor),
        ) => println!(
            "executor {} on {}: {} {}",
            executor.number, executor.worker_id, executor.state, executor.message
        ),
        Some(ApplicationEvent::State {
            state,
            waiting_because,
        }) => {
            println!("{state} {waiting_because}");
        }
        None => bail!("the application is not followed any more"),
    }
    Ok(())
}

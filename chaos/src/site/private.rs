//! A run in namespaces of its own, which end with it whatever happens.
//!
//! The outer process starts itself again by `unshare`, as the first process of a namespace of processes; that
//! one ([`first_process`]) starts the run proper and takes in the orphans that the killed agents of a run
//! leave. If the run proper ends in any way, so does the first process, and the kernel ends all that is left;
//! with the last process networks and mounts go too. The outer process holds a pipe; its end says that the
//! run is to end in order.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{WaitOptions, wait};
use vesta_local::{interrupted, wait_until};

use super::commands::run;

/// Environment variable that says that this process is in there already.
const INSIDE: &str = "CHAOS_INSIDE";

/// The hidden subcommand of the first process in there.
pub const FIRST: &str = "first-process";

/// How long the run may take to end in order.
const GRACE: Duration = Duration::from_secs(60);

const UNSHARE: [&str; 6] = [
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

/// What is tried before a run relies on it, in namespaces that are gone afterwards.
const PROBE: &str = "set -e
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip link set lo up
ip link add probe type bridge
ip netns add a
ip link add v type veth peer name w netns a
nsenter --net=/run/netns/a nft add table inet chaos";

/// Whether this process is in namespaces of its own.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Whether a run can have namespaces of its own here.
///
/// # Errors
/// Why not: what the system said.
pub fn probe() -> Result<()> {
    let mut arguments = UNSHARE.to_vec();
    arguments.extend(["--", "sh", "-c", PROBE]);
    run("unshare", &arguments).map(|_| ())
}

/// Runs this program again with the same arguments in namespaces of its own, told of `value` by an
/// environment variable, and returns its exit code.
///
/// # Errors
/// When it can't be started.
pub async fn enter(variable: &str, value: &Path) -> Result<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let code = run_inside(&arguments, Some((variable, value))).await?;
    Ok(ExitCode::from(code))
}

/// Runs this program with these arguments in namespaces of its own, and returns its exit code.
///
/// # Errors
/// When it can't be started.
pub async fn enter_as(arguments: &[OsString]) -> Result<u8> {
    run_inside(arguments, None).await
}

async fn run_inside(arguments: &[OsString], told: Option<(&str, &Path)>) -> Result<u8> {
    let own = std::env::current_exe()?;
    let asked = interrupted()?;
    let mut child = Command::new("unshare")
        .args(UNSHARE)
        .arg("--")
        .arg(own)
        .arg(FIRST)
        .args(arguments)
        .envs(told)
        .stdin(Stdio::piped())
        // A terminal's Ctrl-C is for the outer process, which ends the run in order.
        .process_group(0)
        .spawn()
        .context("unshare can't be started")?;
    let pipe = child.stdin.take();
    let ended = tokio::task::spawn_blocking(move || child.wait());
    tokio::pin!(ended);
    let status = tokio::select! {
        status = &mut ended => status??,
        how = asked => {
            eprintln!("{how}: ending the run");
            drop(pipe);
            tokio::time::timeout(GRACE, ended).await.context("the run does not end")???
        }
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(5))
}

/// The first process in there: starts the run proper with these arguments, takes in orphans, and ends with
/// the run.
///
/// # Errors
/// When the run can't be started.
pub fn first_process(arguments: &[OsString]) -> Result<ExitCode> {
    let child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .env(INSIDE, "1")
        .spawn()
        .context("the run can't be started")?;
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().cast_unsigned() == child.id() => {
                let code = status
                    .exit_status()
                    .and_then(|code| u8::try_from(code).ok());
                return Ok(ExitCode::from(code.unwrap_or(5)));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for the run"),
        }
    }
}

/// Completes when this run is to end: asked by a signal, or because the outer process has closed its pipe.
///
/// # Errors
/// When signals can't be caught.
pub fn asked_to_end() -> Result<impl Future<Output = &'static str> + Send> {
    let signalled = interrupted()?;
    let (tell, told) = tokio::sync::oneshot::channel();
    if is_inside() {
        // A thread of its own: reading a pipe can't be given up.
        let watch = move || {
            let mut rest = Vec::new();
            let _ = std::io::stdin().read_to_end(&mut rest);
            let _ = tell.send(());
        };
        std::thread::Builder::new()
            .name("watch-pipe".to_owned())
            .spawn(watch)?;
    } else {
        // Never told.
        std::mem::forget(tell);
    }
    Ok(async move {
        tokio::select! {
            how = signalled => how,
            _ = told => "the process that started the run is ending",
        }
    })
}

/// What is prepared once in there: a place for the names of network namespaces, and loopback.
///
/// # Errors
/// When the system refuses.
pub async fn prepare() -> Result<()> {
    std::fs::create_dir_all("/run/netns")?;
    run("mount", &["-t", "tmpfs", "tmpfs", "/run/netns"])?;
    run("ip", &["link", "set", "lo", "up"])?;
    wait_until("loopback to be up", Duration::from_secs(5), async || {
        std::net::TcpListener::bind("127.0.0.1:0").is_ok()
    })
    .await?;
    Ok(())
}

//! `vesta submit --deploy-mode client`: run the program here.

use std::collections::BTreeMap;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::submit::Submit;
use crate::exit::Failure;
use crate::output;

/// Runs the driver as a child of this process, with the terminal's input and output.
///
/// # Errors
/// `Usage` for flags that only make sense on a worker; `Work` when it could not be started or ended
/// otherwise than with exit code 0.
pub async fn run(args: &Submit) -> Result<(), Failure> {
    let misplaced = [
        (args.supervise, "--supervise"),
        (args.wait, "--wait"),
        (args.json, "--json"),
        (args.key.is_some(), "--key"),
        (!args.process.artifacts.is_empty(), "--artifact"),
    ];
    if let Some((_, flag)) = misplaced.into_iter().find(|(given, _)| *given) {
        return Err(Failure::Usage(format!(
            "{flag} is for drivers that a worker runs, and --deploy-mode client runs it here"
        )));
    }
    let (program, words) = args.process.program_and_arguments()?;
    let child = Command::new(program)
        .args(words)
        .envs(environment(args)?)
        .spawn()
        .map_err(|error| Failure::Work(format!("{program} can't be started: {error}")))?;
    let status = attend(child)
        .await
        .map_err(|error| Failure::Work(format!("{program} can't be waited for: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Work(format!("{program}: {status}")))
    }
}

/// What the program is told beside what this command's environment holds. The same names as on a
/// worker, but for those of the driver itself: nobody manages it.
fn environment(args: &Submit) -> Result<BTreeMap<String, String>, Failure> {
    let conf: BTreeMap<_, _> = args.conf.iter().cloned().collect();
    let conf = serde_json::to_string(&conf)
        .map_err(|error| Failure::Refused(format!("--conf can't be written as JSON: {error}")))?;
    let size = args.executor();
    let optional = [
        (
            "VESTA_EXECUTOR_CORES",
            size.as_ref().map(|size| size.cores.to_string()),
        ),
        (
            "VESTA_EXECUTOR_MEMORY_MIB",
            size.as_ref().map(|size| size.memory_mib.to_string()),
        ),
        (
            "VESTA_TOTAL_EXECUTOR_CORES",
            args.total_executor_cores.map(|cores| cores.to_string()),
        ),
    ];
    let mut environment = BTreeMap::from([
        (
            "VESTA_MASTER".to_owned(),
            args.connection.master.to_string(),
        ),
        ("VESTA_NAME".to_owned(), args.shown_name()),
        ("VESTA_CONF".to_owned(), conf),
    ]);
    let given = optional
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    environment.extend(given);
    environment.extend(args.process.env.iter().cloned());
    Ok(environment)
}

/// Waits for the child. Ctrl-C reaches it by itself, since it is in the terminal's foreground group;
/// TERM and HUP are passed on.
async fn attend(mut child: Child) -> std::io::Result<ExitStatus> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => pass_on(&child, Signal::TERM),
            // Under nohup the child ignores it, as it was told before it began.
            _ = hang_up.recv() => pass_on(&child, Signal::HUP),
        }
    }
}

fn pass_on(child: &Child, signal: Signal) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    // The child is not reaped yet, so the pid is its own.
    if let Some(pid) = pid
        && let Err(error) = rustix::process::kill_process(pid, signal)
    {
        output::say(&format!(
            "vesta: {signal:?} can't be passed on to {pid:?}: {error}"
        ));
    }
}

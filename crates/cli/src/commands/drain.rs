//! `vesta drain` and `vesta undrain`: take a worker out of use, and back in.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use vesta_client::proto::{DrainReply, Worker};
use vesta_client::{Client, ClientError, WaitUpdate, new_key};
use vesta_types::limits::DRAIN_DEADLINE_MAX;
use vesta_types::{SubmissionKey, WorkerId, WorkerState};

use super::stop::Stop;
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;
use crate::show;
use crate::units;

/// Take a worker out of use: nothing new is placed on it from now on.
///
/// What runs there goes on. After the deadline its executors are ended, which costs their applications
/// no retry, and its supervised drivers too: each is started elsewhere once its end is known.
/// Unsupervised drivers are never ended: they are waited for. Spark's drivers are told at once to leave
/// their executors there, and get others elsewhere. The worker stays DECOMMISSIONED, over
/// restarts and reboots, until `vesta undrain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Drain {
    #[command(flatten)]
    pub connection: Connection,
    /// The worker, as `vesta list workers` names it.
    #[arg(value_parser = worker)]
    pub worker: WorkerId,
    /// How long what runs there may go on; 0s ends it at once. Another deadline than that of a drain
    /// under way counts from now. An election puts it off.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = deadline)]
    pub deadline: Duration,
    /// Wait until nothing is left on it.
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub writing: Writing,
}

/// Give a drained worker work again.
///
/// What had been told to end by then ends all the same.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Undrain {
    #[command(flatten)]
    pub connection: Connection,
    /// The worker, as `vesta list workers` names it.
    #[arg(value_parser = worker)]
    pub worker: WorkerId,
    #[command(flatten)]
    pub writing: Writing,
}

/// How it is written, and how that is told.
#[derive(Args, Clone, Debug)]
pub struct Writing {
    /// The key of this request, to repeat it safely. [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub key: Option<SubmissionKey>,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// What `drain --json` writes.
#[derive(Debug, Serialize)]
struct Drained {
    #[serde(flatten)]
    reply: DrainReply,
    /// The worker at the end of the waiting, with `--wait`.
    worker: Option<Worker>,
}

fn worker(text: &str) -> Result<WorkerId, String> {
    vesta_proto::checks::worker_id(text).map_err(|error| error.to_string())
}

fn deadline(text: &str) -> Result<Duration, String> {
    if matches!(text, "0ms" | "0s" | "0m" | "0h" | "0d") {
        return Ok(Duration::ZERO);
    }
    let deadline = units::duration(text)?;
    if deadline > DRAIN_DEADLINE_MAX {
        let days = DRAIN_DEADLINE_MAX.as_secs() / (24 * 3600);
        return Err(format!("{text} is too long: at most {days}d is possible"));
    }
    Ok(deadline)
}

/// Runs `vesta drain`.
///
/// # Errors
/// See [`Failure`]; `Work` when the worker was lost before it was empty.
pub async fn run(args: Drain) -> Result<(), Failure> {
    let client = args.connection.client();
    let key = args.writing.key.unwrap_or_else(new_key);
    let mut stop = Stop::new()?;
    let id = &args.worker;
    let asking = client.drain_worker(key, id, args.deadline);
    let reply = answered(asking, id, key, &mut stop).await?;
    if !args.writing.json {
        tell(id, &reply)?;
    }
    let waited = if args.wait {
        Some(wait(&client, id, &mut stop).await)
    } else {
        None
    };
    if args.writing.json {
        let worker = waited.as_ref().and_then(|waited| waited.as_ref().ok());
        let worker = worker.cloned();
        output::json(&Drained { reply, worker }).map_err(|failure| unseen(id, failure))?;
    }
    let Some(waited) = waited else { return Ok(()) };
    let worker = waited?;
    ended_well(&worker)?;
    if args.writing.json {
        return Ok(());
    }
    output::line(&output::plain(&format!("nothing is left on {id}")))
}

/// Runs `vesta undrain`.
///
/// # Errors
/// See [`Failure`].
pub async fn run_undrain(args: Undrain) -> Result<(), Failure> {
    let client = args.connection.client();
    let key = args.writing.key.unwrap_or_else(new_key);
    let mut stop = Stop::new()?;
    let asking = client.undrain_worker(key, &args.worker);
    let reply = answered(asking, &args.worker, key, &mut stop).await?;
    if args.writing.json {
        return output::json(&reply).map_err(|failure| unseen(&args.worker, failure));
    }
    tell(&args.worker, &reply)
}

async fn answered(
    asking: impl Future<Output = Result<DrainReply, ClientError>>,
    id: &WorkerId,
    key: SubmissionKey,
    stop: &mut Stop,
) -> Result<DrainReply, Failure> {
    tokio::select! {
        reply = asking => Ok(reply?),
        () = stop.asked() => Err(Failure::Unavailable(format!(
            "interrupted before a master answered: it may be recorded for {id} or not. Ask with \
             `vesta status --key {key}`"
        ))),
    }
}

fn tell(id: &WorkerId, reply: &DrainReply) -> Result<(), Failure> {
    let said = format!("{id} {}: {}", reply.state, reply.message);
    output::line(&output::plain(&said)).map_err(|failure| unseen(id, failure))
}

/// A script that could not read the answer must not take the request for refused.
fn unseen(id: &WorkerId, failure: Failure) -> Failure {
    Failure::Unavailable(format!(
        "it is recorded for {id}, but this could not be told on standard output: {}",
        failure.message()
    ))
}

async fn wait(client: &Client, id: &WorkerId, stop: &mut Stop) -> Result<Worker, Failure> {
    let progress = Progress::new(id.as_str());
    let empty = client.wait_drained(id, |update| {
        progress.set(&match update {
            WaitUpdate::Now(worker) => {
                let left = show::drain(worker).unwrap_or_default();
                format!("{id} {}: {left}", worker.state)
            }
            WaitUpdate::Unanswered(error) => format!("{id}: {error}"),
        });
    });
    tokio::select! {
        worker = empty => Ok(worker?),
        () = stop.asked() => Err(Failure::Unavailable(format!(
            "interrupted: the drain of {id} goes on. `vesta list workers` shows what is left"
        ))),
    }
}

/// A worker that is empty; not one that was lost, or taken back, before it was.
fn ended_well(worker: &Worker) -> Result<(), Failure> {
    let id = &worker.id;
    if worker.drain.is_none() {
        return Err(Failure::Refused(output::plain(&format!(
            "{id} is {}: its drain was taken back before it was seen to be empty",
            worker.state
        ))));
    }
    if worker.state == WorkerState::Dead.as_str() {
        return Err(Failure::Work(output::plain(&format!(
            "{id} is DEAD: it ended, or was lost, before it was seen to be empty"
        ))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_may_be_none_and_is_no_longer_than_a_month() {
        assert_eq!(deadline("0s"), Ok(Duration::ZERO));
        assert_eq!(deadline("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(deadline("30d"), Ok(DRAIN_DEADLINE_MAX));
        assert!(deadline("31d").unwrap_err().contains("at most 30d"));
        for wrong in ["0", "soon", "-1s", "1w"] {
            assert!(deadline(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_drained_worker_with_nothing_left_ended_well() {
        let empty = Worker {
            state: "DECOMMISSIONED".into(),
            drain: Some(Default::default()),
            ..Worker::default()
        };
        assert!(ended_well(&empty).is_ok());
        let lost = Worker {
            state: "DEAD".into(),
            ..empty.clone()
        };
        assert!(matches!(ended_well(&lost), Err(Failure::Work(_))));
        let back = Worker {
            state: "ALIVE".into(),
            drain: None,
            ..empty
        };
        assert!(matches!(ended_well(&back), Err(Failure::Refused(_))));
    }
}

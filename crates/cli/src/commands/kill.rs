//! `vesta kill`: end a driver or an application.

use clap::Args;
use serde::Serialize;
use vesta_client::proto::KillReply;
use vesta_client::{Client, WaitUpdate, new_key};
use vesta_types::SubmissionKey;

use super::stop::Stop;
use super::submit::progress_of;
use super::target::Target;
use crate::connection::Connection;
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;

/// End a driver or an application.
///
/// That it is to end is recorded: it will never run again, whatever happens to masters or workers.
/// Its process may still run until its worker hears of it; --wait waits for that.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Kill {
    #[command(flatten)]
    pub connection: Connection,
    /// The driver or application.
    pub id: Target,
    /// Wait until it has ended, however it ends.
    #[arg(long)]
    pub wait: bool,
    /// The key of this request, to repeat it safely. [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub key: Option<SubmissionKey>,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// What `--json` writes.
#[derive(Debug, Serialize)]
struct Killed {
    #[serde(flatten)]
    reply: KillReply,
    /// The state in which it ended, with `--wait`.
    ended: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(args: Kill) -> Result<(), Failure> {
    let client = args.connection.client();
    let key = args.key.unwrap_or_else(new_key);
    let mut stop = Stop::new()?;
    let id = args.id.to_string();
    let asking = async {
        match &args.id {
            Target::Driver(id) => client.kill_driver(key, id).await,
            Target::App(id) => client.kill_application(key, id).await,
        }
    };
    let reply = tokio::select! {
        reply = asking => reply?,
        () = stop.asked() => return Err(Failure::Unavailable(format!(
            "interrupted before a master answered: the end of {id} may be recorded or not. Ask with \
             `vesta status --key {key}`"
        ))),
    };
    if !reply.success {
        return Err(Failure::Refused(output::plain(&format!(
            "{id}: {}",
            reply.message
        ))));
    }
    if !args.json {
        output::line(&output::plain(&said(&id, &reply))).map_err(|failure| unseen(&id, failure))?;
    }
    let waited = if args.wait {
        Some(wait(&client, &args.id, &id, &mut stop).await)
    } else {
        None
    };
    if args.json {
        // However the waiting ended: what the masters answered is known.
        let ended = waited.as_ref().and_then(|waited| waited.as_ref().ok());
        output::json(&Killed {
            reply,
            ended: ended.cloned(),
        })
        .map_err(|failure| unseen(&id, failure))?;
        return waited.map_or(Ok(()), |waited| waited.map(|_| ()));
    }
    waited.map_or(Ok(()), |state| {
        output::line(&format!("{id} ended as {}", state?))
    })
}

/// A script that could not read the answer must not take the request for refused.
fn unseen(id: &str, failure: Failure) -> Failure {
    Failure::Unavailable(format!(
        "the end of {id} is recorded, but this could not be told on standard output: {}",
        failure.message()
    ))
}

/// What became of the request, in one line.
fn said(id: &str, reply: &KillReply) -> String {
    // The masters' words for what was over before.
    if reply.message == format!("already {}", reply.state) {
        return format!("{id} is {}", reply.message);
    }
    match reply.message.as_str() {
        "" => format!("{id} {}: recorded", reply.state),
        more => format!("{id} {}: {more}", reply.state),
    }
}

async fn wait(
    client: &Client,
    target: &Target,
    id: &str,
    stop: &mut Stop,
) -> Result<String, Failure> {
    let progress = Progress::new(id);
    let ended = async {
        match target {
            Target::Driver(driver) => {
                let shown = |update: WaitUpdate<'_, _>| progress.set(&progress_of(id, update));
                client
                    .wait_driver(driver, shown)
                    .await
                    .map(|driver| driver.state)
            }
            Target::App(app) => client
                .wait_application(app, |_| {})
                .await
                .map(|app| app.state),
        }
    };
    tokio::select! {
        state = ended => Ok(state?),
        () = stop.asked() => Err(Failure::Unavailable(format!(
            "interrupted: the end of {id} is recorded, and it has not ended yet. \
             `vesta status {id}` shows when it has"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_over_before_is_said_once() {
        let reply = |state: &str, message: &str| KillReply {
            success: true,
            state: state.into(),
            message: message.into(),
        };
        let over = said("driver-1", &reply("FINISHED", "already FINISHED"));
        assert_eq!(over, "driver-1 is already FINISHED");
        let runs = said("driver-1", &reply("RUNNING", "its end is recorded"));
        assert_eq!(runs, "driver-1 RUNNING: its end is recorded");
    }
}

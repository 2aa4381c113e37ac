//! `vesta cluster`: the masters themselves.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde::Serialize;
use vesta_client::Client;
use vesta_client::proto::{AddMasterRequest, ChangeMastersReply, ListRequest};
use vesta_proto::error::shown;

use super::stop::Stop;
use crate::config::master::{self, Peer};
use crate::connection::{Connection, Reading};
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::progress::Progress;
use crate::show;
use crate::units;

/// Pause before a change that goes on is asked for again.
const PAUSE: Duration = Duration::from_millis(200);

/// The masters: who they are, adding, removing and replacing them.
#[derive(Args, Clone, Debug)]
pub struct ClusterCommand {
    #[command(subcommand)]
    pub command: Action,
}

/// What to do with them.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    Members(Members),
    Add(Add),
    Remove(Remove),
    Transfer(Transfer),
}

/// Show the masters: who leads, who votes, how far each one's log is, and the hash of its state.
///
/// Masters with the same index have the same hash; else something is badly wrong.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Members {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub reading: Reading,
}

/// Make a master a member: a learner first, and a voter once it has caught up.
///
/// Start it before, on an empty directory and without --form: it waits to be joined. A node id is
/// never used twice: what replaces a lost master comes under a new one. A member that has moved is
/// added again, under its own id, with its new addresses.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Add {
    #[command(flatten)]
    pub connection: Connection,
    /// The master, with the addresses under which others reach it.
    #[arg(value_name = "ID=CLIENTS/RAFT", value_parser = peer)]
    pub member: Peer,
    /// How long it may take to catch up. After that it stays a learner; the same command goes on.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = units::duration, allow_hyphen_values = true)]
    pub catch_up: Duration,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// Take a master out of the cluster; one that leads hands over first.
///
/// Refused when those that are left and answer would be no majority. The master ends by itself, and
/// its data directory is of no more use.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Remove {
    #[command(flatten)]
    pub connection: Connection,
    /// Its node id.
    #[arg(value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    pub id: u64,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// Hand leadership to another master.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Transfer {
    #[command(flatten)]
    pub connection: Connection,
    /// The node id of who is to lead. [default: whoever has most of the log]
    #[arg(value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// Write one JSON document instead of text for people.
    #[arg(long)]
    pub json: bool,
}

fn peer(text: &str) -> Result<Peer, String> {
    master::peer(text).map_err(|_| {
        format!(
            "{} is not ID=CLIENTS/RAFT, as in 4=m4:7700/m4:7701",
            shown(text)
        )
    })
}

/// What `--json` writes of a change.
#[derive(Debug, Serialize)]
struct Changed {
    node_id: u64,
    message: String,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(args: ClusterCommand) -> Result<(), Failure> {
    match args.command {
        Action::Members(args) => members(args).await,
        Action::Add(args) => add(args).await,
        Action::Remove(args) => remove(args).await,
        Action::Transfer(args) => transfer(args).await,
    }
}

async fn members(args: Members) -> Result<(), Failure> {
    let client = args.connection.client();
    let request = ListRequest {
        consistent: args.reading.consistent,
        state_hash: true,
        ..ListRequest::default()
    };
    let reply = client.list_masters(request).await?;
    output::warn_if_stale(reply.read.as_ref());
    if let Some(warning) = show::differing(&reply.masters) {
        output::say(&warning);
    }
    if args.reading.json {
        return output::json(&reply);
    }
    output::line(&show::members(&reply, output::width()))
}

async fn add(args: Add) -> Result<(), Failure> {
    let Peer {
        node_id,
        client,
        raft,
    } = args.member;
    let request = AddMasterRequest {
        node_id,
        client_address: client,
        raft_address: raft,
    };
    let what = format!("node {node_id} is added");
    let unfinished = format!(
        "node {node_id} may be a learner now, or a voter: `vesta cluster members` shows it, and the same \
         command goes on"
    );
    let until = Instant::now() + args.catch_up;
    let ask = async |masters: &Client| masters.add_master(request.clone()).await;
    let reply = repeat(&args.connection, &what, &unfinished, until, ask).await?;
    tell(node_id, reply, args.json)
}

async fn remove(args: Remove) -> Result<(), Failure> {
    let what = format!("node {} is removed", args.id);
    let unfinished = format!(
        "node {} may be a member or not: `vesta cluster members` shows it, and the same command goes on",
        args.id
    );
    // Twice: one that leads hands over first.
    let until = Instant::now() + args.connection.timeout * 2;
    let ask = async |masters: &Client| masters.remove_master(args.id).await;
    let reply = repeat(&args.connection, &what, &unfinished, until, ask).await?;
    tell(args.id, reply, args.json)
}

async fn transfer(args: Transfer) -> Result<(), Failure> {
    let leader = args
        .connection
        .client()
        .transfer_leadership(args.to)
        .await?;
    if args.json {
        return output::json(&serde_json::json!({ "leader": leader }));
    }
    output::line(&format!("node {leader} leads"))
}

/// Asks until it is done. Each request says what is wanted, so asking again is always safe.
async fn repeat(
    connection: &Connection,
    what: &str,
    unfinished: &str,
    until: Instant,
    ask: impl AsyncFn(&Client) -> Result<ChangeMastersReply, vesta_client::ClientError>,
) -> Result<ChangeMastersReply, Failure> {
    let client = connection.client();
    let progress = Progress::new(what);
    let mut stop = Stop::new()?;
    let begun = Instant::now();
    loop {
        let reply = tokio::select! {
            reply = ask(&client) => reply?,
            () = stop.asked() => {
                return Err(Failure::Unavailable(format!("interrupted: {unfinished}")));
            }
        };
        if reply.done {
            return Ok(reply);
        }
        // One that was started a moment ago answers soon, or never.
        if reply.unreachable && begun.elapsed() >= connection.timeout {
            return Err(Failure::Refused(output::plain(&reply.message)));
        }
        progress.set(&format!("{what}: {}", reply.message));
        if Instant::now() >= until {
            let message = output::plain(&reply.message);
            return Err(Failure::Unavailable(format!(
                "not done in the time given: {message}; {unfinished}"
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn tell(node_id: u64, reply: ChangeMastersReply, json: bool) -> Result<(), Failure> {
    let message = output::plain(&reply.message);
    if json {
        return output::json(&Changed { node_id, message });
    }
    output::line(&message)
}

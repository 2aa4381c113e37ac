//! `vesta list`: what a cluster has.

use clap::{Args, ValueEnum};
use vesta_client::proto::{ListEndpointsRequest, ListRequest};

use crate::connection::{Connection, Reading};
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::show;
use crate::units;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Applications.
    Apps,
    /// Drivers.
    Drivers,
    /// Workers.
    Workers,
    /// Masters.
    Masters,
    /// What drivers and executors have published.
    Endpoints,
}

/// List applications, drivers, workers, masters or endpoints.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct List {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub reading: Reading,
    /// What to list.
    #[arg(value_enum)]
    pub kind: Kind,
    /// The ended ones too, as far as the masters remember them (applications and drivers).
    #[arg(long)]
    pub all: bool,
    /// At most so many. [default: as many as a master gives]
    #[arg(long, value_name = "N", value_parser = units::some, allow_hyphen_values = true)]
    pub limit: Option<u32>,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub async fn run(args: List) -> Result<(), Failure> {
    let client = args.connection.client();
    let request = ListRequest {
        consistent: args.reading.consistent,
        limit: args.limit.unwrap_or(0),
        ended: args.all,
        state_hash: args.kind == Kind::Masters,
    };
    // Each kind has a reply type of its own, of the same shape.
    macro_rules! list {
        ($call:ident, $field:ident, $show:path) => {
            list!($call, request, $field, $show, total)
        };
        ($call:ident, $field:ident, $show:path,) => {
            list!($call, request, $field, $show,)
        };
        ($call:ident, $request:ident, $field:ident, $show:path, $($total:ident)?) => {{
            let reply = client.$call($request).await?;
            output::warn_if_stale(reply.read.as_ref());
            if args.reading.json {
                return output::json(&reply);
            }
            $(output::warn_if_cut(reply.$field.len(), reply.$total);)?
            output::line(&$show(&reply.$field, output::width()))
        }};
    }
    match args.kind {
        Kind::Endpoints => {
            let endpoints = ListEndpointsRequest {
                consistent: request.consistent,
                limit: request.limit,
                ..ListEndpointsRequest::default()
            };
            list!(list_endpoints, endpoints, endpoints, show::endpoints, total)
        }
        Kind::Apps => list!(list_applications, applications, show::applications),
        Kind::Drivers => list!(list_drivers, drivers, show::drivers),
        Kind::Workers => list!(list_workers, workers, show::workers),
        // There are never more masters than a list holds.
        Kind::Masters => list!(list_masters, masters, show::masters,),
    }
}

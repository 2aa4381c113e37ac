//! `vesta endpoint`: where a driver or an executor says that it is reached.

use std::time::Duration;

use clap::Args;
use vesta_client::proto::{Endpoint, ListEndpointsReply, ListEndpointsRequest};
use vesta_client::{Client, ClientError, Publisher};
use vesta_proto::checks;

use crate::connection::{Connection, Reading};
use crate::exit::{EXIT_CODES, Failure};
use crate::output;

/// Pause between two looks while an endpoint is waited for.
const PAUSE: Duration = Duration::from_millis(250);

/// Print the address that a driver or executor has published under a name; or publish it.
///
/// It is there for as long as the run that published it: what is printed is never of an earlier attempt
/// once a later one has spoken.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct EndpointCommand {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub reading: Reading,
    /// The endpoint's name.
    #[arg(value_parser = name)]
    pub name: String,
    /// Whose: a driver, an executor (APP/NUMBER), or an application, which is all its executors and its
    /// driver. [default: whoever has published that name]
    #[arg(long, value_name = "ID", value_parser = owner)]
    pub of: Option<String>,
    /// Wait until it is published, for as long as it takes.
    #[arg(long)]
    pub wait: bool,
    /// Publish this address under the name instead, as the driver or executor that this command runs in.
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with_all = ["of", "wait"])]
    pub publish: Option<String>,
}

fn name(text: &str) -> Result<String, String> {
    checks::endpoint_name(text.to_owned()).map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<String, String> {
    checks::endpoint_address(text.to_owned()).map_err(|error| error.to_string())
}

fn owner(text: &str) -> Result<String, String> {
    let known = checks::publisher(text).map_err(|error| error.to_string());
    known.map(|_| text.to_owned())
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`]; `Refused` also when nobody, or more than one, has published that name.
pub async fn run(args: EndpointCommand) -> Result<(), Failure> {
    if let Some(address) = &args.publish {
        return publish(&args, address).await;
    }
    let request = ListEndpointsRequest {
        // What is waited for may be new: a master that lags must not answer for an older run.
        consistent: args.reading.consistent || args.wait,
        limit: 0,
        name: args.name.clone(),
        owner: args.of.clone().unwrap_or_default(),
    };
    let reply = if args.wait {
        waited_for(&args.connection.client(), &request).await?
    } else {
        args.connection.client().list_endpoints(request).await?
    };
    output::warn_if_stale(reply.read.as_ref());
    if reply.endpoints.is_empty() {
        let of = args
            .of
            .as_ref()
            .map_or_else(String::new, |of| format!(" of {of}"));
        return Err(Failure::Refused(format!(
            "there is no endpoint {}{of} now; --wait waits for it",
            args.name
        )));
    }
    if args.reading.json {
        return output::json(&reply);
    }
    only(&args.name, &reply.endpoints)
}

/// Prints the address if it is the only one.
fn only(name: &str, endpoints: &[Endpoint]) -> Result<(), Failure> {
    match endpoints {
        [endpoint] => output::line(&output::plain(&endpoint.address)),
        several => {
            let some = several.iter().take(5).map(|it| it.owner.as_str());
            let some = some.collect::<Vec<_>>().join(", ");
            let more = if several.len() > 5 { ", …" } else { "" };
            Err(Failure::Refused(format!(
                "{} have an endpoint {name}: say with --of which is meant, of {some}{more}",
                several.len()
            )))
        }
    }
}

async fn waited_for(
    client: &Client,
    request: &ListEndpointsRequest,
) -> Result<ListEndpointsReply, Failure> {
    let mut told = false;
    loop {
        match client.list_endpoints(request.clone()).await {
            Ok(reply) if !reply.endpoints.is_empty() => return Ok(reply),
            Ok(_) => told = false,
            Err(error) if error.is_passing() => {
                if !told {
                    output::say(&format!("{error}; the wait goes on"));
                }
                told = true;
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn publish(args: &EndpointCommand, address: &str) -> Result<(), Failure> {
    let options = args.connection.client().options().clone();
    let variable = |name: &'static str| match name {
        // A flag may name other masters.
        "VESTA_MASTER" => Some(args.connection.master.to_string()),
        name => std::env::var(name).ok(),
    };
    let publisher = Publisher::from_variables(options, variable).map_err(|error| {
        Failure::Refused(format!("only a driver or executor can publish: {error}"))
    })?;
    let timeout = args.connection.timeout;
    let published = publisher.publish(&args.name, address);
    match tokio::time::timeout(timeout, published).await {
        Ok(published) => published.map_err(Failure::from),
        Err(_) => Err(Failure::from(ClientError::Unavailable {
            message: format!("it is not known to be published after {timeout:?}: publish it again"),
        })),
    }
}

//! `vesta status`: one driver or application, or what became of a key.

use clap::Args;
use vesta_client::Client;
use vesta_client::proto::{FindKeyRequest, GetApplicationRequest, GetDriverRequest};
use vesta_types::SubmissionKey;

use super::target::Target;
use crate::connection::{Connection, Reading};
use crate::exit::{EXIT_CODES, Failure};
use crate::output;
use crate::show;

/// Show a driver or an application, or what became of a key.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Status {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub reading: Reading,
    /// The driver or application.
    #[arg(required_unless_present = "key")]
    pub id: Option<Target>,
    /// Ask what became of the write with this key instead.
    #[arg(long, value_name = "UUID", conflicts_with = "id")]
    pub key: Option<SubmissionKey>,
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`]; `Refused` also when there is no such object or key.
pub async fn run(args: Status) -> Result<(), Failure> {
    let client = args.connection.client();
    match (args.id, args.key) {
        (Some(Target::Driver(id)), _) => driver(&client, id.to_string(), &args.reading).await,
        (Some(Target::App(id)), _) => application(&client, id.to_string(), &args.reading).await,
        (None, Some(key)) => find(&client, key, &args.reading).await,
        (None, None) => Err(Failure::Usage(
            "neither an id nor --key is given".to_owned(),
        )),
    }
}

async fn driver(client: &Client, driver_id: String, reading: &Reading) -> Result<(), Failure> {
    let consistent = reading.consistent;
    let reply = client
        .get_driver(GetDriverRequest {
            driver_id,
            consistent,
        })
        .await?;
    output::warn_if_stale(reply.read.as_ref());
    if reading.json {
        return output::json(&reply);
    }
    reply
        .driver
        .map_or(Ok(()), |driver| output::line(&show::driver(&driver)))
}

async fn application(client: &Client, app_id: String, reading: &Reading) -> Result<(), Failure> {
    let consistent = reading.consistent;
    let reply = client
        .get_application(GetApplicationRequest { app_id, consistent })
        .await?;
    output::warn_if_stale(reply.read.as_ref());
    if reading.json {
        return output::json(&reply);
    }
    reply.application.map_or(Ok(()), |app| {
        output::line(&show::application(&app, output::width()))
    })
}

async fn find(client: &Client, key: SubmissionKey, reading: &Reading) -> Result<(), Failure> {
    let request = FindKeyRequest {
        key: key.to_string(),
        consistent: reading.consistent,
    };
    let reply = client.find_key(request).await?;
    output::warn_if_stale(reply.read.as_ref());
    if reading.json {
        output::json(&reply)?;
    }
    if !reply.found {
        let index = reply.read.map_or(0, |read| read.index);
        return Err(Failure::Refused(format!(
            "nothing was done with key {key} up to log index {index}. If its request is still under \
             way it may be done later; giving the command again with `--key {key}` settles it"
        )));
    }
    if reading.json {
        return Ok(());
    }
    let about = if reply.id.is_empty() {
        String::new()
    } else {
        format!("{} ", reply.id)
    };
    output::line(&output::plain(&format!("{about}{}", reply.answer)))
}

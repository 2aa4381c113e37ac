//! Answers of the gateway.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::json;

/// What a master that does not lead says first: by these words Spark's clients go on to the next one.
pub const STANDBY: &str = "Current state is not alive: STANDBY.";

/// What the answer to a request that makes no sense begins with.
pub const MALFORMED: &str = "Malformed request: ";

/// HTTP's code for a version of the gateway that is not known; Spark's own.
const UNKNOWN_VERSION: u16 = 468;

/// The only version there is.
const VERSION: &str = "v1";

/// An answer: HTTP's code and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's code.
    pub code: u16,
    /// JSON, in Spark's layout.
    pub body: String,
}

/// What is known of a submission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The state of its driver, such as `RUNNING`.
    pub state: String,
    /// The worker that it is or was on: its id, and its host and port.
    pub worker: Option<(String, String)>,
    /// Why it failed.
    pub message: Option<String>,
}

type Fields<'a> = BTreeMap<&'a str, Value>;

/// The version of the server that answers name where they can't name the client's own.
fn server() -> String {
    format!("vesta-{}", env!("CARGO_PKG_VERSION"))
}

fn answer<'a>(
    code: u16,
    action: &str,
    fields: impl IntoIterator<Item = (&'a str, Value)>,
) -> Answer {
    let mut all: Fields<'_> = fields.into_iter().collect();
    all.insert("action", action.into());
    all.entry("serverSparkVersion")
        .or_insert_with(|| server().into());
    let body = json::text(&all);
    Answer { code, body }
}

impl Answer {
    /// To a submission. `unknown` names the fields of the request that mean nothing here.
    pub fn submitted(version: &str, driver: Result<&str, &str>, unknown: &[String]) -> Answer {
        let message = match driver {
            Ok(driver) => format!("Driver successfully submitted as {driver}"),
            Err(why) => why.to_owned(),
        };
        let mut fields = vec![
            ("message", message.into()),
            ("serverSparkVersion", version.into()),
            ("success", driver.is_ok().into()),
        ];
        fields.extend(driver.ok().map(|driver| ("submissionId", driver.into())));
        if !unknown.is_empty() {
            fields.push(("unknownFields", unknown.into()));
        }
        answer(200, "CreateSubmissionResponse", fields)
    }

    /// To a kill: whether it will be carried out, and what there is to say.
    pub fn killed(driver: &str, success: bool, message: &str) -> Answer {
        let fields = [
            ("message", message.into()),
            ("submissionId", driver.into()),
            ("success", success.into()),
        ];
        answer(200, "KillSubmissionResponse", fields)
    }

    /// To a kill of all drivers: the error if it failed.
    pub fn killed_all(failed: Option<&str>) -> Answer {
        let message = failed.unwrap_or("Kill request for all drivers submitted");
        let fields = [
            ("message", message.into()),
            ("success", failed.is_none().into()),
        ];
        answer(200, "KillAllSubmissionResponse", fields)
    }

    /// To the wish that what has ended be forgotten. The masters agree on their history and keep it by limits of
    /// their own.
    pub fn not_cleared() -> Answer {
        let message = "Nothing is cleared: what has ended is kept for a day and by number, the same at every master";
        let fields = [("message", message.into()), ("success", false.into())];
        answer(200, "ClearResponse", fields)
    }

    /// To a question about a driver; `Ok(None)` if there is none.
    pub fn status(driver: &str, status: Result<Option<Status>, &str>) -> Answer {
        let mut fields: Vec<(&str, Value)> = vec![("submissionId", driver.into())];
        fields.push(("success", matches!(status, Ok(Some(_))).into()));
        match status {
            Ok(Some(status)) => {
                fields.push(("driverState", status.state.into()));
                if let Some((id, address)) = status.worker {
                    fields.push(("workerId", id.into()));
                    fields.push(("workerHostPort", address.into()));
                }
                let message = status
                    .message
                    .map(|why| format!("Exception from the cluster:\n{why}"));
                fields.extend(message.map(|message| ("message", message.into())));
            }
            Ok(None) => {}
            Err(why) => fields.push(("message", why.into())),
        }
        answer(200, "SubmissionStatusResponse", fields)
    }

    /// Whether this master serves.
    pub fn ready(ready: bool) -> Answer {
        let (code, message) = match ready {
            true => (200, ""),
            false => (503, "Master is not ready."),
        };
        let fields = [("message", json!(message)), ("success", ready.into())];
        answer(code, "ReadyzResponse", fields)
    }

    /// A request that can't be served: `code` is HTTP's.
    pub fn error(code: u16, message: &str) -> Answer {
        answer(code, "ErrorResponse", [("message", message.into())])
    }

    pub(super) fn unknown_version(found: &str) -> Answer {
        let message = with_address(&format!("Unknown protocol version '{found}'."));
        let fields = [
            ("message", message.into()),
            ("highestProtocolVersion", VERSION.into()),
        ];
        answer(UNKNOWN_VERSION, "ErrorResponse", fields)
    }
}

/// A refusal of a path, with what it looks like when it is right.
pub(super) fn with_address(what: &str) -> String {
    format!("{what} Please submit requests through http://[host]:[port]/{VERSION}/submissions/...")
}

//! What is asked: from a method, a path and a body.

use super::answer::{Answer, MALFORMED, with_address};
use super::create::Create;

/// HTTP's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To ask.
    Get,
    /// To have something done.
    Post,
    /// Another one: nothing is asked with it.
    Other,
}

/// What is asked of the gateway.
#[derive(Debug)]
pub enum Call {
    /// A submission.
    Create(Box<Create>),
    /// The end of a driver, by its id.
    Kill(String),
    /// The end of all drivers.
    KillAll,
    /// That what has ended be forgotten.
    Clear,
    /// What becomes of a driver, by its id.
    Status(String),
    /// Whether this master serves.
    Ready,
}

/// What is asked with `method` of `path`, which begins with `/`.
///
/// # Errors
/// The answer that says why nothing can be asked like this.
pub fn call(method: Method, path: &str, body: &[u8]) -> Result<Call, Answer> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let bad = |what: &str| Err(Answer::error(400, &with_address(what)));
    match parts.next() {
        None => return bad("Missing protocol version."),
        Some("v1") => {}
        Some(other) => return Err(Answer::unknown_version(&shortened(other))),
    }
    if parts.next() != Some("submissions") {
        return bad("Missing the /submissions prefix.");
    }
    let action = parts.next().unwrap_or_default();
    let driver = parts.next();
    let wanted = match action {
        "create" | "kill" | "killall" | "clear" => Method::Post,
        "status" | "readyz" => Method::Get,
        _ => {
            return bad(
                "Missing an action: please specify one of /create, /kill, /killall, /clear, /status, or /readyz.",
            );
        }
    };
    if method != wanted {
        let name = if wanted == Method::Get { "GET" } else { "POST" };
        let message = format!("Only HTTP method {name} is supported by this URL.");
        return Err(Answer::error(405, &message));
    }
    let of_driver = |call: fn(String) -> Call| match driver {
        Some(driver) => Ok(call(shortened(driver))),
        None => {
            let message = format!("Submission ID is missing in {action} request.");
            Err(Answer::error(400, &message))
        }
    };
    match action {
        "create" => match Create::read(body) {
            Ok(create) => Ok(Call::Create(Box::new(create))),
            Err(why) => Err(Answer::error(400, &format!("{MALFORMED}{why}"))),
        },
        "kill" => of_driver(Call::Kill),
        "status" => of_driver(Call::Status),
        "killall" => Ok(Call::KillAll),
        "clear" => Ok(Call::Clear),
        _ => Ok(Call::Ready),
    }
}

/// No more of what somebody wrote than is worth repeating.
fn shortened(text: &str) -> String {
    const CHARS: usize = 128;
    text.chars().take(CHARS).collect()
}

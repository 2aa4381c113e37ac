//! Writes that nobody asks for again.

use std::time::Duration;

use vesta_core::{Answer, Request};

use super::clients::new_key;
use crate::context::Context;

/// How often, and after which pauses, they are tried.
pub(super) const TRIES: u32 = 5;
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Writes `request`, and tries again when that fails. It has one key: whatever is not known of a try, it is done
/// once.
///
/// # Errors
/// When the last try fails, with why.
pub(super) async fn surely(context: &Context, request: Request) -> Result<Answer, String> {
    let key = new_key();
    let mut tries = 0;
    loop {
        tries += 1;
        match context.write(key, request.clone()).await {
            Ok((answer, _)) => return Ok(answer),
            Err(error) if tries == TRIES => return Err(error.message().to_owned()),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

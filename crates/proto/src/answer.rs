//! The mark of a master's own word. A status without it was made up by the transport, or comes from a
//! server that is no master, and then the outcome of a write is not known.

use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataValue;

/// Metadata key of the mark.
const ANSWERED: &str = "vesta-answered";

/// Metadata key of the pause after which the same request should be sent again, in milliseconds; the
/// name is gRPC's own (retry design A6), so other clients know it too.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The longest pause that is believed.
const PUSHBACK_MAX: Duration = Duration::from_secs(60);

/// The status, marked as a master's own word.
#[must_use]
pub fn marked(mut status: Status) -> Status {
    let mark = MetadataValue::from_static("1");
    status.metadata_mut().insert(ANSWERED, mark);
    status
}

/// Whether a master said this, and not the transport or another server.
pub fn is_answer(status: &Status) -> bool {
    status.metadata().contains_key(ANSWERED)
}

/// Busy: nothing was done, and the same request should be sent again after `pause`.
#[must_use]
pub fn busy(message: impl Into<String>, pause: Duration) -> Status {
    let mut status = marked(Status::resource_exhausted(message));
    let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    status.metadata_mut().insert(PUSHBACK, millis.into());
    status
}

/// How long to wait before the same request is sent again, if a master said that it is busy.
pub fn busy_for(status: &Status) -> Option<Duration> {
    if !is_answer(status) {
        return None;
    }
    let millis = status.metadata().get(PUSHBACK)?.to_str().ok()?;
    let pause = millis.parse().ok().map(Duration::from_millis)?;
    Some(pause.min(PUSHBACK_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_believed_of_a_master_alone_and_within_reason() {
        let busy = busy("many", Duration::from_millis(250));
        assert_eq!(busy_for(&busy), Some(Duration::from_millis(250)));
        let mut other = Status::resource_exhausted("quota");
        other.metadata_mut().insert(PUSHBACK, 250.into());
        assert_eq!(busy_for(&other), None);
        let limit = marked(Status::resource_exhausted("100000 drivers"));
        assert_eq!(busy_for(&limit), None);
        assert_eq!(
            busy_for(&super::busy("many", Duration::MAX)),
            Some(PUSHBACK_MAX)
        );
    }
}

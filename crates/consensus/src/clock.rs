//! openraft's instants as tokio's.

use std::sync::OnceLock;

use openraft::Instant as _;
use openraft_rt_tokio::TokioInstant;
use tokio::time::Instant;

/// The same moment on tokio's clock, or a little earlier, never later: it says until when a quorum
/// is known to have followed this leader.
pub(crate) fn to_tokio(instant: TokioInstant) -> Instant {
    static ANCHOR: OnceLock<(Instant, TokioInstant)> = OnceLock::new();
    // In this order: whatever passes between the two readings makes results earlier.
    let (ours, theirs) = *ANCHOR.get_or_init(|| (Instant::now(), TokioInstant::now()));
    if instant >= theirs {
        ours + (instant - theirs)
    } else {
        ours - (theirs - instant)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_converted_instant_is_never_later_and_hardly_earlier() {
        let before = TokioInstant::now();
        let _ = to_tokio(before);
        let (theirs, ours) = (TokioInstant::now(), Instant::now());
        let converted = to_tokio(theirs);
        assert!(converted <= ours);
        assert!(ours - converted < Duration::from_secs(1));
        assert_eq!(
            to_tokio(theirs + Duration::from_secs(2)) - converted,
            Duration::from_secs(2)
        );
    }
}

//! Waiting for a condition, with a bound.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// A condition that did not come true in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("waited {after:?} for {what}, in vain")]
pub struct TimedOut {
    /// What was waited for.
    pub what: String,
    /// How long.
    pub after: Duration,
}

/// Waits until `condition` is true; looks every 20 ms.
///
/// # Errors
/// When it is not true within `timeout`. A look that never returns counts too.
pub async fn wait_until(
    what: impl Into<String>,
    timeout: Duration,
    mut condition: impl AsyncFnMut() -> bool,
) -> Result<(), TimedOut> {
    wait_for(what, timeout, async || condition().await.then_some(())).await
}

/// Waits until `value` is there; looks every 20 ms.
///
/// # Errors
/// When it is not there within `timeout`. A look that never returns counts too.
pub async fn wait_for<T>(
    what: impl Into<String>,
    timeout: Duration,
    mut value: impl AsyncFnMut() -> Option<T>,
) -> Result<T, TimedOut> {
    let begun = Instant::now();
    let look = async {
        loop {
            if let Some(value) = value().await {
                return value;
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::time::timeout(timeout, look)
        .await
        .map_err(|_| TimedOut {
            what: what.into(),
            after: begun.elapsed().max(timeout),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_comes_true_ends_the_wait() {
        let mut looks = 0;
        let value = wait_for("the third look", Duration::from_secs(10), async || {
            looks += 1;
            (looks == 3).then_some("there")
        });
        assert_eq!(value.await, Ok("there"));
        assert_eq!(looks, 3);
    }

    #[tokio::test]
    async fn a_wait_in_vain_names_what_was_waited_for() {
        let short = Duration::from_millis(30);
        let never = wait_until("a leader", short, async || false).await;
        let text = never.unwrap_err().to_string();
        assert!(text.contains("a leader"), "{text}");
        let stuck = wait_until("an answer", short, async || {
            std::future::pending::<bool>().await
        });
        assert!(stuck.await.is_err());
    }
}

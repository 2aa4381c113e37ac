//! What masters and workers have in common as processes.

use crate::exit::Failure;

/// Sets up what a long-lived process needs before it begins.
///
/// # Errors
/// `Refused` when the mark of the process that started it can't be understood.
pub fn prepare() -> Result<(), Failure> {
    crate::faults::begin();
    if cfg!(feature = "faults") {
        tracing::warn!(
            "built with the feature `faults`, in which tests break this program from outside: \
             never deploy it"
        );
    }
    // A process of a local cluster must not outlive the one that started it.
    vesta_local::watch_parent().map_err(|error| Failure::Refused(error.to_string()))
}

/// From now on a signal asks this process to end, whatever it does just then. What is returned completes
/// when one has, and says so in the log.
///
/// # Errors
/// `Refused` when signals can't be caught.
pub fn asked_to_end(
    role: &'static str,
) -> Result<impl Future<Output = ()> + Send + use<>, Failure> {
    let interrupted = vesta_local::interrupted()
        .map_err(|error| Failure::Refused(format!("signals can't be caught: {error}")))?;
    Ok(async move {
        let how = interrupted.await;
        tracing::info!(how, "the {role} was asked to end");
    })
}

/// An error with all its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some texts hold their cause's already.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

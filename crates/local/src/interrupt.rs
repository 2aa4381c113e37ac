//! Being asked to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Completes when this process is asked to end: Ctrl-C, SIGTERM, or its terminal is closed. Its value
/// says which.
///
/// The processes of a cluster are in groups of their own, so a terminal's Ctrl-C does not reach them.
/// Whoever holds a [`crate::Cluster`] races its work against this, and drops or stops the cluster.
///
/// # Errors
/// When no handler can be installed.
pub async fn interrupted() -> std::io::Result<&'static str> {
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    let next = async |signal: &mut Signal| {
        if signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = next(&mut int) => Ok("Ctrl-C"),
        () = next(&mut term) => Ok("SIGTERM"),
        () = next(&mut hup) => Ok("SIGHUP"),
    }
}

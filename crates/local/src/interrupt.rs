//! Being asked to end.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// From now on this process is asked to end by Ctrl-C, SIGTERM or its terminal's end, and no longer ended:
/// what is returned completes then, and says which it was. That holds at once, and not only when it is
/// first waited for.
///
/// The processes of a cluster are in groups of their own, so a terminal's Ctrl-C does not reach them.
/// Whoever holds a [`crate::Cluster`] races its work against this, and drops or stops the cluster.
///
/// # Errors
/// When no handler can be installed.
///
/// # Panics
/// Outside a tokio runtime.
pub fn interrupted() -> std::io::Result<impl Future<Output = &'static str> + Send> {
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            () = next(&mut int) => "Ctrl-C",
            () = next(&mut term) => "SIGTERM",
            () = next(&mut hup) => "SIGHUP",
        }
    })
}

async fn next(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

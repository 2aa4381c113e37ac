//! Takes the connections that peers make.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;

use super::shared::Shared;

/// Before the next try when a connection can't be taken: no file descriptors are left, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes connections for ever.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                if let Err(full) = shared.open(stream, remote, false) {
                    tracing::warn!(%remote, "refused a connection: {full}");
                }
            }
            Err(error) => {
                tracing::warn!("can't take a connection, trying again: {error}");
                shared.make_room();
                sleep(PAUSE).await;
            }
        }
    }
}

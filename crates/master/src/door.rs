//! The port's door: no more connections than there are places.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tonic::transport::server::Connected;
use vesta_net::{Listener, Stream as Connection};

/// How often the log says that connections are turned away.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Pause after an `accept` that failed (no file descriptors left, most likely): it would fail again at
/// once.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection that holds a place.
pub struct Guarded {
    stream: Connection,
    _place: OwnedSemaphorePermit,
}

/// The connections that come to `listener`, at most `places` at a time; one more is closed at once, so
/// that whoever opens thousands takes no memory and learns it.
pub fn bounded(listener: Listener, places: usize) -> impl Stream<Item = io::Result<Guarded>> {
    let places = Arc::new(Semaphore::new(places));
    futures::stream::unfold(
        (listener, places, None),
        async |(listener, places, mut said)| {
            loop {
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        now_and_then(
                            &mut said,
                            || tracing::warn!(%error, "no connection is accepted"),
                        );
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    now_and_then(&mut said, || {
                        tracing::warn!(%peer, "too many connections: this one and others are closed");
                    });
                    continue;
                };
                let guarded = Guarded {
                    stream,
                    _place: place,
                };
                return Some((Ok(guarded), (listener, places, said)));
            }
        },
    )
}

fn now_and_then(said: &mut Option<Instant>, say: impl FnOnce()) {
    if said.is_none_or(|said| said.elapsed() > SAID_EVERY) {
        *said = Some(Instant::now());
        say();
    }
}

impl Connected for Guarded {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_connection_too_many_is_closed_and_a_place_that_is_left_is_given_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mut taken) = tokio::sync::mpsc::unbounded_channel();
        let door = tokio::spawn(async move {
            let mut door = std::pin::pin!(bounded(Listener::Tcp(listener), 1));
            while let Some(connection) = door.next().await {
                let _ = sender.send(connection.unwrap());
            }
        });
        let _first = TcpStream::connect(address).await.unwrap();
        let held = taken.recv().await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
        drop(held);
        let _third = TcpStream::connect(address).await.unwrap();
        assert!(taken.recv().await.is_some());
        door.abort();
    }
}

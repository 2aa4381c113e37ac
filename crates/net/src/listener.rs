//! Where connections come in.

use std::io;
use std::net::SocketAddr;

use futures::future::BoxFuture;
use tokio::net::TcpListener;

use crate::stream::{Io, Stream};

/// Takes the connections of a network that is not the machine's.
pub trait Accept: Send + Sync + 'static {
    /// The next connection, and who made it.
    ///
    /// # Errors
    /// When none can be taken now.
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Io>, SocketAddr)>>;
}

/// A bound address.
pub enum Listener {
    /// The machine's.
    Tcp(TcpListener),
    /// Of another network.
    Other(Box<dyn Accept>),
}

impl Listener {
    /// The next connection, and who made it. A small message does not wait there for the next one.
    ///
    /// # Errors
    /// When none can be taken now: no file descriptors are left, most likely.
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // One that is broken already tells so at the first read.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), peer))
            }
            Listener::Other(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Other(stream), peer))
            }
        }
    }

    /// Every connection that comes.
    pub fn incoming(self) -> impl futures::Stream<Item = io::Result<Stream>> + Send {
        futures::stream::unfold(self, async |listener| {
            let accepted = listener.accept().await.map(|(stream, _)| stream);
            Some((accepted, listener))
        })
    }
}

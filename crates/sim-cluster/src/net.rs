//! The simulated network as the masters and their clients see it.

use std::io;
use std::net::SocketAddr;

use futures::FutureExt;
use futures::future::BoxFuture;
use turmoil::net::{TcpListener, TcpStream};
use vesta_net::{Accept, Io, Net, Network};

/// Turmoil's TCP. Only within a simulated host.
struct Turmoil;

/// The network of a simulated host.
pub fn simulated() -> Net {
    Net::simulated(Turmoil)
}

impl Network for Turmoil {
    fn dial(&self, address: String) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        async move {
            let stream = TcpStream::connect(address).await?;
            Ok(Box::new(stream) as Box<dyn Io>)
        }
        .boxed()
    }

    fn listen(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        async move {
            let listener = TcpListener::bind(address).await?;
            Ok(Box::new(Listening(listener)) as Box<dyn Accept>)
        }
        .boxed()
    }
}

struct Listening(TcpListener);

impl Accept for Listening {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Io>, SocketAddr)>> {
        async move {
            let (stream, peer) = self.0.accept().await?;
            Ok((Box::new(stream) as Box<dyn Io>, peer))
        }
        .boxed()
    }
}

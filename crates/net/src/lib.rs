//! How processes reach each other: the machine's TCP, or a network of a simulation's own at its place.
//!
//! Masters dial and listen, and clients call them, through a [`Net`]. A program has the machine's; only a
//! simulation brings another one, and then the same code runs on links that it can cut, delay and hold.

mod listener;
mod stream;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint, Error};

pub use listener::{Accept, Listener};
pub use stream::{Io, Stream};

/// A network that is not the machine's.
pub trait Network: Send + Sync + 'static {
    /// Connects to `address`, `host:port`.
    ///
    /// # Errors
    /// When nobody takes the connection. How long that may take is the caller's to bound.
    fn dial(&self, address: String) -> BoxFuture<'static, io::Result<Box<dyn Io>>>;

    /// Binds `address`.
    ///
    /// # Errors
    /// When it can't be bound.
    fn listen(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>>;
}

/// The network that a process is on: the machine's, if nothing else is said. Cheap to clone.
#[derive(Clone, Default)]
pub struct Net(Option<Arc<dyn Network>>);

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            None => "Net(TCP)",
            Some(_) => "Net(simulated)",
        })
    }
}

impl Net {
    /// A network of a simulation's own.
    pub fn simulated(network: impl Network) -> Net {
        Net(Some(Arc::new(network)))
    }

    /// A channel that dials when it is first used, and again when it broke.
    pub fn channel(&self, endpoint: &Endpoint) -> Channel {
        match &self.0 {
            None => endpoint.connect_lazy(),
            Some(network) => endpoint.connect_with_connector_lazy(connector(network)),
        }
    }

    /// A channel that has dialled.
    ///
    /// # Errors
    /// When nobody takes the connection.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Channel, Error> {
        match &self.0 {
            None => endpoint.connect().await,
            Some(network) => endpoint.connect_with_connector(connector(network)).await,
        }
    }

    /// Listens at `address`.
    ///
    /// # Errors
    /// When it can't be bound.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        Ok(match &self.0 {
            None => Listener::Tcp(TcpListener::bind(address).await?),
            Some(network) => Listener::Other(network.listen(address).await?),
        })
    }
}

/// A connection as hyper takes it.
type Dialled = TokioIo<Box<dyn Io>>;

/// A connection that is being made.
type Dialling = BoxFuture<'static, io::Result<Dialled>>;

/// Dials for tonic.
fn connector(
    network: &Arc<dyn Network>,
) -> impl tower::Service<Uri, Response = Dialled, Error = io::Error, Future = Dialling> + Send + 'static
{
    let network = Arc::clone(network);
    tower::service_fn(move |uri: Uri| -> Dialling {
        let address = uri.authority().map(ToString::to_string).unwrap_or_default();
        let dialled = network.dial(address);
        Box::pin(async move { Ok(TokioIo::new(dialled.await?)) })
    })
}

//! Connecting to a peer, and finding out why that can't be done.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::shared::Full;
use crate::address::RpcAddress;

/// Why a peer can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Its machine answers, and says that nobody listens there: the process is gone.
    #[error("{0} refuses connections: nobody listens there")]
    Refused(RpcAddress),
    /// Nothing was heard in time: nothing is known of the process.
    #[error("{0} did not answer within {1:?}")]
    TimedOut(RpcAddress, Duration),
    /// The host's name has no address.
    #[error("the host of {0} can't be resolved: {1}")]
    Unresolved(RpcAddress, io::Error),
    /// Another failure, of the network or of this machine: nothing is known of the process.
    #[error("{0} can't be reached: {1}")]
    Failed(RpcAddress, io::Error),
    /// There are too many connections here.
    #[error(transparent)]
    Full(#[from] Full),
}

/// Connects. A host with several addresses refuses only if all of them do.
pub(super) async fn connect(to: &RpcAddress, within: Duration) -> Result<TcpStream, DialError> {
    match timeout(within, try_all(to)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(DialError::TimedOut(to.clone(), within)),
    }
}

async fn try_all(to: &RpcAddress) -> Result<TcpStream, DialError> {
    let unresolved = |error| DialError::Unresolved(to.clone(), error);
    let found = lookup_host((to.plain_host(), to.port))
        .await
        .map_err(unresolved)?;
    let mut refused = false;
    let mut failed = None;
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) if is_itself(&stream) => refused = true,
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => refused = true,
            Err(error) => failed = Some(error),
        }
    }
    Err(match failed {
        None if refused => DialError::Refused(to.clone()),
        None => unresolved(io::Error::other("its name has no address")),
        Some(error) => DialError::Failed(to.clone(), error),
    })
}

/// A port where nobody listens can be the very one that the system gave this end: then TCP connects it to itself.
fn is_itself(stream: &TcpStream) -> bool {
    stream.local_addr().ok() == stream.peer_addr().ok()
}

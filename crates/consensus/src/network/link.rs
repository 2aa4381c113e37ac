//! Connections to the other masters: two per peer, dialled when first needed and again when broken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tonic::transport::{Channel, Endpoint};
use vesta_net::Net;
use vesta_proto::raft::raft_client::RaftClient;

use crate::limits::{CONNECT_TIMEOUT, KEEPALIVE, MESSAGE_BYTES_MAX};

/// The two connections to one peer. Entries and snapshots can be large: heartbeats and votes must
/// not queue behind them.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) control: RaftClient<Channel>,
    pub(crate) data: RaftClient<Channel>,
}

impl Link {
    fn new(net: &Net, address: &str) -> Result<Link, String> {
        Ok(Link {
            control: client(net, address)?,
            data: client(net, address)?,
        })
    }
}

/// A connection that dials by itself; the name in `address` is resolved anew at each dial.
pub(crate) fn client(net: &Net, address: &str) -> Result<RaftClient<Channel>, String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| format!("{address:?} is not host:port: {error}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    Ok(RaftClient::new(net.channel(&endpoint))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX))
}

/// What may be under way before the other side has to acknowledge it: a few parts of a snapshot.
pub(crate) const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// All links of this node by (node id, address): openraft makes a new client for every vote, the
/// connections stay.
pub(crate) struct Links {
    net: Net,
    known: Mutex<HashMap<u64, (String, Link)>>,
}

impl Links {
    pub(crate) fn new(net: Net) -> Links {
        Links {
            net,
            known: Mutex::default(),
        }
    }

    pub(crate) fn net(&self) -> &Net {
        &self.net
    }

    pub(crate) fn to(&self, node_id: u64, address: &str) -> Result<Link, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((old, link)) = known.get(&node_id)
            && old == address
        {
            return Ok(link.clone());
        }
        let link = Link::new(&self.net, address)?;
        known.insert(node_id, (address.to_owned(), link.clone()));
        Ok(link)
    }
}

//! Where the masters are, and a channel to each that was asked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use vesta_net::Net;
use vesta_types::limits::MESSAGE_BYTES_MAX;

use crate::options::ClientOptions;
use crate::{ClientError, MasterList, Refusal};

/// Most members that are taken from an answer: more than any cluster has.
const MEMBERS_MAX: usize = 32;

/// HTTP/2 pings, idle connections included, and how long their answer may take: finds a master that
/// is paused or vanished without closing.
const KEEPALIVE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Pool {
    net: Net,
    configured: Vec<String>,
    connect: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    members: Vec<String>,
    /// Who answered last.
    preferred: Option<String>,
    channels: HashMap<String, Channel>,
}

impl Pool {
    pub(crate) fn new(net: Net, masters: &MasterList, options: &ClientOptions) -> Pool {
        let configured = masters.addresses().to_vec();
        Pool {
            net,
            configured,
            connect: options.connect,
            state: Mutex::default(),
        }
    }

    /// Every known master in the order in which they are worth asking: who answered last, the members
    /// as the masters named them, then those that the user named.
    pub(crate) fn candidates(&self) -> Vec<String> {
        let state = self.lock();
        let all = state
            .preferred
            .iter()
            .chain(&state.members)
            .chain(&self.configured);
        let mut candidates: Vec<String> = Vec::new();
        for address in all {
            if !candidates.contains(address) {
                candidates.push(address.clone());
            }
        }
        candidates
    }

    /// The channel to `address`; it connects when it is first used and again when it broke.
    pub(crate) fn channel(&self, address: &str) -> Result<Channel, ClientError> {
        let mut state = self.lock();
        if let Some(channel) = state.channels.get(address) {
            return Ok(channel.clone());
        }
        let channel = self.net.channel(&endpoint(address, self.connect)?);
        state.channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    pub(crate) fn answered(&self, address: &str) {
        let mut state = self.lock();
        if state.preferred.as_deref() != Some(address) {
            state.preferred = Some(address.to_owned());
        }
    }

    /// Takes what an answer says of the members, if it does.
    pub(crate) fn take(&self, metadata: &MetadataMap) {
        let named = metadata.get(vesta_proto::MEMBERS);
        let Some(named) = named.and_then(|named| named.to_str().ok()) else {
            return;
        };
        let members = named.split(',').map(str::trim).filter(|it| !it.is_empty());
        self.learn(members.take(MEMBERS_MAX).map(str::to_owned).collect());
    }

    /// Takes the members as a master named them. Channels to others are closed.
    pub(crate) fn learn(&self, members: Vec<String>) {
        if members.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.members == members {
            return;
        }
        let known =
            |address: &String| members.contains(address) || self.configured.contains(address);
        state.channels.retain(|address, _| known(address));
        if state
            .preferred
            .as_ref()
            .is_some_and(|address| !known(address))
        {
            state.preferred = None;
        }
        state.members = members;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and any state of it is a valid one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a master is dialled.
pub(crate) fn endpoint(address: &str, connect: Duration) -> Result<Endpoint, ClientError> {
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).map_err(|_| ClientError::Refused {
            reason: Refusal::Invalid,
            message: format!("{address:?} is not the address of a master, host:port"),
        })?;
    Ok(endpoint
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true))
}

/// The largest answer that is taken, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool {
        let masters = "vesta://a,b".parse().unwrap();
        Pool::new(Net::default(), &masters, &ClientOptions::default())
    }

    #[test]
    fn members_are_asked_before_what_the_user_named_and_who_answered_first_of_all() {
        let pool = pool();
        assert_eq!(pool.candidates(), ["a:7700", "b:7700"]);
        pool.learn(vec!["c:7700".into(), "b:7700".into()]);
        assert_eq!(pool.candidates(), ["c:7700", "b:7700", "a:7700"]);
        pool.answered("b:7700");
        assert_eq!(pool.candidates(), ["b:7700", "c:7700", "a:7700"]);
    }

    #[test]
    fn a_master_that_left_is_not_asked_any_more() {
        let pool = pool();
        pool.learn(vec!["c:7700".into()]);
        pool.answered("c:7700");
        pool.learn(vec!["d:7700".into()]);
        assert_eq!(pool.candidates(), ["d:7700", "a:7700", "b:7700"]);
    }

    #[test]
    fn an_empty_member_list_is_no_news() {
        let pool = pool();
        pool.learn(vec!["c:7700".into()]);
        pool.learn(vec![]);
        assert_eq!(pool.candidates(), ["c:7700", "a:7700", "b:7700"]);
    }

    #[test]
    fn every_answer_may_name_the_members() {
        let pool = pool();
        let mut metadata = MetadataMap::new();
        pool.take(&metadata);
        assert_eq!(pool.candidates(), ["a:7700", "b:7700"]);
        metadata.insert(vesta_proto::MEMBERS, "c:7700, d:7700,".parse().unwrap());
        pool.take(&metadata);
        assert_eq!(pool.candidates(), ["c:7700", "d:7700", "a:7700", "b:7700"]);
    }
}

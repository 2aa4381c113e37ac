//! Connections that can be cut, or carry nothing for a while: relays before each master.

use std::net::SocketAddr;

use vesta_local::{Cluster, Manners, Relay};

/// Relays before the masters of a cluster, which advertise them as their own addresses.
pub struct Proxies {
    relays: Vec<Relay>,
}

impl Proxies {
    /// Puts one before each master of a cluster that is not started yet.
    pub async fn before(cluster: &Cluster) -> Proxies {
        let mut relays = Vec::new();
        let mut addresses = Vec::new();
        for master in &cluster.masters {
            let relay = Relay::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            relay.lead_to(master.address());
            addresses.push((master.address(), relay.address()));
            relays.push(relay);
        }
        for master in &cluster.masters {
            advertise(&master.config(), &addresses);
        }
        Proxies { relays }
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.relays.iter().map(Relay::open).sum()
    }

    /// Resets every connection that is open now. Returns how many there were.
    pub fn cut(&self) -> usize {
        self.cut_some(|| true)
    }

    /// Resets those open connections for which `which` says so. Returns how many they were.
    pub fn cut_some(&self, mut which: impl FnMut() -> bool) -> usize {
        let relays = self.relays.iter();
        relays.map(|relay| relay.cut(&mut which)).sum()
    }

    /// Swallows everything, in both directions, from now on; nobody is told. TCP will have it sent again
    /// when packets come through once more.
    pub fn hold(&self) {
        self.behave(&Manners {
            hold: true,
            ..Manners::default()
        });
    }

    /// Lets everything through again.
    pub fn release(&self) {
        self.behave(&Manners::default());
    }

    fn behave(&self, manners: &Manners) {
        for relay in &self.relays {
            relay.behave(manners.clone());
        }
    }
}

/// Writes the relays' addresses into a master's list of masters, in the place of their own.
fn advertise(config: &std::path::Path, addresses: &[(SocketAddr, SocketAddr)]) {
    let text = std::fs::read_to_string(config).unwrap();
    let mut settings: toml::Table = text.parse().unwrap();
    let peers = settings["peers"].as_array_mut().unwrap();
    for peer in peers {
        let mut text = peer.as_str().unwrap().to_owned();
        for (own, relay) in addresses {
            text = text.replace(&format!("={own}/"), &format!("={relay}/"));
        }
        *peer = text.into();
    }
    std::fs::write(config, settings.to_string()).unwrap();
}

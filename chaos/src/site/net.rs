//! Nodes in network namespaces of their own on one bridge, and links between them that can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::commands::{run, run_with};

/// The bridge that all are on.
const BRIDGE: &str = "chaos0";

/// The run itself, on the bridge; no cut touches it.
const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);

/// The name of the namespace that clients are in.
pub const CLIENTS: &str = "clients";

/// What does not pass from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// Who sends.
    pub from: String,
    /// Who would get it.
    pub to: String,
    /// Of a hundred packets so many are dropped.
    pub percent: u8,
}

impl Cut {
    /// Nothing passes from `from` to `to`.
    pub fn whole(from: &str, to: &str) -> Cut {
        Cut {
            from: from.to_owned(),
            to: to.to_owned(),
            percent: 100,
        }
    }

    /// Nothing passes between the two, in either direction.
    pub fn both(one: &str, other: &str) -> [Cut; 2] {
        [Cut::whole(one, other), Cut::whole(other, one)]
    }
}

#[derive(Clone, Debug)]
struct Member {
    /// Its own address.
    ip: Ipv4Addr,
    /// Its relays' address: what others send to it goes there, and comes from there.
    relay: Option<Ipv4Addr>,
}

/// The nodes and what is cut between them. Names are those of nodes (`master-1`) and [`CLIENTS`].
#[derive(Debug)]
pub struct Net {
    members: BTreeMap<String, Member>,
    cuts: BTreeMap<u64, Vec<Cut>>,
    ruled: BTreeSet<String>,
    dropped: BTreeMap<String, u64>,
    next: u64,
}

impl Net {
    /// The bridge, and on it a namespace for the clients. To be called in namespaces of the run's own.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> Result<Net> {
        run("ip", &["link", "add", BRIDGE, "type", "bridge"])?;
        address(OWN)?;
        run("ip", &["link", "set", BRIDGE, "up"])?;
        let mut net = Net {
            members: BTreeMap::new(),
            cuts: BTreeMap::new(),
            ruled: BTreeSet::new(),
            dropped: BTreeMap::new(),
            next: 0,
        };
        net.add(CLIENTS, Ipv4Addr::new(10, 77, 0, 200), None)?;
        Ok(net)
    }

    /// Adds the master `number`. Returns its own address and its relays'.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn add_master(&mut self, number: u8) -> Result<(Ipv4Addr, Ipv4Addr)> {
        let (ip, relay) = (
            Ipv4Addr::new(10, 77, 0, number),
            Ipv4Addr::new(10, 77, 1, number),
        );
        address(relay)?;
        self.add(&format!("master-{number}"), ip, Some(relay))?;
        Ok((ip, relay))
    }

    /// Adds the worker `number`. Returns its address.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn add_worker(&mut self, number: u8) -> Result<Ipv4Addr> {
        let ip = Ipv4Addr::new(10, 77, 2, number);
        self.add(&format!("worker-{number}"), ip, None)?;
        Ok(ip)
    }

    fn add(&mut self, name: &str, ip: Ipv4Addr, relay: Option<Ipv4Addr>) -> Result<()> {
        // Names of links have 15 letters at most.
        let link = format!("v-{name}");
        run("ip", &["netns", "add", name])?;
        let to = ["type", "veth", "peer", "name", "eth0", "netns", name];
        run("ip", &[&["link", "add", &link], &to[..]].concat())?;
        run("ip", &["link", "set", &link, "master", BRIDGE, "up"])?;
        let inside = |arguments: &[&str]| run("ip", &[&["-n", name], arguments].concat());
        inside(&["link", "set", "lo", "up"])?;
        inside(&["addr", "add", &format!("{ip}/16"), "dev", "eth0"])?;
        inside(&["link", "set", "eth0", "up"])?;
        self.members.insert(name.to_owned(), Member { ip, relay });
        Ok(())
    }

    /// What the command line of a process in a member's namespace begins with.
    pub fn prefix(name: &str) -> Vec<OsString> {
        vec!["nsenter".into(), format!("--net={}", path(name)).into()]
    }

    /// Everybody's name, but the clients'.
    pub fn nodes(&self) -> Vec<String> {
        let all = self.members.keys();
        all.filter(|name| *name != CLIENTS).cloned().collect()
    }

    /// Cuts these links, beside those that are cut already. Returns a number for [`Net::mend`].
    ///
    /// # Errors
    /// When a name is nobody's, or the system refuses.
    pub fn cut(&mut self, cuts: Vec<Cut>) -> Result<u64> {
        self.next += 1;
        self.cuts.insert(self.next, cuts);
        self.apply()?;
        Ok(self.next)
    }

    /// Takes back one [`Net::cut`].
    ///
    /// # Errors
    /// When the system refuses.
    pub fn mend(&mut self, number: u64) -> Result<()> {
        self.cuts.remove(&number);
        self.apply()
    }

    /// How many packets were dropped so far at these members.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn dropped(&mut self, at: &[String]) -> Result<u64> {
        let mut sum = 0;
        for name in at {
            sum += self.dropped.get(name).copied().unwrap_or(0) + self.count(name)?;
        }
        Ok(sum)
    }

    /// What a member's rules have dropped since they were set.
    fn count(&self, name: &str) -> Result<u64> {
        if !self.ruled.contains(name) {
            return Ok(0);
        }
        let rules = nft(name, &["list", "table", "inet", "chaos"], "")?;
        let counts = rules.split("counter packets ").skip(1);
        let counts = counts.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        Ok(counts.sum())
    }

    fn apply(&mut self) -> Result<()> {
        let cuts: BTreeSet<&Cut> = self.cuts.values().flatten().collect();
        let mut rules: BTreeMap<&str, [String; 2]> = BTreeMap::new();
        for cut in cuts {
            let [from, to] = [&cut.from, &cut.to].map(|name| {
                let member = self.members.get(name);
                member.with_context(|| format!("no node is named {name}"))
            });
            let (from, to) = (from?, to?);
            let drop = if cut.percent >= 100 {
                "counter drop".to_owned()
            } else {
                format!("numgen random mod 100 < {} counter drop", cut.percent)
            };
            let [_, output] = rules.entry(&cut.from).or_default();
            for address in to.relay.iter().chain([&to.ip]) {
                writeln!(output, "ip daddr {address} {drop}")?;
            }
            // What it answers to those who came through its relay.
            let [input, _] = rules.entry(&cut.to).or_default();
            if let Some(relay) = from.relay {
                writeln!(input, "ip saddr {relay} {drop}")?;
            }
        }
        let texts: BTreeMap<String, String> = rules
            .into_iter()
            .map(|(name, [input, output])| (name.to_owned(), table(&input, &output)))
            .collect();
        let open: Vec<String> = self.ruled.iter().cloned().collect();
        for name in open.iter().filter(|name| !texts.contains_key(*name)) {
            self.keep_count(name)?;
            nft(name, &["delete", "table", "inet", "chaos"], "")?;
            self.ruled.remove(name);
        }
        for (name, text) in texts {
            self.keep_count(&name)?;
            nft(&name, &["-f", "-"], &text)?;
            self.ruled.insert(name);
        }
        Ok(())
    }

    /// Remembers what the rules that are about to be replaced have dropped.
    fn keep_count(&mut self, name: &str) -> Result<()> {
        let count = self.count(name)?;
        *self.dropped.entry(name.to_owned()).or_default() += count;
        Ok(())
    }
}

/// A runtime whose every thread is in the clients' namespace.
///
/// # Errors
/// When it can't be made.
pub fn clients_runtime() -> Result<tokio::runtime::Runtime> {
    let space = File::open(path(CLIENTS)).context(path(CLIENTS))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("clients")
        .on_thread_start(move || {
            let moved = move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network));
            // In the wrong namespace it would connect to nobody, and everything would be unknown.
            moved.expect("the run made this namespace and may enter it");
        })
        .enable_all()
        .build()?;
    Ok(runtime)
}

fn path(name: &str) -> String {
    format!("/run/netns/{name}")
}

fn address(ip: Ipv4Addr) -> Result<()> {
    run("ip", &["addr", "add", &format!("{ip}/16"), "dev", BRIDGE]).map(|_| ())
}

fn nft(name: &str, arguments: &[&str], input: &str) -> Result<String> {
    let space = format!("--net={}", path(name));
    run_with("nsenter", &[&[&space, "nft"], arguments].concat(), input)
}

/// The whole table of one namespace, in the place of the one before.
fn table(input: &str, output: &str) -> String {
    format!(
        "table inet chaos\ndelete table inet chaos\ntable inet chaos {{\n\
         chain input {{\ntype filter hook input priority 0; policy accept;\n{input}}}\n\
         chain output {{\ntype filter hook output priority 0; policy accept;\n{output}}}\n}}\n"
    )
}

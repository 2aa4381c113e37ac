//! Values as people read them.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use vesta_client::proto::Addresses;
use vesta_types::Timestamp;

use crate::output::plain;

/// The first `most` characters, the last of them `…` if that is not all.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// How long ago it was, in the largest unit that fits.
pub(super) fn age(ms: u64) -> String {
    if ms == 0 {
        return "-".to_owned();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    let seconds = now.saturating_sub(ms / 1000);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A worker where there is little room: `host:port` if its id has Spark's form, which says when it was
/// made too.
pub(super) fn short_worker(id: &str) -> String {
    let address = || {
        let (made, address) = id.strip_prefix("worker-")?.split_once('-')?;
        let (host, port) = address.rsplit_once('-')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if made.len() != 14 || !is_number(made) || !is_number(port) || host.is_empty() {
            return None;
        }
        // An id can't hold the dots of an address.
        let dotted = host.replace('-', ".");
        let host = match dotted.parse::<Ipv4Addr>() {
            Ok(_) => dotted,
            Err(_) => host.to_owned(),
        };
        Some(format!("{host}:{port}"))
    };
    address().unwrap_or_else(|| or_dash(id))
}

/// A time, or `-` for none.
pub fn time(ms: u64) -> String {
    if ms == 0 {
        "-".to_owned()
    } else {
        Timestamp(ms).to_string()
    }
}

pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

/// Why something waits, else how it ended, else nothing.
pub(super) fn why(waiting_because: &str, message: &str) -> String {
    if waiting_because.is_empty() {
        message.to_owned()
    } else {
        waiting_because.to_owned()
    }
}

/// Names and values, one under the other; those without a value are left out.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let known = facts.iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(name, value)| format!("{name:<13}{}", plain(value)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Named resources and how much of each is asked for: `gpu=1, fpga=2`.
pub(super) fn amounts(named: &HashMap<String, u32>) -> String {
    let sorted: BTreeMap<_, _> = named.iter().collect();
    let each = sorted.iter().map(|(name, count)| format!("{name}={count}"));
    each.collect::<Vec<_>>().join(", ")
}

/// Ports by their names: `rpc=20000 ui=20001`.
pub(super) fn ports(ports: &HashMap<String, String>) -> String {
    let ports: BTreeMap<_, _> = ports.iter().collect();
    let each = ports.iter().map(|(name, port)| format!("{name}={port}"));
    each.collect::<Vec<_>>().join(" ")
}

/// Named resources and the addresses of each: `gpu=0,1 fpga=a`.
pub(super) fn addresses(named: &HashMap<String, Addresses>) -> String {
    let sorted: BTreeMap<_, _> = named.iter().collect();
    let each = sorted
        .iter()
        .map(|(name, held)| format!("{name}={}", held.addresses.join(",")));
    each.collect::<Vec<_>>().join(" ")
}

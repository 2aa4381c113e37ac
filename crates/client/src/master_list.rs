//! The masters as a user names them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use vesta_proto::error::shown;

/// The port that a master takes clients and workers on if none is named.
pub const DEFAULT_PORT: u16 = 7700;

const SCHEME: &str = "vesta://";

/// Most masters in one list: far above any cluster, and a bound on what a list can cost.
const MASTERS_MAX: usize = 64;

/// Why a text is not a list of masters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterListError {
    /// It begins with something else than `vesta://`.
    #[error(
        "{found} is not a list of masters: it begins with vesta://, as in vesta://m1:7700,m2:7700,m3:7700"
    )]
    Scheme {
        /// The text, shown.
        found: String,
    },
    /// It names nobody.
    #[error("vesta:// names no master: write vesta://host:port, several separated by commas")]
    Empty,
    /// One of its parts has no host.
    #[error("{found} in the list of masters has no host: each is host or host:port, as in m1:7700")]
    NoHost {
        /// The part, shown.
        found: String,
    },
    /// One of its parts has a host that can't be one.
    #[error("{found} in the list of masters is not host or host:port, as in m1:7700 or [::1]:7700")]
    Host {
        /// The part, shown.
        found: String,
    },
    /// One of its parts has a port that can't be one.
    #[error("the port of {found} in the list of masters is not a whole number from 1 to 65535")]
    Port {
        /// The part, shown.
        found: String,
    },
    /// It names too many.
    #[error("{found} masters in one list: at most {MASTERS_MAX}")]
    Many {
        /// How many.
        found: usize,
    },
}

/// One or more masters, `vesta://a:7700,b:7700,c`. Any one that answers is enough: they know the
/// others. Names are resolved anew at each dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterList(Vec<String>);

impl MasterList {
    /// The addresses as `host:port`, in the order in which they were named, each once.
    pub fn addresses(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for MasterList {
    type Err = MasterListError;

    fn from_str(text: &str) -> Result<MasterList, MasterListError> {
        let list = text
            .trim()
            .strip_prefix(SCHEME)
            .ok_or_else(|| MasterListError::Scheme { found: shown(text) })?;
        if list.is_empty() {
            return Err(MasterListError::Empty);
        }
        let count = list.split(',').count();
        if count > MASTERS_MAX {
            return Err(MasterListError::Many { found: count });
        }
        let mut addresses = Vec::new();
        for part in list.split(',') {
            let address = address(part.trim())?;
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(MasterList(addresses))
    }
}

/// `host:port` of one part of a list.
fn address(part: &str) -> Result<String, MasterListError> {
    let bad = || MasterListError::Host { found: shown(part) };
    let (host, port) = match part.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(bad)?;
            host.parse::<Ipv6Addr>().map_err(|_| bad())?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or_else(bad)?),
            };
            (format!("[{host}]"), port)
        }
        None => {
            let (host, port) = match part.split_once(':') {
                None => (part, None),
                Some((host, port)) => (host, Some(port)),
            };
            if host.is_empty() {
                return Err(MasterListError::NoHost { found: shown(part) });
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            if !host.chars().all(plain) {
                return Err(bad());
            }
            (host.to_owned(), port)
        }
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(digits) => digits
            .parse::<u16>()
            .ok()
            .filter(|port| *port > 0 && digits.chars().all(|c| c.is_ascii_digit()))
            .ok_or_else(|| MasterListError::Port { found: shown(part) })?,
    };
    Ok(format!("{host}:{port}"))
}

impl fmt::Display for MasterList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MasterList, MasterListError> {
        text.parse()
    }

    #[test]
    fn a_list_prints_as_it_was_read_with_the_default_port_filled_in() {
        let list = parse("vesta://a:7701,b-1.example.org,[::1],[fe80::2]:7702,a:7701").unwrap();
        let all = [
            "a:7701",
            "b-1.example.org:7700",
            "[::1]:7700",
            "[fe80::2]:7702",
        ];
        assert_eq!(list.addresses(), all);
        assert_eq!(parse(&list.to_string()), Ok(list));
    }

    #[test]
    fn a_text_that_is_no_list_is_refused_with_its_reason() {
        type Error = MasterListError;
        let shown = |text: &str| format!("{text:?}");
        for text in ["a:7700", "spark://a:7077", "http://a", ""] {
            assert_eq!(parse(text), Err(Error::Scheme { found: shown(text) }));
        }
        assert_eq!(parse("vesta://"), Err(Error::Empty));
        for (text, part) in [
            ("vesta://:7700", ":7700"),
            ("vesta://a,,b", ""),
            ("vesta://a,", ""),
        ] {
            assert_eq!(
                parse(text),
                Err(Error::NoHost { found: shown(part) }),
                "{text}"
            );
        }
        for part in ["a:", "a:0", "a:70000", "a:x", "a:+80", "a:1:2"] {
            let text = format!("vesta://{part}");
            assert_eq!(
                parse(&text),
                Err(Error::Port { found: shown(part) }),
                "{text}"
            );
        }
        for part in ["a/b", "a b:1", "[x]:1", "[::1", "[::1]7700", "a@b"] {
            let text = format!("vesta://{part}");
            assert_eq!(
                parse(&text),
                Err(Error::Host { found: shown(part) }),
                "{text}"
            );
        }
        let many = vec!["a"; MASTERS_MAX + 1].join(",");
        let found = MASTERS_MAX + 1;
        assert_eq!(
            parse(&format!("vesta://{many}")),
            Err(Error::Many { found })
        );
    }
}

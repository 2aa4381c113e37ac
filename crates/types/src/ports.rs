//! TCP ports that a launch asks for by `{{PORT:name}}`, and is given from its worker's range: addresses of
//! the named resource [`PORT`].

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{PORT_NAME_BYTES_MAX, PORTS_MAX};
use crate::{Booking, Launch};

/// The named resource whose addresses are port numbers.
pub const PORT: &str = "port";

const OPEN: &str = "{{PORT:";
const CLOSE: &str = "}}";

/// Why the ports that a launch asks for can't be given: what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPorts {
    /// What was found.
    pub found: String,
    /// What would be right.
    pub wanted: String,
}

/// What follows each `{{PORT:`, up to its end; all of the rest if it has none.
fn asked(text: &str) -> impl Iterator<Item = Result<&str, &str>> {
    let ends = |rest: &'_ str| rest.find(CLOSE);
    text.split(OPEN).skip(1).map(move |rest| match ends(rest) {
        Some(end) => Ok(&rest[..end]),
        None => Err(rest),
    })
}

/// A name is part of an environment variable's (`VESTA_PORT_NAME`), and no two become the same one.
fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    begins && text.len() <= PORT_NAME_BYTES_MAX && text.chars().all(plain)
}

impl Launch {
    fn texts(&self) -> impl Iterator<Item = &String> {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.chain(self.env.values())
    }

    /// The names of the ports that it asks for: each distinct one in its program, arguments and
    /// environment.
    pub fn ports(&self) -> BTreeSet<&str> {
        let asked = self.texts().flat_map(|text| asked(text)).flatten();
        asked.filter(|name| is_name(name)).collect()
    }

    /// # Errors
    /// When a `{{PORT:` names no port, or there are too many.
    pub fn check_ports(&self) -> Result<(), BadPorts> {
        for name in self.texts().flat_map(|text| asked(text)) {
            if !name.is_ok_and(is_name) {
                let (Ok(name) | Err(name)) = name;
                let shown: String = name.chars().take(PORT_NAME_BYTES_MAX).collect();
                return Err(BadPorts {
                    found: format!("{OPEN}{shown}"),
                    wanted: format!(
                        "{OPEN}name{CLOSE}, with a name of 1 to {PORT_NAME_BYTES_MAX} of a-z, 0-9 and _, \
                         a letter first"
                    ),
                });
            }
        }
        let count = self.ports().len();
        if count > PORTS_MAX {
            return Err(BadPorts {
                found: format!("{count} ports by name"),
                wanted: format!("at most {PORTS_MAX}"),
            });
        }
        Ok(())
    }

    /// Adds as many addresses of [`PORT`] as it asks for by name to what is asked for anyway.
    pub fn add_ports(&self, named: &mut BTreeMap<String, u32>) {
        let count = u32::try_from(self.ports().len()).unwrap_or(u32::MAX);
        if count > 0 {
            let all = named.entry(PORT.to_owned()).or_default();
            *all = all.saturating_add(count);
        }
    }

    /// Which port it gets under each name: names in order, addresses in order. Fewer than names if so
    /// few are booked.
    pub fn ports_of<'a>(&'a self, booking: &'a Booking) -> BTreeMap<&'a str, &'a str> {
        let addresses = booking.named.get(PORT).into_iter().flatten();
        self.ports()
            .into_iter()
            .zip(addresses.map(String::as_str))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(program: &str, args: &[&str], env: &[(&str, &str)]) -> Launch {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Launch {
            program: program.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: env.iter().map(owned).collect(),
            artifacts: Vec::new(),
            spark: None,
        }
    }

    #[test]
    fn each_distinct_name_is_one_port_wherever_it_stands() {
        let launch = launch(
            "./{{PORT:a}}",
            &["--ui={{PORT:ui}}", "{{PORT:a}},{{PORT:rpc_2}}", "{{CORES}}"],
            &[("UI", "{{{PORT:ui}}"), ("{{PORT:key}}", "x")],
        );
        assert_eq!(launch.check_ports(), Ok(()));
        assert_eq!(
            launch.ports().into_iter().collect::<Vec<_>>(),
            ["a", "rpc_2", "ui"]
        );
        let mut named = BTreeMap::from([("gpu".to_owned(), 1), (PORT.to_owned(), 1)]);
        launch.add_ports(&mut named);
        assert_eq!(
            named[PORT], 4,
            "beside those that are asked for without a name"
        );
        assert_eq!(named["gpu"], 1);
    }

    #[test]
    fn a_launch_without_ports_asks_for_none() {
        let launch = launch("x", &["{{PORT}}", "PORT:a"], &[]);
        let mut named = BTreeMap::new();
        launch.add_ports(&mut named);
        assert!(named.is_empty() && launch.check_ports().is_ok());
    }

    #[test]
    fn what_names_no_port_is_refused() {
        let long = format!("{{{{PORT:{}}}}}", "a".repeat(PORT_NAME_BYTES_MAX + 1));
        for wrong in [
            "{{PORT:}}",
            "{{PORT:A}}",
            "{{PORT:1}}",
            "{{PORT:a-b}}",
            "{{PORT:a",
            "{{PORT:a}",
            &long,
        ] {
            let bad = launch("x", &["{{PORT:a}}", wrong], &[]).check_ports();
            let bad = bad.expect_err(wrong);
            assert!(bad.found.starts_with("{{PORT:"), "{bad:?}");
        }
        let many: Vec<String> = (0..=PORTS_MAX)
            .map(|n| format!("{{{{PORT:p{n}}}}}"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(launch("x", &many[1..], &[]).check_ports().is_ok());
        assert!(launch("x", &many, &[]).check_ports().is_err());
    }

    #[test]
    fn names_get_addresses_in_order() {
        let launch = launch("x", &["{{PORT:b}}{{PORT:a}}"], &[]);
        let ports = ["20002", "20001", "20009"].map(str::to_owned);
        let mut booking = Booking::plain(1, 1);
        booking.named.insert(PORT.to_owned(), ports.into());
        let given = launch.ports_of(&booking);
        assert_eq!(given, BTreeMap::from([("a", "20001"), ("b", "20002")]));
    }
}

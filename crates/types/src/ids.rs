//! Ids of Spark's forms. They are minted once, by `apply` (a worker's by the worker), and never reused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;
use crate::limits::ID_BYTES_MAX;

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {wanted}")]
pub struct IdError {
    /// The text, cut to a printable length.
    pub found: String,
    /// What would have been right.
    pub wanted: &'static str,
}

impl IdError {
    pub(crate) fn new(found: &str, wanted: &'static str) -> IdError {
        IdError {
            found: found.chars().take(120).collect(),
            wanted,
        }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $plain:literal, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let tail = text.strip_prefix($prefix).unwrap_or_default();
                let plain = |c: char| c.is_ascii_alphanumeric() || $plain.contains(c);
                let good = !tail.is_empty() && text.len() <= ID_BYTES_MAX && tail.chars().all(plain)
                    && !tail.contains("..");
                if good { Ok($name(text.to_owned())) } else { Err(IdError::new(text, $wanted)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A worker's id, `worker-yyyyMMddHHmmss-host-port`; it lasts as long as the worker's directory. One of
    /// Spark's own has its host in it as it is, an IPv6 address in brackets too.
    WorkerId, "worker-", "-_.:[]", "a worker id such as worker-20261121110000-host-7710"
);
text_id!(
    /// An application's id, `app-yyyyMMddHHmmss-nnnn`.
    AppId, "app-", "-_.:", "an application id such as app-20261121110000-0000"
);
text_id!(
    /// A driver's id, `driver-yyyyMMddHHmmss-nnnn`; it stays the same over relaunches.
    DriverId, "driver-", "-_.:", "a driver id such as driver-20261121110000-0000"
);

impl WorkerId {
    /// A new worker's id. Characters of `host` that an id can't hold become `-`.
    pub fn mint(at: Timestamp, host: &str, port: u16) -> WorkerId {
        let host: String = host
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(64)
            .collect();
        WorkerId(format!("worker-{}-{host}-{port}", at.compact()))
    }
}

impl AppId {
    /// The id of the application with this number, registered at `at`.
    pub fn mint(at: Timestamp, number: u64) -> AppId {
        AppId(format!("app-{}-{number:04}", at.compact()))
    }

    /// The number at its end, if it is of Vesta's own form.
    pub fn number(&self) -> Option<u64> {
        self.0.rsplit('-').next()?.parse().ok()
    }
}

impl DriverId {
    /// The id of the driver with this number, submitted at `at`.
    pub fn mint(at: Timestamp, number: u64) -> DriverId {
        DriverId(format!("driver-{}-{number:04}", at.compact()))
    }

    /// The number at its end, if it is of Vesta's own form.
    pub fn number(&self) -> Option<u64> {
        self.0.rsplit('-').next()?.parse().ok()
    }
}

/// An executor: the application that it serves, and its number there, counted up from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecutorId {
    /// The application.
    pub app: AppId,
    /// The number within the application; never reused, over fail-overs too.
    pub number: u32,
}

impl fmt::Display for ExecutorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.number)
    }
}

/// The identity of a cluster, made when it is formed and new after a restore from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub Uuid);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl FromStr for ClusterId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::parse_str(text)
            .map(ClusterId)
            .map_err(|_| IdError::new(text, "a cluster id (a UUID)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_ids_have_spark_s_form_and_parse_back() {
        let at = Timestamp(1_795_258_800_000);
        let driver = DriverId::mint(at, 7);
        assert_eq!(driver.as_str(), "driver-20261121110000-0007");
        assert_eq!(driver.as_str().parse(), Ok(driver.clone()));
        assert_eq!(driver.number(), Some(7));
        assert_eq!(AppId::mint(at, 12345).as_str(), "app-20261121110000-12345");
        assert_eq!(
            WorkerId::mint(at, "a.b/c", 7710).as_str(),
            "worker-20261121110000-a-b-c-7710"
        );
    }

    #[test]
    fn the_ids_that_spark_s_own_workers_give_themselves_are_ids() {
        for id in [
            "worker-20261122001010-127.0.0.1-31167",
            "worker-20261122001010-ip-10-0-0-1.eu-west-1.compute.internal-7078",
            "worker-20261122001010-[::1]-31167",
            "worker-20261122001010-[fe80:0:0:0:1:2:3:4]-31167",
            "worker-20261122001010-node_7-31167",
        ] {
            assert_eq!(id.parse::<WorkerId>().unwrap().as_str(), id);
        }
        for id in ["worker-1-[../x]-1", "worker-1-a/b-1", "worker-1-a%b-1"] {
            assert!(id.parse::<WorkerId>().is_err(), "{id}");
        }
        assert!("app-[1]".parse::<AppId>().is_err());
    }

    #[test]
    fn a_text_that_could_leave_a_directory_is_not_an_id() {
        for text in [
            "driver-",
            "driver-../x",
            "driver-a/b",
            "app-1",
            "driver-a b",
            "driver-a..b",
            "",
        ] {
            assert!(text.parse::<DriverId>().is_err(), "{text:?}");
        }
    }
}

//! Where a process of Spark listens.

use std::fmt;

/// Where a process listens, as it says itself. Two are equal when they are written alike: peers compare them so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RpcAddress {
    /// A name or an IP address. Spark writes those of IPv6 in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl RpcAddress {
    /// An address.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// `spark://host:port`, as in the URLs of masters. A worker compares it with that of its master.
    #[must_use]
    pub fn spark_url(&self) -> String {
        format!("spark://{self}")
    }

    /// The host without brackets, for the resolver.
    #[must_use]
    pub fn plain_host(&self) -> &str {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        bare.unwrap_or(&self.host)
    }
}

/// `host:port`, with brackets around an IPv6 address.
impl fmt::Display for RpcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') && !self.host.starts_with('[') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

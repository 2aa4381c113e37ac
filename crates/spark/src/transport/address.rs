//! Who speaks to whom: addresses, names of endpoints, and how a message's body begins with them.
//!
//! ```text
//! body := addr(sender) addr(receiver) utf(endpoint) Java stream
//! addr := 00 | 01 utf(host) i32(port)
//! utf  := u16 length, modified UTF-8
//! ```

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use vesta_javaser::JavaString;

use crate::address::RpcAddress;

/// An endpoint of a process: `spark://name@host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointAddress {
    /// The process.
    pub address: RpcAddress,
    /// The endpoint: `Worker`, `AppClient`, `Master`.
    pub name: String,
}

impl EndpointAddress {
    /// An endpoint of the process at `address`.
    pub fn new(address: RpcAddress, name: impl Into<String>) -> Self {
        Self {
            address,
            name: name.into(),
        }
    }
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spark://{}@{}", self.name, self.address)
    }
}

impl FromStr for EndpointAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::Url(text.to_owned());
        let rest = text.strip_prefix("spark://").ok_or_else(wrong)?;
        let (name, address) = rest.split_once('@').ok_or_else(wrong)?;
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain = !host.contains([':', '@', '/', '[', ']']);
        if name.is_empty() || host.is_empty() || !(bracketed || plain) {
            return Err(wrong());
        }
        let port = port.parse().map_err(|_| wrong())?;
        Ok(Self::new(RpcAddress::new(host, port), name))
    }
}

/// What a message's body begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where the sender listens; nothing if it does not (executors).
    pub sender: Option<RpcAddress>,
    /// Whom the sender took us for. Nobody compares it.
    pub receiver: Option<RpcAddress>,
    /// Which of the receiver's endpoints is meant.
    pub endpoint: String,
}

/// An address, or the beginning of a body, is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not the name of an endpoint.
    #[error("`{0}` does not name an endpoint: that would be like spark://Master@host:7077")]
    Url(String),
    /// The body is too short.
    #[error(
        "the body ends at byte {at}, inside the {field}; it begins with the addresses of the sender and of the \
         receiver and the name of an endpoint"
    )]
    Short {
        /// What was being read.
        field: &'static str,
        /// The body's length.
        at: usize,
    },
    /// Neither 0 nor 1.
    #[error(
        "byte {at} of the body, where the {field} begins, is {value:#04x}; it would be 0 (none) or 1{}",
        authentication(*.at, *.value)
    )]
    Flag {
        /// What was being read.
        field: &'static str,
        /// The offset.
        at: usize,
        /// The byte.
        value: u8,
    },
    /// Not a port.
    #[error("the {field} has the port {port}; ports are 0 to 65535")]
    Port {
        /// What was being read.
        field: &'static str,
        /// What stood there.
        port: i32,
    },
    /// Not a text.
    #[error("the {field} is not a text in modified UTF-8")]
    Text {
        /// What was being read.
        field: &'static str,
    },
    /// Does not fit the format.
    #[error("the {field} is {length} bytes long; the format holds 65535")]
    Long {
        /// What was being written.
        field: &'static str,
        /// Its length.
        length: usize,
    },
}

/// Spark's two ways to begin a connection of its with a shared secret.
fn authentication(at: usize, value: u8) -> &'static str {
    match (at, value) {
        (0, 0xEA) => ". This is how SASL begins: set spark.authenticate to false at the peer",
        (0, 0xFB) => {
            ". This is how encryption begins: set spark.authenticate and spark.network.crypto.enabled to false at the peer"
        }
        _ => "",
    }
}

const SENDER: &str = "sender's address";
const RECEIVER: &str = "receiver's address";
const ENDPOINT: &str = "name of the endpoint";

impl Envelope {
    /// Reads the beginning of a body; what remains of it is the message.
    ///
    /// # Errors
    /// When it does not begin so.
    pub fn read(body: &Bytes) -> Result<(Self, Bytes), AddressError> {
        let mut reader = Reader { bytes: body, at: 0 };
        let sender = reader.address(SENDER)?;
        let receiver = reader.address(RECEIVER)?;
        let endpoint = reader.text(ENDPOINT)?;
        let message = body.slice(reader.at..);
        Ok((
            Self {
                sender,
                receiver,
                endpoint,
            },
            message,
        ))
    }

    /// A body: the beginning, and `message`.
    ///
    /// # Errors
    /// When a host or a name is too long for the format.
    pub fn write(&self, message: &[u8]) -> Result<Bytes, AddressError> {
        let mut out = Vec::with_capacity(64 + message.len());
        write_address(&mut out, SENDER, self.sender.as_ref())?;
        write_address(&mut out, RECEIVER, self.receiver.as_ref())?;
        write_text(&mut out, ENDPOINT, &self.endpoint)?;
        out.extend_from_slice(message);
        Ok(Bytes::from(out))
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], AddressError> {
        let end = self.at.saturating_add(count);
        let short = AddressError::Short {
            field,
            at: self.bytes.len(),
        };
        let taken = self.bytes.get(self.at..end).ok_or(short)?;
        self.at = end;
        Ok(taken)
    }

    fn address(&mut self, field: &'static str) -> Result<Option<RpcAddress>, AddressError> {
        let at = self.at;
        match self.take(field, 1)?[0] {
            0 => Ok(None),
            1 => {
                let host = self.text(field)?;
                let port = self.take(field, 4)?.try_into().expect("four bytes");
                let port = i32::from_be_bytes(port);
                let port = u16::try_from(port).map_err(|_| AddressError::Port { field, port })?;
                Ok(Some(RpcAddress { host, port }))
            }
            value => Err(AddressError::Flag { field, at, value }),
        }
    }

    fn text(&mut self, field: &'static str) -> Result<String, AddressError> {
        let count = self.take(field, 2)?.try_into().expect("two bytes");
        let bytes = self.take(field, usize::from(u16::from_be_bytes(count)))?;
        let wrong = AddressError::Text { field };
        let text = JavaString::from_bytes(bytes).map_err(|_| wrong.clone())?;
        Ok(text.to_str().ok_or(wrong)?.into_owned())
    }
}

fn write_address(
    out: &mut Vec<u8>,
    field: &'static str,
    address: Option<&RpcAddress>,
) -> Result<(), AddressError> {
    let Some(address) = address else {
        out.push(0);
        return Ok(());
    };
    out.push(1);
    write_text(out, field, &address.host)?;
    out.extend(i32::from(address.port).to_be_bytes());
    Ok(())
}

fn write_text(out: &mut Vec<u8>, field: &'static str, text: &str) -> Result<(), AddressError> {
    let text = JavaString::from(text);
    let length = text.as_bytes().len();
    let count = u16::try_from(length).map_err(|_| AddressError::Long { field, length })?;
    out.extend(count.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

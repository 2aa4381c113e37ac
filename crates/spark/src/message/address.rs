//! Where a process of Spark listens.

use std::fmt;

use vesta_javaser::Value;

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::writer::Writer;

/// A host and port, as Spark writes them into messages; a host is not resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RpcAddress {
    /// The host; an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl RpcAddress {
    /// `spark://host:port`, as in the URLs of masters. A worker compares it with that of its master.
    #[must_use]
    pub fn spark_url(&self) -> String {
        format!("spark://{self}")
    }

    pub(super) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            host: of.text("host")?,
            port: of.number("port")?,
        })
    }

    pub(super) fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let host = to.text(&self.host);
        let fields = [("host", host), ("port", Value::Int(self.port.into()))];
        to.object("org.apache.spark.rpc.RpcAddress", &fields)
    }

    /// A reference to the master's endpoint at this address. The timeout is that of Spark's masters; a peer asks
    /// through the reference with it.
    pub(super) fn build_master(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let unit = to.constant("java.util.concurrent.TimeUnit", "SECONDS")?;
        let duration = [("length", Value::Long(120)), ("unit", unit)];
        let duration = to.object("scala.concurrent.duration.FiniteDuration", &duration)?;
        let property = to.text("spark.rpc.askTimeout");
        let timeout = [("duration", duration), ("timeoutProp", property)];
        let timeout = to.object("org.apache.spark.rpc.RpcTimeout", &timeout)?;
        let address = self.build(to)?;
        let name = to.text("Master");
        let shown = to.text(&format!("spark://Master@{self}"));
        let endpoint = [("name", name), ("rpcAddress", address), ("toString", shown)];
        let endpoint = to.object("org.apache.spark.rpc.RpcEndpointAddress", &endpoint)?;
        let reference = [
            ("endpointAddress", endpoint),
            ("defaultAskTimeout", timeout),
        ];
        to.object("org.apache.spark.rpc.netty.NettyRpcEndpointRef", &reference)
    }
}

impl fmt::Display for RpcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

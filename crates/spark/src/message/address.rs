//! How addresses and references stand in messages.

use vesta_javaser::Value;

use crate::address::RpcAddress;

use super::error::{MessageError, WriteError};
use super::fields::Fields;
use super::writer::Writer;

impl RpcAddress {
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

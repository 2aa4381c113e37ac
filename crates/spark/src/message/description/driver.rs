//! What a driver is and how it is started.

use std::fmt;

use vesta_javaser::scala::build;
use vesta_javaser::{Value, View};
use vesta_types::SparkCommand;

use super::command;
use crate::message::error::{MessageError, WriteError};
use crate::message::fields::Fields;
use crate::message::writer::{Writer, int};

/// What a driver is and how it is started. It is plain data: a worker of any release can be given it. `Debug` shows
/// nothing of how it is started.
#[derive(Clone, PartialEq, Eq)]
pub struct DriverDescription {
    /// Where its jar is.
    pub jar_url: String,
    /// Its memory, in MiB.
    pub memory_mib: u64,
    /// Its cores.
    pub cores: u32,
    /// Whether it is started again when it fails.
    pub supervise: bool,
    /// How it is started.
    pub command: SparkCommand,
    /// Named resources that it needs.
    pub resources: Vec<ResourceRequirement>,
}

/// How much of a named resource a driver needs (`org.apache.spark.resource.ResourceRequirement`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRequirement {
    /// The resource, as `gpu`.
    pub name: String,
    /// How many addresses.
    pub amount: u32,
    /// Into how many parts each address is divided; 1 for drivers.
    pub parts: u32,
}

impl DriverDescription {
    pub(in crate::message) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let requirement = |of: Fields<'_>| {
            Ok(ResourceRequirement {
                name: of.text("resourceName")?,
                amount: of.number("amount")?,
                parts: of.number("numParts")?,
            })
        };
        Ok(Self {
            jar_url: of.text("jarUrl")?,
            memory_mib: of.number("mem")?,
            cores: of.number("cores")?,
            supervise: of.get("supervise", View::bool)?,
            command: command::read(of)?,
            resources: of.each("resourceReqs", requirement)?,
        })
    }

    pub(in crate::message) fn build(&self, to: &mut Writer<'_>) -> Result<Value, WriteError> {
        let mut requirements = Vec::new();
        for requirement in &self.resources {
            let fields = [
                ("resourceName", to.text(&requirement.name)),
                (
                    "amount",
                    int("the amount of a resource", requirement.amount)?,
                ),
                (
                    "numParts",
                    int("the parts of a resource", requirement.parts)?,
                ),
            ];
            let class = "org.apache.spark.resource.ResourceRequirement";
            requirements.push(to.object(class, &fields)?);
        }
        let fields = [
            ("jarUrl", to.text(&self.jar_url)),
            ("mem", int("the driver's memory", self.memory_mib)?),
            ("cores", int("the driver's cores", self.cores)?),
            ("supervise", Value::Bool(self.supervise)),
            ("command", command::build(&self.command, to)?),
            (
                "resourceReqs",
                build::list(&mut to.builder, to.library, &requirements)?,
            ),
        ];
        to.object("org.apache.spark.deploy.DriverDescription", &fields)
    }
}

impl fmt::Debug for DriverDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverDescription")
            .field("memory_mib", &self.memory_mib)
            .field("cores", &self.cores)
            .field("supervise", &self.supervise)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

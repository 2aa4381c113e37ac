//! What executors of one kind need.

use std::collections::BTreeMap;

use crate::message::error::MessageError;
use crate::message::fields::Fields;

/// What executors of one kind need (`org.apache.spark.resource.ResourceProfile`, without what is of tasks).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceProfile {
    /// Its number; 0 is the application's default.
    pub id: u32,
    /// How much of each resource an executor has: `cores` (if missing, all that a worker has), `memory`,
    /// `memoryOverhead`, `offHeap`, `pyspark.memory` (all in MiB), and named resources as `gpu`.
    pub executor_resources: BTreeMap<String, u64>,
    /// The number of the class, which tells some releases apart that are alike in all else: a worker of 4.2 can't read
    /// what an application of 4.3 describes.
    pub class_uid: i64,
}

impl ResourceProfile {
    pub(in crate::message) fn read(of: Fields<'_>) -> Result<Self, MessageError> {
        let amount = |request| Fields::new(request, of.context).long_number("amount");
        Ok(Self {
            id: of.number("_id")?,
            executor_resources: of.map("executorResources", amount)?,
            class_uid: of.view.class().map_or(0, |class| class.uid()),
        })
    }
}

//! The judgement.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What is concluded. The worst of several is the greatest.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// Everything that was looked at is as it must be.
    #[default]
    Valid,
    /// Too little is known. It is not a pass.
    Unknown,
    /// Something is not as it must be.
    Invalid,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Judgement::Valid => "valid",
            Judgement::Unknown => "unknown",
            Judgement::Invalid => "invalid",
        })
    }
}

/// `verdict.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of the checks'.
    pub judgement: Judgement,
    /// Every check, in a fixed order.
    pub checks: Vec<CheckResult>,
    /// What was measured.
    pub figures: Figures,
}

/// What one check came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Its name: `acknowledged`, say.
    pub check: String,
    /// What it demands, in a sentence.
    pub demands: String,
    /// What it came to.
    pub judgement: Judgement,
    /// How many things it looked at.
    pub looked_at: u64,
    /// How many findings there are, those too that are not kept.
    pub found: u64,
    /// The first of what it found.
    pub findings: Vec<Finding>,
}

/// A contradiction, or what keeps from concluding anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Invalid or unknown.
    pub judgement: Judgement,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The few lines that contradict each other.
    pub lines: Vec<String>,
}

/// What was measured: by name, in the unit that the name ends with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Single numbers.
    pub numbers: BTreeMap<String, f64>,
    /// Unavailability for writes of each fault that hit a leader, by its name: milliseconds, as the probe saw
    /// it.
    pub write_gaps_ms: BTreeMap<String, Vec<f64>>,
    /// Unavailability for writes at each change of the leader, milliseconds, as the probe saw it.
    pub failover_gaps_ms: Vec<f64>,
    /// From each fault that hit a leader to the next start of a process, milliseconds.
    pub start_gaps_ms: Vec<f64>,
    /// Overlap of two copies of a `keep` driver, milliseconds each.
    pub keep_overlaps_ms: Vec<f64>,
    /// How often each fault hit each phase: fault, then letter, or `all`.
    pub coverage: BTreeMap<String, BTreeMap<String, u32>>,
}

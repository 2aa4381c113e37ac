//! By what a worker finds every process of an instance.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// By what a worker finds, and so can end, every process of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Containment {
    /// Process groups, and a supervisor that inherits what forks away. What moved to another group *and*
    /// cleared its environment escapes if that supervisor is killed.
    #[default]
    ProcessGroups,
    /// A cgroup of version 1 per instance, in the freezer hierarchy: nothing escapes.
    Cgroup1,
    /// A cgroup of version 2 per instance: nothing escapes.
    Cgroup2,
}

impl Containment {
    /// Every way.
    pub const ALL: [Containment; 3] = [
        Containment::ProcessGroups,
        Containment::Cgroup1,
        Containment::Cgroup2,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Containment::ProcessGroups => "process-groups",
            Containment::Cgroup1 => "cgroup1",
            Containment::Cgroup2 => "cgroup2",
        }
    }
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Containment {
    type Err = String;

    fn from_str(text: &str) -> Result<Containment, String> {
        let mut all = Containment::ALL.into_iter();
        all.find(|it| it.as_str() == text)
            .ok_or_else(|| "process-groups, cgroup1 or cgroup2".to_owned())
    }
}

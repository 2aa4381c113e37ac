//! What becomes of a driver whose worker no master reaches.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What becomes of a driver whose worker no master reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnect {
    /// It goes on: losing the control plane stops no work. When its worker is declared lost, a supervised
    /// driver is started elsewhere at once, and the two overlap until the old copy can be stopped.
    #[default]
    Keep,
    /// It is ended there when its [`Lease`] is over, and started elsewhere only after that: at most one
    /// copy at a time.
    Stop,
}

impl OnDisconnect {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            OnDisconnect::Keep => "keep",
            OnDisconnect::Stop => "stop",
        }
    }
}

impl fmt::Display for OnDisconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OnDisconnect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<OnDisconnect, &'static str> {
        match text {
            "keep" => Ok(OnDisconnect::Keep),
            "stop" => Ok(OnDisconnect::Stop),
            _ => Err("keep or stop"),
        }
    }
}

/// How long a driver that is to [`Stop`](OnDisconnect::Stop) runs on without masters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// From the sending of its worker's last confirmed heartbeat until it is asked to end, in
    /// milliseconds of CLOCK_BOOTTIME.
    pub time_ms: u64,
    /// From there until it is killed, in milliseconds.
    pub grace_ms: u64,
}

impl Lease {
    /// How long after the worker was last heard nothing of the driver can run any more, in milliseconds:
    /// the worker's clock may be up to a tenth slower.
    pub const fn over_after_ms(self) -> u64 {
        let both = self.time_ms.saturating_add(self.grace_ms);
        both.saturating_add(self.time_ms / 10)
    }
}

//! One attempt of a driver or an executor, and what a worker says of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AppId, ClusterId, DriverId, IdError, Timestamp};

/// What an instance is an attempt of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// One attempt of a driver; attempts count from 1 and come only from `apply`.
    Driver {
        /// The driver.
        driver: DriverId,
        /// Which attempt.
        attempt: u32,
    },
    /// An executor. An executor is never tried again: its replacement has another number.
    Executor {
        /// The application.
        app: AppId,
        /// The executor's number in it.
        number: u32,
    },
}

/// The id of one driver attempt or executor. It contains the cluster id and is executed at most once,
/// ever (a supervised driver's restarts on the same worker count up within it).
///
/// As text, `driver-20261121110000-0000.1.<cluster>` or `app-20261121110000-0000.e3.<cluster>`: a safe
/// file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId {
    /// What it is an attempt of.
    pub work: Work,
    /// The cluster that ordered it.
    pub cluster: ClusterId,
}

impl InstanceId {
    /// The instance of attempt `attempt` of `driver`.
    pub fn driver(cluster: ClusterId, driver: DriverId, attempt: u32) -> InstanceId {
        InstanceId {
            work: Work::Driver { driver, attempt },
            cluster,
        }
    }

    /// The instance of executor `number` of `app`.
    pub fn executor(cluster: ClusterId, app: AppId, number: u32) -> InstanceId {
        InstanceId {
            work: Work::Executor { app, number },
            cluster,
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.work {
            Work::Driver { driver, attempt } => write!(f, "{driver}.{attempt}.{}", self.cluster),
            Work::Executor { app, number } => write!(f, "{app}.e{number}.{}", self.cluster),
        }
    }
}

impl FromStr for InstanceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        parse(text).ok_or_else(|| {
            IdError::new(
                text,
                "an instance id such as driver-20261121110000-0000.1.<cluster id>",
            )
        })
    }
}

fn parse(text: &str) -> Option<InstanceId> {
    let (rest, cluster) = text.rsplit_once('.')?;
    let (object, number) = rest.rsplit_once('.')?;
    let work = match number.strip_prefix('e') {
        Some(number) => Work::Executor {
            app: object.parse().ok()?,
            number: number.parse().ok()?,
        },
        None => Work::Driver {
            driver: object.parse().ok()?,
            attempt: number.parse().ok()?,
        },
    };
    let id = InstanceId {
        work,
        cluster: cluster.parse().ok()?,
    };
    // One text per id: `+1`, `01` or an upper-case cluster id would name the same instance twice.
    (id.to_string() == text).then_some(id)
}

impl TryFrom<String> for InstanceId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> String {
        id.to_string()
    }
}

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code, unless a signal ended it or it never started.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether the worker ended it, on a master's order or at its own shutdown.
    pub killed: bool,
    /// Why it could not be run at all (program or artifact missing, say).
    pub error: Option<String>,
}

impl Exit {
    /// Exit code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && self.error.is_none()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, self.code, self.signal) {
            (Some(error), _, _) => write!(f, "could not be run: {error}"),
            (None, Some(code), _) => write!(f, "exited with code {code}"),
            (None, None, Some(signal)) => write!(f, "ended by signal {signal}"),
            (None, None, None) => f.write_str("ended, its exit code is not known"),
        }
    }
}

/// A process that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Its process id on the worker.
    pub pid: u32,
    /// When it was started, by the worker's clock.
    pub since: Timestamp,
}

/// What a worker knows of an instance whose order it accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceStatus {
    /// The order is accepted; the process has not been started yet.
    Accepted,
    /// The process runs, or a supervised driver waits for its next restart.
    Running {
        /// Its process id on the worker.
        pid: u32,
        /// When it was started, by the worker's clock.
        since: Timestamp,
    },
    /// It ended for good.
    Ended {
        /// How.
        exit: Exit,
        /// When, by the worker's clock.
        at: Timestamp,
        /// What ran last; `None` if nothing did, or it is not known.
        ran: Option<Ran>,
    },
    /// It was never executed and never will be, as its own `started` record proves.
    NeverRan {
        /// Why (revoked, too late).
        reason: String,
    },
    /// It was started and its outcome is not known.
    Interrupted {
        /// Why (its supervisor was killed, the machine rebooted).
        reason: String,
    },
}

impl InstanceStatus {
    /// Whether nothing of it runs, now or later.
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            InstanceStatus::Accepted | InstanceStatus::Running { .. }
        )
    }
}

/// One line of a worker's answer: every instance whose order it accepted and that no committed entry
/// has acknowledged as ended yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    /// The instance.
    pub instance: InstanceId,
    /// How it is.
    pub status: InstanceStatus,
    /// How often the worker has restarted it (supervised drivers).
    pub restart: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_ids_print_and_parse_back() {
        let cluster: ClusterId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
        let at = Timestamp(1_795_258_800_000);
        let ids = [
            InstanceId::driver(cluster, DriverId::mint(at, 3), 2),
            InstanceId::executor(cluster, AppId::mint(at, 0), 17),
        ];
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn an_instance_has_exactly_one_text() {
        let good = "driver-20261121110000-0003.2.67e5504410b1426f9247bb680e5fe0c8";
        assert!(good.parse::<InstanceId>().is_ok());
        for other in [
            good.replace(".2.", ".+2."),
            good.replace(".2.", ".02."),
            good.to_uppercase(),
        ] {
            assert!(other.parse::<InstanceId>().is_err(), "{other}");
        }
    }
}

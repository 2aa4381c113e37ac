//! What a worker can run: programs, Spark of some releases, or both.

use std::sync::Arc;

use vesta_types::{ApplicationDescription, DriverDescription, SparkRelease};

use crate::state::Worker;

/// What something that waits asks of its worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A program: a worker of Vesta's own.
    #[default]
    Program,
    /// Spark of this release: a worker of Spark's own that runs it, or one of Vesta's with a home of it.
    Spark(SparkRelease),
    /// The same, but one of Vesta's.
    SparkAtVesta(SparkRelease),
}

impl Kind {
    /// What an executor of this application asks for.
    pub fn of_executor(app: &ApplicationDescription) -> Kind {
        match &app.spark {
            Some(spark) => Kind::Spark(spark.peer.release),
            None => Kind::Program,
        }
    }

    /// What a driver asks for first. Orders to Spark's own workers carry no epoch, so one that was sent
    /// by an earlier leader may arrive late: a driver goes to one of them only if
    /// [it must](Kind::anywhere).
    pub fn of_driver(driver: &DriverDescription) -> Kind {
        match &driver.launch.spark {
            Some(spark) => Kind::SparkAtVesta(spark.release),
            None => Kind::Program,
        }
    }

    /// What is left to ask for when no worker of Vesta's could ever hold it; also what the executors of
    /// a driver ask for that asks for this.
    pub fn anywhere(self) -> Kind {
        match self {
            Kind::SparkAtVesta(release) => Kind::Spark(release),
            other => other,
        }
    }
}

/// What one worker can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Programs, and Spark of these releases.
    Programs(Option<Arc<[SparkRelease]>>),
    /// Spark of this release alone: it is one of Spark's own.
    Spark(SparkRelease),
}

impl Runs {
    /// What `worker` can run.
    pub fn of(worker: &Worker) -> Runs {
        let description = &worker.description;
        if let Some(spark) = &description.spark {
            return Runs::Spark(spark.peer.release);
        }
        let homes = &description.spark_homes;
        Runs::Programs((!homes.is_empty()).then(|| homes.values().copied().collect()))
    }

    /// Whether it is one of Vesta's that can run Spark.
    pub fn has_homes(&self) -> bool {
        matches!(self, Runs::Programs(Some(_)))
    }

    /// Whether it can run what asks for `kind`.
    pub fn can(&self, kind: Kind) -> bool {
        match (self, kind) {
            (Runs::Programs(_), Kind::Program) => true,
            (Runs::Programs(homes), Kind::Spark(release) | Kind::SparkAtVesta(release)) => {
                let mut homes = homes.iter().flat_map(|homes| homes.iter());
                homes.any(|home| home.reads(&release))
            }
            (Runs::Spark(own), Kind::Spark(release)) => own.reads(&release),
            (Runs::Spark(_), Kind::Program | Kind::SparkAtVesta(_)) => false,
        }
    }
}

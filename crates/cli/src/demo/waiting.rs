//! An application that has to wait: it wants a whole worker for its one executor. It is not a driver's
//! but the demo's own, registered from outside the cluster, and follows the leader like any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::time::timeout;
use vesta_client::{ApplicationBuilder, ApplicationClient, ApplicationEvent, MasterList};
use vesta_local::ledger::{self, Event, LEDGER_VARIABLE};
use vesta_local::{PARENT_VARIABLE, Process, wait_until};
use vesta_types::Launch;

use super::tally::application;
use crate::trial::observer::PATIENCE;

/// How long ending it may take.
const END: Duration = Duration::from_secs(10);

/// The application while it waits.
#[derive(Debug)]
pub struct Waiting {
    client: ApplicationClient,
    /// Never read: what matters is in the client's table. Kept so that the client goes on.
    _events: mpsc::Receiver<ApplicationEvent>,
    ledger: PathBuf,
}

impl Waiting {
    /// Registers it, wanting one executor of `cores`.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time.
    pub async fn register(
        masters: &MasterList,
        program: &Path,
        ledger: PathBuf,
        cores: u32,
    ) -> anyhow::Result<Waiting> {
        let env = [
            (LEDGER_VARIABLE.to_owned(), ledger.display().to_string()),
            (PARENT_VARIABLE.to_owned(), Process::own()?.to_string()),
        ];
        let launch = Launch {
            program: program.display().to_string(),
            args: vec!["demo-executor".to_owned()],
            env: env.into(),
            ..Launch::default()
        };
        let builder = ApplicationBuilder::new(masters.clone(), launch)
            .name("whole-worker".to_owned())
            .executor_cores(Some(cores))
            .executor_memory_mib(64)
            .target(Some(1));
        let registered = timeout(PATIENCE, builder.register()).await;
        let (client, _events) = registered.context("nobody registers an application")??;
        Ok(Waiting {
            client,
            _events,
            ledger,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.client.app_id().as_str()
    }

    /// Why it waits, in the leader's words; empty if it does not, or the leader has not said yet.
    pub fn because(&self) -> String {
        self.client.table().waiting_because.clone()
    }

    /// Waits until its executor has run, by the ledger, and ends the application. Returns whether it
    /// ran.
    ///
    /// # Errors
    /// When the ledger can't be read, or no master takes the end.
    pub async fn finish(self) -> anyhow::Result<bool> {
        let ran = wait_until("the waiting application's executor", PATIENCE, async || {
            // A line that is being written is whole at the next look.
            let records = ledger::read(&self.ledger).unwrap_or_default();
            records.iter().any(|record| {
                let its = application(&record.instance) == Some(self.client.app_id());
                its && record.event == Event::Ended
            })
        });
        let ran = ran.await.is_ok();
        let end = self.client.unregister(!ran, "the demo is over");
        timeout(END, end)
            .await
            .context("nobody takes the end of an application")??;
        Ok(ran)
    }
}

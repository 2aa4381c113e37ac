//! A driver that registers an application and keeps it, as a user's would.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use vesta_client::{ApplicationClient, ApplicationEvent};
use vesta_local::ledger::Event;

use super::beats::{Beats, End};
use super::{TOLD_TO_END, executor_launch};

/// Memory of its executors, in MiB.
const EXECUTOR_MEMORY_MIB: u64 = 32;

/// Exit code of one whose application ended without being asked to.
const ENDED_BY_ITSELF: u8 = 3;

/// Registers, and goes on until its time is over, it is told to end, or its application is ended.
pub(super) async fn run(
    beats: Beats,
    executors: u32,
    lasts: Option<Duration>,
) -> anyhow::Result<u8> {
    let builder = ApplicationClient::from_env(executor_launch()?)?
        .target(Some(executors))
        .max_cores(Some(executors))
        .executor_cores(Some(1))
        .executor_memory_mib(EXECUTOR_MEMORY_MIB);
    let life = async {
        // Which fails if no master answers in time; until one does, it beats on without an application.
        let (application, events) = loop {
            match builder.clone().register().await {
                Ok(registered) => break registered,
                Err(error) if error.is_passing() => {}
                Err(error) => return Err(anyhow::Error::from(error)),
            }
        };
        let state = ended(events).await;
        drop(application);
        anyhow::Ok(state)
    };
    tokio::select! {
        end = beats.until(lasts, false) => match end? {
            // Its application ends with it: its worker reports this run's end.
            End::Done => beats.ended("done").map(|()| 0),
            End::Asked => beats.ended("asked").map(|()| TOLD_TO_END),
        },
        state = life => {
            beats.write(Event::Beat)?;
            beats.ended(&format!("its application is {}", state?))?;
            Ok(ENDED_BY_ITSELF)
        }
    }
}

/// Waits until the application has ended; its state then.
async fn ended(mut events: Receiver<ApplicationEvent>) -> String {
    while let Some(event) = events.recv().await {
        if let ApplicationEvent::Ended { state, .. } = event {
            return state;
        }
    }
    "not followed any more".to_owned()
}

//! What an application is told.

use vesta_proto::application::Executor;

/// Something changed for an application.
#[derive(Clone, Debug, PartialEq)]
pub enum ApplicationEvent {
    /// An executor was granted that was not known before (it may have ended already).
    ExecutorAdded(Executor),
    /// An executor's state or exit changed. The last such event of an executor has `ended` set.
    ExecutorUpdated(Executor),
    /// The application's own state changed, or why it waits did.
    State {
        /// WAITING or RUNNING.
        state: String,
        /// What it waits for; empty if for nothing.
        waiting_because: String,
    },
    /// Another master leads. Nothing needs to be done.
    MasterChanged {
        /// The number of its leadership.
        epoch: u64,
    },
    /// The application has ended. It is the last event.
    Ended {
        /// FINISHED, FAILED or KILLED; UNKNOWN when the masters don't know it any more.
        state: String,
        /// Why, for people.
        message: String,
    },
}

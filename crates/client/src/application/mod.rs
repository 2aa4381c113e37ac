//! Being an application: registering, holding executors, following the leader.
//!
//! [`ApplicationClient`] keeps a session with every master, so a new leader needs no dialling: it says
//! so on a stream that exists. What it is sent is the whole executor table each time; the events are
//! the differences between the table that was told last and the newest one. So losing any message, or
//! reading events slowly, delays and never changes what is known in the end.
//!
//! *The part that decides does no IO:* [`table`] computes differences, [`follow`] judges messages,
//! `addresses` says whom to dial; `session` and `runner` carry it out.

mod addresses;
mod builder;
mod client;
mod events;
pub mod follow;
mod runner;
mod session;
pub mod table;

pub use builder::{ApplicationBuilder, EnvError};
pub use client::ApplicationClient;
pub(crate) use client::{persist, stub};
pub use events::ApplicationEvent;
pub use table::Table;
pub use vesta_proto::application::Executor;

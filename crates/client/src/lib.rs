//! The client side of Vesta: finding a master that answers, submitting and watching drivers
//! ([`Client`]), and being an application that holds executors ([`ApplicationClient`]).
//!
//! Both go on through leader changes. A [`Client`] answers within a deadline and says exactly what is
//! known when it runs out; an [`ApplicationClient`] never gives up by itself.

pub mod application;
pub mod attempts;
mod backoff;
mod call;
mod client;
mod error;
mod log;
mod master_list;
mod options;
mod pool;
mod publisher;
mod wait;

pub use application::{ApplicationBuilder, ApplicationClient, ApplicationEvent, EnvError, Table};
pub use client::{Client, new_key};
pub use error::{ClientError, Refusal};
pub use log::{LogSource, LogStream};
pub use master_list::{DEFAULT_PORT, MasterList, MasterListError};
pub use options::ClientOptions;
pub use publisher::Publisher;
pub use vesta_proto::{application as application_proto, client as proto};
pub use wait::WaitUpdate;

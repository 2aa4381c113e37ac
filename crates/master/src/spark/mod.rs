//! The door for Spark: its own workers, drivers and `spark-submit`, unmodified, in Spark's own protocol.
//!
//! To the leadership a worker of Spark's own is a worker like any other, and so is an application: what they say in
//! single messages is gathered to the complete sets of Vesta's sessions, and what the leader orders is taken
//! apart into single messages. Without IO: [`worker`], [`exits`], [`application`], [`convert`], [`redial`], [`json`]. With it: [`desk`],
//! and over HTTP [`rest`] (submissions) and [`ui`] (what the masters know, as JSON).
//!
//! Only the leader serves them; a standby says that it is one, as Spark's do. Spark's drivers never register again
//! by themselves and Spark's workers check nobody on some orders, so
//! - a new leader, and one that leads on after a suspension, dials every worker and driver that the state knows
//!   (`MasterChanged`), and
//! - a leader that does not lead now closes every connection at once and writes nothing more.

mod application;
mod convert;
mod desk;
mod exits;
mod http;
mod json;
mod redial;
mod rest;
mod ui;
mod unanswered;
mod worker;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use vesta_spark::message::RpcAddress;
use vesta_spark::transport::{Event, Limits, Transport};

use crate::context::Context;
use crate::run::RunError;

/// Where Spark's processes reach this master.
#[derive(Clone, Debug)]
pub struct SparkDoor {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The host and port that peers are told; they compare it with the one that they dialled.
    pub advertise: (String, u16),
    /// The address of web pages that Spark's processes are told; empty if there are none.
    pub web_ui: String,
    /// Where submissions come by Spark's REST gateway; nowhere if it is not given.
    pub rest_listen: Option<SocketAddr>,
    /// Where `/json` is asked, as on the port of Spark's web pages; nowhere if it is not given.
    pub ui_listen: Option<SocketAddr>,
    /// The URL of all masters, as drivers that come by the gateway are told it.
    pub masters: Option<String>,
}

impl SparkDoor {
    /// This master's own URL.
    pub fn url(&self) -> String {
        format!("spark://{}:{}", self.advertise.0, self.advertise.1)
    }
}

/// The door, open: its port is bound.
pub(crate) struct OpenDoor {
    transport: Transport,
    events: mpsc::Receiver<Event>,
    door: SparkDoor,
    rest: Option<TcpListener>,
    ui: Option<TcpListener>,
}

/// Binds the port of the door.
///
/// # Errors
/// When it can't be bound.
pub(crate) async fn open(door: &SparkDoor) -> Result<OpenDoor, RunError> {
    let address = door.listen;
    let (host, port) = door.advertise.clone();
    let advertised = RpcAddress::new(host, port);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let limits = Limits::for_files(files);
    let bound = Transport::bind(address, advertised, limits).await;
    let (transport, events) = bound.map_err(|source| RunError::Listen { address, source })?;
    Ok(OpenDoor {
        transport,
        events,
        rest: listen(door.rest_listen).await?,
        ui: listen(door.ui_listen).await?,
        door: door.clone(),
    })
}

async fn listen(address: Option<SocketAddr>) -> Result<Option<TcpListener>, RunError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let bound = TcpListener::bind(address).await;
    let bound = bound.map_err(|source| RunError::Listen { address, source })?;
    Ok(Some(bound))
}

impl OpenDoor {
    /// Serves until the process ends.
    pub(crate) async fn serve(self, context: Arc<Context>) {
        let OpenDoor {
            transport,
            events,
            door,
            rest,
            ui,
        } = self;
        let web_ui = door.web_ui.clone();
        let door = Arc::new(door);
        let gateway = async {
            if let Some(listener) = rest {
                rest::serve(listener, Arc::clone(&context), Arc::clone(&door)).await;
            }
        };
        let pages = async {
            if let Some(listener) = ui {
                ui::serve(listener, Arc::clone(&context), Arc::clone(&door)).await;
            }
        };
        let desk = desk::run(Arc::clone(&context), transport, events, web_ui);
        tokio::join!(desk, gateway, pages);
    }
}

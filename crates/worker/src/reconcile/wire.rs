//! Between what is on the wire and what the reconciler is told or says.

use uuid::Uuid;
use vesta_proto::worker::{self, from_worker, to_worker};
use vesta_proto::worker_convert as convert;
use vesta_types::{Epoch, InstanceId, WorkerDescription};

use super::{Input, Message, Source};

/// A welcome. A master that has no cluster yet says nothing of use.
pub fn welcome(from: Source, welcome: &worker::Welcome) -> Option<Input> {
    if welcome.cluster_id.is_empty() {
        return None;
    }
    let cluster = understood(&from, convert::cluster_id(&welcome.cluster_id))?;
    let (epoch, leading) = (Epoch(welcome.epoch), welcome.leading);
    Some(Input::Welcome {
        from,
        cluster,
        epoch,
        leading,
    })
}

/// Any other message that the reconciler decides on.
pub fn input(from: Source, message: to_worker::Message) -> Option<Input> {
    match message {
        to_worker::Message::MasterChanged(changed) => {
            let cluster = understood(&from, convert::cluster_id(&changed.cluster_id))?;
            Some(Input::MasterChanged {
                from,
                cluster,
                epoch: Epoch(changed.epoch),
            })
        }
        to_worker::Message::Confirmed(confirmed) => {
            let session = understood(&from, Uuid::parse_str(&confirmed.session))?;
            let (epoch, sequence) = (Epoch(confirmed.epoch), confirmed.sequence);
            Some(Input::Confirmed {
                from,
                session,
                epoch,
                sequence,
            })
        }
        to_worker::Message::Orders(orders) => {
            let (set, unread) = understood(&from, convert::order_set(orders))?;
            for error in unread {
                tracing::warn!(master = from.master, %error, "an order can't be read: left out");
            }
            Some(Input::Orders { from, set })
        }
        to_worker::Message::Acknowledged(ends) => {
            let ids = ends.instances.iter();
            let instances = ids.filter_map(|id| id.parse::<InstanceId>().ok()).collect();
            Some(Input::Acknowledged {
                from,
                epoch: Epoch(ends.epoch),
                instances,
            })
        }
        // Dealt with where they arrive.
        to_worker::Message::Welcome(_)
        | to_worker::Message::ReadLog(_)
        | to_worker::Message::Refused(_) => None,
    }
}

/// What the reconciler says, for the wire.
pub fn message(message: Message, description: &WorkerDescription) -> from_worker::Message {
    match message {
        Message::Heartbeat { sequence, stamp } => {
            from_worker::Message::Heartbeat(worker::Heartbeat {
                sequence,
                stamp_ns: stamp.0,
            })
        }
        Message::Report(report) => from_worker::Message::Report(worker::Report {
            epoch: report.epoch.0,
            instances: report
                .instances
                .iter()
                .map(worker::Instance::from)
                .collect(),
            refused_stale: report.refused_stale,
            stale_orders: report.stale_orders,
            leaving: report.leaving,
            description: Some(description.into()),
        }),
    }
}

fn understood<T, E: std::fmt::Display>(from: &Source, result: Result<T, E>) -> Option<T> {
    let warn = |error: &E| {
        tracing::warn!(master = from.master, %error, "what a master said can't be read");
    };
    result.inspect_err(warn).ok()
}

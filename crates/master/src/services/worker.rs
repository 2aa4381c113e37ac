//! Workers' sessions.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use vesta_proto::error::shown;
use vesta_proto::worker::worker_server::Worker;
use vesta_proto::worker::{FromWorker, Refused, Report, ToWorker, from_worker, to_worker};
use vesta_proto::worker_convert::{self, session_name};
use vesta_types::limits::{HELLO_WAIT, MESSAGE_BYTES_MAX, REFUSALS_MAX, STREAM_QUEUE};
use vesta_types::{Epoch, WorkerDescription};

use crate::context::Context;
use crate::leader::{Input, SessionId, WorkerReport};

/// The service.
pub struct WorkerService(pub Arc<Context>);

type Answers = Pin<Box<dyn Stream<Item = Result<ToWorker, Status>> + Send>>;

#[tonic::async_trait]
impl Worker for WorkerService {
    type SessionStream = Answers;

    async fn session(
        &self,
        request: Request<Streaming<FromWorker>>,
    ) -> Result<Response<Answers>, Status> {
        let mut incoming = request.into_inner();
        let context = Arc::clone(&self.0);
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        tokio::spawn(async move { hold(&context, &mut incoming, sender).await });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Holds one session from its first message to its end.
async fn hold(
    context: &Context,
    incoming: &mut Streaming<FromWorker>,
    sender: mpsc::Sender<Result<ToWorker, Status>>,
) {
    let first = timeout(HELLO_WAIT, incoming.next()).await;
    let (description, name) = match greet(context, first.ok().flatten()) {
        Ok(greeted) => greeted,
        Err(refused) => {
            context.meters.refused(&refused.code);
            tracing::warn!(
                code = refused.code,
                message = refused.message,
                "a worker was refused"
            );
            let message = ToWorker {
                message: Some(to_worker::Message::Refused(refused)),
            };
            let _ = sender.send(Ok(message)).await;
            return;
        }
    };
    let id = description.id.clone();
    let (session, older) = context
        .sessions
        .open_worker(description.clone(), name, sender);
    context.sessions.to_worker(
        session,
        to_worker::Message::Welcome(context.worker_welcome()),
    );
    if let Some(older) = older {
        say(context, Input::WorkerClosed(older)).await;
    }
    say(context, Input::WorkerOpened(session, description)).await;
    if let Err(refused) = listen(context, incoming, session, &id).await {
        context.meters.refused(&refused.code);
        tracing::warn!(worker = %id, code = refused.code, message = refused.message, "a session was ended");
        context
            .sessions
            .to_worker(session, to_worker::Message::Refused(refused));
    }
    context.sessions.close_worker(session);
    say(context, Input::WorkerClosed(session)).await;
}

fn greet(
    context: &Context,
    first: Option<Result<FromWorker, Status>>,
) -> Result<(WorkerDescription, String), Refused> {
    let Some(Ok(FromWorker {
        message: Some(from_worker::Message::Hello(hello)),
    })) = first
    else {
        let message = format!("a session begins with Hello, within {HELLO_WAIT:?}");
        return Err(refused("WRK004", message));
    };
    if hello.protocol != 1 {
        let message = format!(
            "conversation version {}, this master speaks 1",
            hello.protocol
        );
        return Err(refused("WRK004", message));
    }
    let own = context
        .cluster()
        .map(|id| id.to_string())
        .unwrap_or_default();
    if !hello.cluster_id.is_empty() && !own.is_empty() && hello.cluster_id != own {
        let message = format!(
            "the worker belongs to cluster {}, this master to {own}: it keeps what it runs. If {own} was restored \
             from a snapshot of its cluster, `vesta worker adopt` on its machine gives it to that",
            shown(&hello.cluster_id)
        );
        return Err(refused("WRK001", message));
    }
    if let Err(message) = context.lapses_in_time(Duration::from_millis(hello.order_ttl_ms)) {
        return Err(refused("WRK005", message));
    }
    let description = hello
        .description
        .ok_or_else(|| refused("WRK004", "description is missing"))?;
    let description = WorkerDescription::try_from(description)
        .map_err(|error| refused("WRK004", error.to_string()))?;
    let session =
        session_name(&hello.session).map_err(|error| refused("WRK004", error.to_string()))?;
    Ok((description, session))
}

async fn listen(
    context: &Context,
    incoming: &mut Streaming<FromWorker>,
    session: SessionId,
    worker: &vesta_types::WorkerId,
) -> Result<(), Refused> {
    while let Some(Ok(message)) = incoming.next().await {
        match message.message {
            Some(from_worker::Message::Heartbeat(heartbeat)) => {
                say(context, Input::WorkerHeartbeat(session, heartbeat.sequence)).await;
            }
            Some(from_worker::Message::Report(report)) => {
                let (report, stale) =
                    checked(report).map_err(|message| refused("WRK004", message))?;
                if report.description.id != *worker {
                    let message = format!("a report of {} on its stream", report.description.id);
                    return Err(refused("WRK004", message));
                }
                for stale in stale {
                    tracing::warn!(%worker, order = stale, "a worker refused a stale order");
                }
                say(context, Input::WorkerReport(session, report)).await;
            }
            Some(from_worker::Message::LogChunk(chunk)) => context.sessions.log_chunk(chunk),
            Some(from_worker::Message::Hello(_)) | None => {
                return Err(refused(
                    "WRK004",
                    "a second Hello, or nothing that is known",
                ));
            }
        }
    }
    Ok(())
}

/// A checked report, and the stale orders that it names, for the log.
///
/// # Errors
/// What of it can't be read, for the worker.
pub fn checked(report: Report) -> Result<(WorkerReport, Vec<String>), String> {
    let description = report.description.ok_or("the description is missing")?;
    let description =
        WorkerDescription::try_from(description).map_err(|error| error.to_string())?;
    let reports = worker_convert::reports(report.instances).map_err(|error| error.to_string())?;
    let named = report.refused_stale.iter().take(REFUSALS_MAX);
    let named = named.map(|order| shown(order)).collect();
    let epoch = Epoch(report.epoch);
    let (stale_orders, leaving) = (report.stale_orders, report.leaving);
    Ok((
        WorkerReport {
            epoch,
            description,
            reports,
            stale_orders,
            leaving,
        },
        named,
    ))
}

async fn say(context: &Context, input: Input) {
    // Only fails when the process is ending.
    let _ = context.events.send(input).await;
}

fn refused(code: &str, message: impl Into<String>) -> Refused {
    Refused {
        code: code.to_owned(),
        message: message.into(),
    }
}

/// The service, with its message limit.
pub fn server(
    context: Arc<Context>,
) -> vesta_proto::worker::worker_server::WorkerServer<WorkerService> {
    vesta_proto::worker::worker_server::WorkerServer::new(WorkerService(context))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

//! Logs, read through whichever master: every worker holds a stream to each of them.

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use vesta_proto::checks;
use vesta_proto::client::{ReadLogReply, ReadLogRequest};
use vesta_proto::worker::{LogChunk, ReadLog};
use vesta_types::limits::LOG_CHUNK_BYTES;
use vesta_types::{InstanceId, WorkerId};

use super::status;
use crate::context::Context;

/// How long a worker may take to answer one read.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// How often a log that is followed is looked at.
const FOLLOW: Duration = Duration::from_millis(250);

/// The log's parts, from where the client wants them.
///
/// # Errors
/// When there is no such driver or executor, or it was never started, or its worker has no stream to
/// this master.
pub(super) async fn read(
    context: Arc<Context>,
    request: ReadLogRequest,
) -> Result<impl Stream<Item = Result<ReadLogReply, Status>>, Status> {
    let (instance, worker) = find(&context, &request)?;
    let bytes = u32::try_from(LOG_CHUNK_BYTES).unwrap_or(u32::MAX);
    let tail = request.tail_bytes > 0;
    let mut next = ReadLog {
        request: 0,
        instance_id: instance.to_string(),
        stderr: request.stderr,
        offset: request.offset,
        bytes_max: if tail {
            u32::try_from(request.tail_bytes)
                .unwrap_or(bytes)
                .min(bytes)
        } else {
            bytes
        },
        tail,
    };
    let first = ask(&context, &worker, next.clone()).await?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut chunk = first;
        loop {
            let ended = chunk.ended;
            next.offset = chunk.offset.saturating_add(chunk.data.len() as u64);
            let at_end = next.offset >= chunk.size;
            next.tail = false;
            next.bytes_max = bytes;
            if !chunk.data.is_empty()
                && sender
                    .send(Ok(ReadLogReply {
                        data: chunk.data,
                        offset: chunk.offset,
                    }))
                    .await
                    .is_err()
            {
                return;
            }
            if at_end && (ended || !request.follow) {
                return;
            }
            if at_end {
                tokio::time::sleep(FOLLOW).await;
                if sender.is_closed() {
                    return;
                }
            }
            chunk = match ask(&context, &worker, next.clone()).await {
                Ok(chunk) => chunk,
                Err(error) => {
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
        }
    });
    Ok(ReceiverStream::new(receiver))
}

/// The instance whose log is meant, and where it is.
fn find(context: &Context, request: &ReadLogRequest) -> Result<(InstanceId, WorkerId), Status> {
    let state = context.shared.state();
    let no_cluster = || status::unavailable("this master is in no cluster yet");
    if request.app_id.is_empty() {
        let id = checks::driver_id(&request.driver_id).map_err(|error| status::invalid(&error))?;
        let driver = state.drivers.get(&id);
        let driver = driver.ok_or_else(|| status::not_found(format!("{id}: no such driver")))?;
        let worker = driver.last_worker.clone().ok_or_else(|| {
            status::not_found(format!("{id} has no log yet: it waits for a worker"))
        })?;
        let instance = state.driver_instance(driver).ok_or_else(no_cluster)?;
        return Ok((instance, worker));
    }
    let id = checks::app_id(&request.app_id).map_err(|error| status::invalid(&error))?;
    let app = state.applications.get(&id);
    let app = app.ok_or_else(|| status::not_found(format!("{id}: no such application")))?;
    let number = request.executor;
    let executor = app
        .executors
        .get(&number)
        .or_else(|| app.ended_executors.get(&number));
    let executor = executor
        .ok_or_else(|| status::not_found(format!("{id} has no executor {number}, or no longer")))?;
    let instance = state.executor_instance(app, number);
    Ok((instance.ok_or_else(no_cluster)?, executor.worker.clone()))
}

async fn ask(context: &Context, worker: &WorkerId, read: ReadLog) -> Result<LogChunk, Status> {
    let Some((request, answer)) = context.sessions.read_log(worker, read) else {
        return Err(status::unavailable(format!(
            "{worker} has no stream to this master now"
        )));
    };
    let chunk = match tokio::time::timeout(ANSWER_WAIT, answer).await {
        Ok(Ok(chunk)) => chunk,
        Ok(Err(_)) | Err(_) => {
            context.sessions.forget_log_read(request);
            return Err(status::unavailable(format!(
                "{worker} has not answered within {ANSWER_WAIT:?}"
            )));
        }
    };
    if chunk.error.is_empty() {
        Ok(chunk)
    } else {
        Err(status::not_found(chunk.error))
    }
}

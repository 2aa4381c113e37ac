//! The whole state of one master, as a stream.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};
use vesta_core::codec;
use vesta_proto::client::{SaveSnapshotRequest, SnapshotChunk, SnapshotHead};

use super::status;
use crate::context::Context;

/// The chunks of a saved state.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<SnapshotChunk, Status>> + Send>>;

/// One chunk, bytes: well below the message limit.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Chunks made before the client takes them.
const CHUNKS_AHEAD: usize = 4;

/// Encodes the state as of one entry, then sends it while others are applied.
pub(super) async fn save(
    context: Arc<Context>,
    request: SaveSnapshotRequest,
) -> Result<Response<Chunks>, Status> {
    let read = context.read_point(request.consistent).await?;
    let shared = Arc::clone(&context.shared);
    let encoded = tokio::task::spawn_blocking(move || {
        let (mut head, data) = {
            let state = shared.state();
            let head = SnapshotHead {
                cluster_id: state.cluster.map(|id| id.to_string()).unwrap_or_default(),
                index: state.applied,
                epoch: state.epoch.0,
                version: state.version,
                ..SnapshotHead::default()
            };
            (head, codec::encode(&*state))
        };
        head.state_hash = format!("{:016x}", codec::fnv1a(&data));
        head.bytes = data.len() as u64;
        (head, data)
    });
    let (mut head, data) = encoded
        .await
        .map_err(|error| status::unavailable(format!("the state could not be encoded: {error}")))?;
    if head.cluster_id.is_empty() {
        return Err(status::unavailable(
            "this master is in no cluster yet, or has heard of no leader: it has nothing to save",
        ));
    }
    head.read = Some(read);
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(async move {
        let first = SnapshotChunk {
            head: Some(head),
            data: Vec::new(),
        };
        let rest = data.chunks(CHUNK_BYTES).map(|part| SnapshotChunk {
            head: None,
            data: part.to_vec(),
        });
        for chunk in std::iter::once(first).chain(rest) {
            if sender.send(Ok(chunk)).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
}

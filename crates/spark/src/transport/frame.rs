//! Frames: what Spark's processes cut the bytes of a connection into.
//!
//! ```text
//! frame := u64 length (of all of it), u8 type, header by type, body
//! ```

use bytes::Bytes;

/// The bytes before a frame's own header: its length and its type.
pub(super) const PRELUDE: usize = 9;

/// The types of frames, as numbered on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameType {
    RpcRequest,
    RpcResponse,
    RpcFailure,
    StreamRequest,
    StreamFailure,
    OneWay,
}

impl FrameType {
    pub(super) fn number(self) -> u8 {
        match self {
            FrameType::RpcRequest => 3,
            FrameType::RpcResponse => 4,
            FrameType::RpcFailure => 5,
            FrameType::StreamRequest => 6,
            FrameType::StreamFailure => 8,
            FrameType::OneWay => 9,
        }
    }

    /// The bytes of length, type and header.
    pub(super) fn head(self) -> usize {
        match self {
            FrameType::RpcRequest | FrameType::RpcResponse | FrameType::RpcFailure => PRELUDE + 12,
            FrameType::StreamRequest | FrameType::StreamFailure | FrameType::OneWay => PRELUDE + 4,
        }
    }
}

/// One frame of those that masters meet. Its bodies are never shown: they may hold a submitter's environment.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// An ask (type 3), to be answered by a response or a failure of the same id.
    RpcRequest {
        /// Chosen by who asks.
        id: i64,
        /// Addresses, name of the endpoint, message.
        body: Bytes,
    },
    /// The answer to an ask (type 4).
    RpcResponse {
        /// That of the ask.
        id: i64,
        /// A Java stream.
        body: Bytes,
    },
    /// An ask that is not answered (type 5).
    RpcFailure {
        /// That of the ask.
        id: i64,
        /// Why.
        text: String,
    },
    /// A file is wanted (type 6).
    StreamRequest {
        /// Its name.
        stream: String,
    },
    /// A file is not to be had (type 8).
    StreamFailure {
        /// Its name.
        stream: String,
        /// Why.
        text: String,
    },
    /// A message without an answer (type 9).
    OneWay {
        /// Addresses, name of the endpoint, message.
        body: Bytes,
    },
}

impl Frame {
    /// The length of what [`Frame::encode`] writes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.frame_type().head()
            + match self {
                Frame::RpcRequest { body, .. }
                | Frame::RpcResponse { body, .. }
                | Frame::OneWay { body } => body.len(),
                Frame::RpcFailure { text, .. } => text.len(),
                Frame::StreamRequest { stream } => stream.len(),
                Frame::StreamFailure { stream, text } => stream.len() + 4 + text.len(),
            }
    }

    /// The bytes on the wire. The format counts bodies in 31 bits; connections refuse longer ones before.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length());
        out.extend((self.length() as u64).to_be_bytes());
        out.push(self.frame_type().number());
        match self {
            Frame::RpcRequest { id, body } | Frame::RpcResponse { id, body } => {
                out.extend(id.to_be_bytes());
                counted(&mut out, body);
            }
            Frame::RpcFailure { id, text } => {
                out.extend(id.to_be_bytes());
                counted(&mut out, text.as_bytes());
            }
            Frame::StreamRequest { stream } => counted(&mut out, stream.as_bytes()),
            Frame::StreamFailure { stream, text } => {
                counted(&mut out, stream.as_bytes());
                counted(&mut out, text.as_bytes());
            }
            Frame::OneWay { body } => counted(&mut out, body),
        }
        out
    }

    fn frame_type(&self) -> FrameType {
        match self {
            Frame::RpcRequest { .. } => FrameType::RpcRequest,
            Frame::RpcResponse { .. } => FrameType::RpcResponse,
            Frame::RpcFailure { .. } => FrameType::RpcFailure,
            Frame::StreamRequest { .. } => FrameType::StreamRequest,
            Frame::StreamFailure { .. } => FrameType::StreamFailure,
            Frame::OneWay { .. } => FrameType::OneWay,
        }
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({} bytes)", self.frame_type(), self.length())
    }
}

fn counted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

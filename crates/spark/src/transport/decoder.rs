//! From bytes to frames, as they come.

use bytes::Bytes;

use super::frame::{Frame, FrameType, PRELUDE};

/// The longest of all heads.
const LONGEST_HEAD: usize = PRELUDE + 12;

/// How much a body's buffer grows at a time, at least.
const STEP: usize = 4 << 10;

/// The bytes are not frames of Spark's RPC, or not such as masters take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first bytes are another protocol's.
    #[error(
        "its first bytes are those of {0}: this port speaks Spark's RPC alone; {hint}",
        hint = .0.hint()
    )]
    Foreign(Foreign),
    /// A length out of range.
    #[error(
        "a frame's first eight bytes, its length, say {length}; the length of a frame counts itself and its type, so \
         it is at least 9, and at most {limit} is taken here"
    )]
    Length {
        /// What was said.
        length: u64,
        /// The limit at that time.
        limit: u64,
    },
    /// A type that no master is sent.
    #[error(
        "a frame of type {number} ({name}); a master takes RpcRequest (3), RpcResponse (4), RpcFailure (5), \
         StreamRequest (6) and OneWayMessage (9)"
    )]
    Type {
        /// The number on the wire.
        number: u8,
        /// What Spark calls it.
        name: &'static str,
    },
    /// The length of the frame and of what is in it do not agree.
    #[error(
        "a frame of type {number} and length {length} says that its body has {body} bytes; with a header of {head} \
         bytes it would be {length} - {head}"
    )]
    Body {
        /// The number on the wire.
        number: u8,
        /// Of the frame.
        length: u64,
        /// Of the body as its header says.
        body: i32,
        /// The length of all before the body.
        head: usize,
    },
}

/// What else may have connected to the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// A browser, or a probe.
    #[error("an HTTP request")]
    Http,
    /// gRPC most likely.
    #[error("HTTP/2")]
    Http2,
    /// A TLS ClientHello.
    #[error("TLS")]
    Tls,
}

impl Foreign {
    fn of(first: [u8; 8]) -> Option<Self> {
        const METHODS: [&[u8]; 8] = [
            b"GET ",
            b"HEAD ",
            b"POST ",
            b"PUT ",
            b"DELETE ",
            b"OPTIONS ",
            b"CONNECT ",
            b"PATCH ",
        ];
        if first.starts_with(&[0x16, 0x03]) {
            Some(Foreign::Tls)
        } else if first.starts_with(b"PRI * HT") {
            Some(Foreign::Http2)
        } else {
            let method = METHODS.iter().any(|method| first.starts_with(method));
            method.then_some(Foreign::Http)
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Foreign::Http => "pages and REST submissions have ports of their own",
            Foreign::Http2 => {
                "Vesta's own workers and clients connect to the port of `vesta://` addresses"
            }
            Foreign::Tls => "set spark.ssl.rpc.enabled to false at the peer",
        }
    }
}

/// Cuts bytes into frames. Holds no more bytes than came, and none between two frames.
#[derive(Debug)]
pub struct Decoder {
    limit: u64,
    head: [u8; LONGEST_HEAD],
    /// How many bytes of `head` are there.
    known: usize,
    body: Vec<u8>,
}

impl Decoder {
    /// Takes frames of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit as u64,
            head: [0; LONGEST_HEAD],
            known: 0,
            body: Vec::new(),
        }
    }

    /// Takes frames of at most `limit` bytes from the next one on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit as u64;
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.known > 0
    }

    /// The bytes kept of a frame that has begun.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.known + self.body.len()
    }

    /// Takes bytes from the front of `input`, up to the end of a frame if it is in there. After an error the
    /// decoder is of no more use: where the next frame begins can't be known.
    ///
    /// # Errors
    /// When the bytes can't be the beginning of a frame that is taken here.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if !self.fill(input, 8) {
            return Ok(None);
        }
        let length = self.length();
        if length < PRELUDE as u64 || length > self.limit {
            let first = length.to_be_bytes();
            return Err(Foreign::of(first).map_or(
                FrameError::Length {
                    length,
                    limit: self.limit,
                },
                FrameError::Foreign,
            ));
        }
        if !self.fill(input, PRELUDE) {
            return Ok(None);
        }
        let frame_type = frame_type(self.head[8])?;
        let head = frame_type.head();
        if length < head as u64 {
            return Err(FrameError::Length {
                length,
                limit: self.limit,
            });
        }
        if !self.fill(input, head) {
            return Ok(None);
        }
        let body = self.body_length(frame_type, length)?;
        if self.body.len() < body && !input.is_empty() {
            let taken = input.len().min(body - self.body.len());
            self.grow(taken, body);
            let (now, rest) = input.split_at(taken);
            self.body.extend_from_slice(now);
            *input = rest;
        }
        Ok((self.body.len() == body).then(|| self.take(frame_type)))
    }

    /// Takes bytes until `wanted` ones of the head are there.
    fn fill(&mut self, input: &mut &[u8], wanted: usize) -> bool {
        if self.known < wanted {
            let taken = input.len().min(wanted - self.known);
            let (now, rest) = input.split_at(taken);
            self.head[self.known..self.known + taken].copy_from_slice(now);
            self.known += taken;
            *input = rest;
        }
        self.known >= wanted
    }

    /// Room for `more` bytes: twice what there is, but never beyond the frame.
    fn grow(&mut self, more: usize, body: usize) {
        let there = self.body.len();
        if self.body.capacity() < there + more {
            let wanted = (2 * there).max(there + more).max(STEP).min(body);
            self.body.reserve_exact(wanted - there);
        }
    }

    fn length(&self) -> u64 {
        u64::from_be_bytes(self.head[..8].try_into().expect("eight bytes"))
    }

    fn id(&self) -> i64 {
        i64::from_be_bytes(self.head[9..17].try_into().expect("eight bytes"))
    }

    /// The body's length by the frame's length, held against what the header says of it.
    fn body_length(&self, frame_type: FrameType, length: u64) -> Result<usize, FrameError> {
        let head = frame_type.head();
        let said = self.head[head - 4..head].try_into().expect("four bytes");
        let said = i32::from_be_bytes(said);
        let body = length - head as u64;
        if u64::try_from(said) != Ok(body) {
            let number = frame_type.number();
            return Err(FrameError::Body {
                number,
                length,
                body: said,
                head,
            });
        }
        // Lengths are within a limit that was a `usize`.
        Ok(body as usize)
    }

    fn take(&mut self, frame_type: FrameType) -> Frame {
        let id = self.id();
        self.known = 0;
        let body = std::mem::take(&mut self.body);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        match frame_type {
            FrameType::RpcRequest => Frame::RpcRequest {
                id,
                body: Bytes::from(body),
            },
            FrameType::RpcResponse => Frame::RpcResponse {
                id,
                body: Bytes::from(body),
            },
            FrameType::OneWay => Frame::OneWay {
                body: Bytes::from(body),
            },
            FrameType::RpcFailure => Frame::RpcFailure {
                id,
                text: text(body),
            },
            FrameType::StreamRequest | FrameType::StreamFailure => {
                Frame::StreamRequest { stream: text(body) }
            }
        }
    }
}

/// Which of the frames that are taken a type is.
fn frame_type(number: u8) -> Result<FrameType, FrameError> {
    Err(FrameError::Type {
        number,
        name: match number {
            3 => return Ok(FrameType::RpcRequest),
            4 => return Ok(FrameType::RpcResponse),
            5 => return Ok(FrameType::RpcFailure),
            6 => return Ok(FrameType::StreamRequest),
            9 => return Ok(FrameType::OneWay),
            0 => "ChunkFetchRequest",
            1 => "ChunkFetchSuccess",
            2 => "ChunkFetchFailure",
            7 => "StreamResponse",
            8 => "StreamFailure",
            10 => "UploadStream",
            11 => "MergedBlockMetaRequest",
            12 => "MergedBlockMetaSuccess",
            _ => "unknown",
        },
    })
}

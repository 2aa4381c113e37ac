//! The state of one connection, without its socket and without a clock. It is the same whoever made the connection:
//! both sides may ask, send and answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::address::Envelope;
use super::decoder::Decoder;
use super::error::{AskError, PeerError, SendError};
use super::frame::Frame;
use super::limits::Limits;
use super::queue::Queue;
use crate::address::RpcAddress;

/// A message of the peer.
pub struct Message {
    /// The addresses and the endpoint.
    pub envelope: Envelope,
    /// The Java stream.
    pub body: Bytes,
    /// The id under which an answer is waited for; none if it is not an ask.
    pub ask: Option<i64>,
    /// Of the whole frame.
    pub length: usize,
}

/// What has come out of bytes of the peer.
pub enum Received<W> {
    /// A message.
    Message(Message),
    /// The answer to an ask of ours, with what waits for it.
    Answer(W, Result<Bytes, AskError>),
}

/// One connection. `W` is what waits for the answer to an ask of ours.
pub struct Connection<W> {
    limits: Limits,
    decoder: Decoder,
    /// When the frame that has begun must be whole, and how long it may take; before the first frame of one who
    /// connected to us, also without its having begun.
    due: Option<(Instant, Duration)>,
    /// We made it, or it has brought a message.
    known: bool,
    peer: Option<RpcAddress>,
    /// How many asks of the peer have no answer yet.
    open: usize,
    asked: HashMap<i64, (Instant, W)>,
    last_id: i64,
    ignored: u64,
    queue: Queue,
}

impl<W> Connection<W> {
    /// A connection that a peer made to us: it has to prove itself.
    #[must_use]
    pub fn inbound(limits: &Limits, now: Instant) -> Self {
        Self {
            decoder: Decoder::new(limits.first_frame.min(limits.frame)),
            known: false,
            due: Some((now + limits.first_frame_within, limits.first_frame_within)),
            ..Self::outbound(limits)
        }
    }

    /// A connection that we made: the peer may have nothing to say.
    #[must_use]
    pub fn outbound(limits: &Limits) -> Self {
        Self {
            decoder: Decoder::new(limits.frame),
            limits: limits.clone(),
            due: None,
            known: true,
            peer: None,
            open: 0,
            asked: HashMap::new(),
            last_id: 0,
            ignored: 0,
            queue: Queue::default(),
        }
    }

    /// Where the peer says that it listens: in its first message that says so.
    #[must_use]
    pub fn peer(&self) -> Option<&RpcAddress> {
        self.peer.as_ref()
    }

    /// Whether we made it, or it has brought a message.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Answers that nobody waited for: too late, or never asked for.
    #[must_use]
    pub fn ignored_answers(&self) -> u64 {
        self.ignored
    }

    /// Takes bytes of the peer.
    ///
    /// # Errors
    /// When the connection is to be closed for them.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        now: Instant,
    ) -> Result<Vec<Received<W>>, PeerError> {
        let mut received = Vec::new();
        while !bytes.is_empty() {
            let Some(frame) = self.decoder.decode(&mut bytes)? else {
                let within = self.limits.frame_within;
                self.due.get_or_insert((now + within, within));
                break;
            };
            self.take(frame, &mut received)?;
            // Frames without a message buy no time.
            if self.known {
                self.due = None;
            }
        }
        Ok(received)
    }

    fn take(&mut self, frame: Frame, received: &mut Vec<Received<W>>) -> Result<(), PeerError> {
        let length = frame.length();
        match frame {
            Frame::RpcRequest { id, body } => {
                let message = self.message(length, &body, Some(id))?;
                if self.open < self.limits.asks {
                    self.open += 1;
                    received.push(Received::Message(message));
                } else {
                    let text = format!(
                        "{} requests of this connection wait for an answer already, and no more may",
                        self.open
                    );
                    self.queue(&Frame::RpcFailure { id, text })?;
                }
            }
            Frame::OneWay { body } => {
                let message = self.message(length, &body, None)?;
                received.push(Received::Message(message));
            }
            Frame::RpcResponse { id, body } => received.extend(self.answered(id, Ok(body))),
            Frame::RpcFailure { id, text } => {
                received.extend(self.answered(id, Err(AskError::Failed(text))));
            }
            Frame::StreamRequest { stream } => {
                let text = "a master serves no files".to_owned();
                self.queue(&Frame::StreamFailure { stream, text })?;
            }
            // The decoder knows that nobody sends it to us.
            Frame::StreamFailure { .. } => {}
        }
        Ok(())
    }

    fn message(
        &mut self,
        length: usize,
        body: &Bytes,
        ask: Option<i64>,
    ) -> Result<Message, PeerError> {
        let (envelope, body) =
            Envelope::read(body).map_err(|error| PeerError::Envelope { length, error })?;
        if !self.known {
            self.known = true;
            self.decoder.set_limit(self.limits.frame);
        }
        if self.peer.is_none() {
            self.peer.clone_from(&envelope.sender);
        }
        Ok(Message {
            envelope,
            body,
            ask,
            length,
        })
    }

    fn answered(&mut self, id: i64, answer: Result<Bytes, AskError>) -> Option<Received<W>> {
        let Some((_, waiter)) = self.asked.remove(&id) else {
            self.ignored += 1;
            return None;
        };
        Some(Received::Answer(waiter, answer))
    }

    /// Queues a message without an answer.
    ///
    /// # Errors
    /// When it can't be sent.
    pub fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Result<(), SendError> {
        let body = envelope.write(message)?;
        self.queue_ours(&Frame::OneWay { body })
    }

    /// Queues an ask. `waiter` comes back with the answer, or from [`Connection::expire`] after `deadline`.
    ///
    /// # Errors
    /// When it can't be sent; `waiter` comes back with it.
    pub fn ask(
        &mut self,
        envelope: &Envelope,
        message: &[u8],
        deadline: Instant,
        waiter: W,
    ) -> Result<i64, (SendError, W)> {
        if self.asked.len() >= self.limits.asks {
            return Err((SendError::Asks(self.asked.len()), waiter));
        }
        // Any id that is new on this connection will do; Spark's are random.
        let id = self.last_id + 1;
        let queued = envelope
            .write(message)
            .map_err(SendError::from)
            .and_then(|body| self.queue_ours(&Frame::RpcRequest { id, body }));
        if let Err(error) = queued {
            return Err((error, waiter));
        }
        self.last_id = id;
        self.asked.insert(id, (deadline, waiter));
        Ok(id)
    }

    /// Queues the answer to an ask of the peer. To be called once for each: there is a limit on those without.
    ///
    /// # Errors
    /// When it can't be sent. If it is too long, the peer is told so instead.
    pub fn answer(&mut self, id: i64, answer: Result<Bytes, String>) -> Result<(), SendError> {
        self.open = self.open.saturating_sub(1);
        let frame = match answer {
            Ok(body) => Frame::RpcResponse { id, body },
            Err(text) => Frame::RpcFailure { id, text },
        };
        let queued = self.queue_ours(&frame);
        if let Err(error @ SendError::Long { .. }) = &queued {
            let text = format!("the answer can't be sent: {error}");
            self.queue(&Frame::RpcFailure { id, text })?;
        }
        queued
    }

    fn queue_ours(&mut self, frame: &Frame) -> Result<(), SendError> {
        let limit = self.limits.frame.min(i32::MAX as usize);
        let length = frame.length();
        if length > limit {
            return Err(SendError::Long { length, limit });
        }
        Ok(self.queue(frame)?)
    }

    fn queue(&mut self, frame: &Frame) -> Result<(), PeerError> {
        self.queue.push(frame, self.limits.queued_per_connection)
    }

    /// What is to be written next; empty if nothing is.
    #[must_use]
    pub fn to_write(&self) -> &[u8] {
        self.queue.front()
    }

    /// Says that the first `count` bytes of [`Connection::to_write`] are written.
    pub fn wrote(&mut self, count: usize) {
        self.queue.wrote(count);
    }

    /// Bytes that wait to be written, those of a frame that is partly written included.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.bytes()
    }

    /// Bytes kept of a frame that has begun.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.decoder.buffered()
    }

    /// When the peer is late, unless more comes from it.
    #[must_use]
    pub fn frame_due(&self) -> Option<Instant> {
        self.due.map(|(at, _)| at)
    }

    /// Why the peer is late, if it is.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Option<PeerError> {
        let (_, within) = self.due.filter(|(at, _)| now >= *at)?;
        Some(match self.buffered() {
            0 => PeerError::Silent(within),
            buffered => PeerError::Slow { buffered, within },
        })
    }

    /// What an end of the peer's bytes means now: nothing, or that they are cut off.
    ///
    /// # Errors
    /// When it is inside a frame.
    pub fn end(&self) -> Result<(), PeerError> {
        match self.buffered() {
            0 => Ok(()),
            buffered => Err(PeerError::Truncated { buffered }),
        }
    }

    /// When the first of our asks is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.asked.values().map(|(deadline, _)| *deadline).min()
    }

    /// The asks of ours that are over.
    pub fn expire(&mut self, now: Instant) -> Vec<W> {
        self.asked
            .extract_if(|_, (deadline, _)| *deadline <= now)
            .map(|(_, ask)| ask.1)
            .collect()
    }

    /// Drops all that waits to be written, and gives back what waits for answers.
    pub fn close(&mut self) -> Vec<W> {
        self.queue = Queue::default();
        std::mem::take(&mut self.asked)
            .into_values()
            .map(|(_, waiter)| waiter)
            .collect()
    }
}

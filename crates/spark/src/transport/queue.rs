//! Frames that wait to be written.

use std::collections::VecDeque;

use super::error::PeerError;
use super::frame::Frame;

/// The frames of one connection, in the order in which they go out.
#[derive(Default)]
pub(super) struct Queue {
    frames: VecDeque<Vec<u8>>,
    /// Of all frames.
    bytes: usize,
    /// Of the first frame these many bytes are written.
    written: usize,
}

impl Queue {
    /// Appends a frame. Together they are not to be longer than `limit`; one alone may be.
    pub(super) fn push(&mut self, frame: &Frame, limit: usize) -> Result<(), PeerError> {
        let (queued, more) = (self.bytes, frame.length());
        if queued > 0 && queued + more > limit {
            return Err(PeerError::Overrun {
                queued,
                more,
                limit,
            });
        }
        self.frames.push_back(frame.encode());
        self.bytes += more;
        Ok(())
    }

    /// What is to be written next; empty if nothing is.
    pub(super) fn front(&self) -> &[u8] {
        let front = self.frames.front();
        front.map_or(&[], |frame| &frame[self.written..])
    }

    /// Says that the first `count` bytes of [`Queue::front`] are written.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
        let whole = self.frames.front().map_or(0, Vec::len);
        if self.written < whole {
            return;
        }
        self.frames.pop_front();
        self.bytes -= whole;
        self.written = 0;
        if self.frames.is_empty() {
            // Most connections are idle most of the time.
            self.frames = VecDeque::new();
        }
    }

    /// The length of all, of what is written of the first one too.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

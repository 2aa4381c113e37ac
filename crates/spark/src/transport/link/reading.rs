//! From the socket to events.

use std::io;
use std::sync::Arc;

use tokio::time::timeout_at;

use super::{Link, now};
use crate::transport::budget::{InBudget, InClaim};
use crate::transport::connection::{Message, Received};
use crate::transport::event::{Ask, CloseReason, Event, Incoming};
use crate::transport::shared::Shared;

/// Read at a time. The buffer lies on the stack: an idle connection has none.
const CHUNK: usize = 16 << 10;

/// A frame of which more has come is a long one. All that Spark's masters are sent in the normal way is shorter.
const LONG: usize = 1 << 20;

impl Link {
    pub(super) async fn read(self: &Arc<Self>, shared: &Shared) -> CloseReason {
        let mut kept = shared.input.nothing();
        let mut silent = !self.lock().connection.is_known();
        loop {
            let due = self.lock().connection.frame_due();
            let ready = async {
                self.stream.readable().await?;
                Ok::<_, io::Error>(shared.input.claim(CHUNK as u32).await)
            };
            let ready = match due {
                None => Ok(ready.await),
                Some(due) => timeout_at(due.into(), ready).await,
            };
            let taken = match ready {
                Ok(Ok(claim)) => {
                    kept.merge(claim);
                    self.take(&mut kept, &shared.input)
                }
                Ok(Err(error)) => Err(CloseReason::Broken(error.to_string())),
                Err(_elapsed) => match self.lock().connection.overdue(now()) {
                    Some(error) => Err(error.into()),
                    None => continue,
                },
            };
            let taken = match taken {
                Ok(taken) => taken,
                Err(reason) => return reason,
            };
            if silent && self.lock().connection.is_known() {
                silent = false;
                shared.has_spoken(self.id);
            }
            for event in taken {
                if shared.events.send(event).await.is_err() {
                    return CloseReason::Closed("nobody receives messages any more".to_owned());
                }
            }
        }
    }

    /// Reads once. `kept` is the room for what is kept, and for one chunk; of it remains what is kept now.
    fn take(
        self: &Arc<Self>,
        kept: &mut InClaim,
        budget: &InBudget,
    ) -> Result<Vec<Event>, CloseReason> {
        let mut chunk = [0; CHUNK];
        let read = self.stream.try_read(&mut chunk);
        let mut state = self.lock();
        if let Some(reason) = &state.closed {
            return Err(reason.clone());
        }
        let received = match read {
            Ok(0) => {
                state.connection.end()?;
                return Err(CloseReason::Ended);
            }
            Ok(count) => state.connection.receive(&chunk[..count], now())?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Vec::new(),
            Err(error) => return Err(CloseReason::Broken(error.to_string())),
        };
        // Some frames are answered at once.
        if self.settle(&mut state).is_err() {
            return Err(state.closed.clone().unwrap_or(CloseReason::Ended));
        }
        let buffered = state.connection.buffered();
        if buffered > LONG && budget.is_scarce() {
            let why = format!(
                "{buffered} bytes of a frame that has not ended, while there is little room left for \
                 what other peers send"
            );
            return Err(CloseReason::Crowded(why));
        }
        drop(state);
        self.output.notify_one();
        let mut events = Vec::with_capacity(received.len());
        for received in received {
            match received {
                Received::Message(message) => {
                    let claim = kept.split(message.length);
                    events.push(Event::Message(self.incoming(message, claim)));
                }
                // Whoever asked may have stopped waiting.
                Received::Answer(waiter, answer) => drop(waiter.send(answer)),
            }
        }
        kept.shrink_to(buffered);
        Ok(events)
    }

    fn incoming(self: &Arc<Self>, message: Message, claim: InClaim) -> Incoming {
        let ask = message.ask.map(|id| Ask {
            link: Arc::downgrade(self),
            id,
            answered: false,
        });
        Incoming {
            connection: self.id,
            sender: message.envelope.sender,
            endpoint: message.envelope.endpoint,
            body: message.body,
            ask,
            _claim: claim,
        }
    }
}

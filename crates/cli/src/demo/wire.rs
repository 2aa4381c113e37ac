//! What the driver and its executors say to each other: one JSON document per line, of bounded length.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::words::Counts;

/// Longest line. A part is at most 1 MiB of text (see `input`), and JSON makes a character at most six
/// times as long.
pub const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// From an executor to the driver.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum FromExecutor {
    /// First, once: who this is.
    Hello {
        /// Its instance id.
        instance: String,
        /// The worker it runs on.
        worker: String,
    },
    /// A part is counted.
    Counted {
        /// Its number.
        part: usize,
        /// What was found in it.
        counts: Counts,
    },
    /// The answer to `Finished`: its regular end is in the ledger.
    Goodbye,
}

/// From the driver to an executor.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum FromDriver {
    /// Count this, and answer after `hold_ms`.
    Part {
        /// Its number.
        part: usize,
        /// How long the executor keeps the part at least, in milliseconds.
        hold_ms: u64,
        /// The text.
        text: String,
    },
    /// Nothing is left to do.
    Finished,
}

/// Sends one message.
///
/// # Errors
/// When the connection is broken.
pub async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await
}

/// Receives one message; `None` when the other side has closed the connection.
///
/// # Errors
/// When the connection is broken, or what came is not a message.
pub async fn receive<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
) -> std::io::Result<Option<T>> {
    let mut line = Vec::new();
    let read = from
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .await?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        let why = if read as u64 == LINE_BYTES_MAX {
            format!("a message is longer than {LINE_BYTES_MAX} bytes")
        } else {
            "the connection was closed in the middle of a message".to_owned()
        };
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_is_received_line_by_line() {
        let part = FromDriver::Part {
            part: 3,
            hold_ms: 5,
            text: "two\nlines \"quoted\"\n".into(),
        };
        let mut pipe = Vec::new();
        send(&mut pipe, &part).await.unwrap();
        send(&mut pipe, &FromDriver::Finished).await.unwrap();
        let mut from = pipe.as_slice();
        assert_eq!(receive::<FromDriver>(&mut from).await.unwrap(), Some(part));
        assert_eq!(
            receive::<FromDriver>(&mut from).await.unwrap(),
            Some(FromDriver::Finished)
        );
        assert_eq!(receive::<FromDriver>(&mut from).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_message_is_an_error() {
        for bytes in [&b"\"Goodbye\""[..], b"{}\n", b"\xff\n", b"\"Hello\"\n"] {
            assert!(
                receive::<FromExecutor>(&mut &*bytes).await.is_err(),
                "{bytes:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_an_error_before_it_fills_the_memory() {
        let mut from = tokio::io::BufReader::new(tokio::io::repeat(b' '));
        let error = receive::<FromExecutor>(&mut from).await.unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
    }
}

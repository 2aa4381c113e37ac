//! What is written where: results on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use vesta_client::proto::ReadPoint;

use crate::exit::Failure;

/// Writes bytes to standard output as they are.
///
/// # Errors
/// `OutputClosed` when nobody reads on; `Unavailable` when it can't be written: whoever wanted to know
/// does not.
pub fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::Unavailable(format!("standard output can't be written to: {error}")),
        })
}

/// Writes one line to standard output.
///
/// # Errors
/// As [`bytes`].
pub fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes `value` to standard output as one JSON document.
///
/// # Errors
/// As [`bytes`].
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| {
        Failure::Refused(format!("the answer can't be written as JSON: {error}"))
    })?;
    line(&text)
}

/// Says something to people, on standard error. If nobody listens there, nothing can be done.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Warns when an answer is not known to be current.
pub fn warn_if_stale(read: Option<&ReadPoint>) {
    if let Some(read) = read
        && read.stale
    {
        let age = read.age_ms.map_or_else(
            || "of unknown age".to_owned(),
            |age| format!("{:.1} s old", age as f64 / 1000.0),
        );
        say(&format!(
            "warning: no quorum answered. This is what {} has, of log index {}, {age}; \
             --consistent refuses such answers",
            read.answered_by, read.index,
        ));
    }
}

/// Warns when a list was cut.
pub fn warn_if_cut(shown: usize, total: u64) {
    if (shown as u64) < total {
        say(&format!(
            "these are {shown} of {total}; --limit shows more, up to the masters' own limit"
        ));
    }
}

/// Whether a person watches standard error.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// The characters of one line of the terminal that standard output is; `None` if it is none, so that
/// programs get whole lines.
pub fn width() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from)
}

/// Text of others made harmless for a terminal: control characters are escaped.
pub fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let (escaped, kept) = if c.is_control() {
                (Some(c.escape_default()), None)
            } else {
                (None, Some(c))
            };
            escaped.into_iter().flatten().chain(kept)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_can_t_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jé\n"), "a\\u{1b}[2Jé\\n");
    }
}

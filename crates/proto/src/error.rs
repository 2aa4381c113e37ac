//! Why a message from outside is refused.

use std::fmt;

/// How much of a refused value is shown, in characters.
const SHOWN_CHARS: usize = 120;

/// One value of a message that can't be taken: where it is, what it was, what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {found} is not {wanted}")]
pub struct ConvertError {
    /// The field, as the `.proto` file names it, such as `launch.program`.
    pub field: &'static str,
    /// The value as it is shown: quoted and escaped if it is text, cut to 120 characters.
    pub found: String,
    /// What would be right, such as `a whole number from 1 to 65536`.
    pub wanted: String,
}

impl ConvertError {
    /// An error about a text: it is quoted, escaped and cut.
    pub fn text(field: &'static str, found: &str, wanted: impl Into<String>) -> ConvertError {
        ConvertError {
            field,
            found: shown(found),
            wanted: wanted.into(),
        }
    }

    /// An error about a number, a count, or anything else whose print is short and harmless.
    pub fn value(
        field: &'static str,
        found: impl fmt::Display,
        wanted: impl Into<String>,
    ) -> ConvertError {
        ConvertError {
            field,
            found: found.to_string(),
            wanted: wanted.into(),
        }
    }

    /// An error about a field that must be there and is not.
    pub fn missing(field: &'static str, wanted: impl Into<String>) -> ConvertError {
        ConvertError {
            field,
            found: "nothing".into(),
            wanted: wanted.into(),
        }
    }
}

/// `text` quoted and escaped (control characters, quotes, backslashes), cut to 120 characters before
/// that, with `…` where something was cut off.
pub fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_text_is_shown_escaped_and_cut() {
        let error = ConvertError::text("name", "a\u{1b}[2J\n\"b\"", "a name");
        assert_eq!(
            error.to_string(),
            r#"name: "a\u{1b}[2J\n\"b\"" is not a name"#
        );
        let long = shown(&"é".repeat(5_000));
        assert_eq!(long.chars().count(), SHOWN_CHARS + 3);
        assert!(long.ends_with("\"…"));
    }
}

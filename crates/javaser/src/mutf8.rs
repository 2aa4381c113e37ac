//! Strings as Java writes them: "modified UTF-8" (Java Object Serialization Specification §6.2; `DataInput`).
//!
//! It differs from UTF-8 in two ways: NUL is written in two bytes, and a character above U+FFFF is written as its two
//! surrogates of three bytes each. Surrogates may also stand alone, so not every Java string is a Rust `str`. The
//! bytes are kept as they came, because two encodings of one text exist and a stream must be written back unchanged.

use std::borrow::Cow;
use std::fmt;

/// A Java string: valid modified UTF-8, as it stood in the stream.
///
/// `Debug` shows its length alone: the descriptions of drivers carry the environment of whoever submitted them, and
/// that must not reach a log by way of a `{:?}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JavaString(Box<[u8]>);

/// The bytes are not modified UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of the string does not continue or begin a character of modified UTF-8")]
pub struct NotModifiedUtf8 {
    /// The offset in the string.
    pub at: usize,
}

impl JavaString {
    /// Checks and takes bytes as they stand in a stream.
    ///
    /// # Errors
    /// When a byte neither begins nor continues a character, by the same rule as Java's own reader (which, as this
    /// one, lets over-long forms pass).
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Result<Self, NotModifiedUtf8> {
        let bytes = bytes.into();
        let mut at = 0;
        while at < bytes.len() {
            let length = match bytes[at] {
                0x00..=0x7F => 1,
                0xC0..=0xDF => 2,
                0xE0..=0xEF => 3,
                _ => return Err(NotModifiedUtf8 { at }),
            };
            for next in at + 1..at + length {
                if bytes.get(next).is_none_or(|byte| byte & 0xC0 != 0x80) {
                    return Err(NotModifiedUtf8 { at: next });
                }
            }
            at += length;
        }
        Ok(Self(bytes))
    }

    /// The bytes as in the stream, without their length.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text; `None` when a surrogate stands alone, which Rust's strings can't hold.
    #[must_use]
    pub fn to_str(&self) -> Option<Cow<'_, str>> {
        // What both encodings allow they mean alike: UTF-8 refuses over-long forms and surrogates.
        if let Ok(same) = std::str::from_utf8(&self.0) {
            return Some(Cow::Borrowed(same));
        }
        String::from_utf16(&self.utf16()).ok().map(Cow::Owned)
    }

    /// The text with U+FFFD for each surrogate that stands alone: for messages to people.
    #[must_use]
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        self.to_str()
            .unwrap_or_else(|| Cow::Owned(String::from_utf16_lossy(&self.utf16())))
    }

    /// Whether the text is `text`.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.to_str().is_some_and(|own| own == text)
    }

    /// The characters as Java counts them.
    fn utf16(&self) -> Vec<u16> {
        let low = |at: usize| u16::from(self.0[at] & 0x3F);
        let mut units = Vec::with_capacity(self.0.len());
        let mut at = 0;
        while at < self.0.len() {
            let first = self.0[at];
            let (unit, length) = match first {
                0xC0..=0xDF => (u16::from(first & 0x1F) << 6 | low(at + 1), 2),
                0xE0.. => {
                    let high = u16::from(first & 0x0F) << 12;
                    (high | low(at + 1) << 6 | low(at + 2), 3)
                }
                _ => (u16::from(first), 1),
            };
            units.push(unit);
            at += length;
        }
        units
    }
}

impl From<&str> for JavaString {
    fn from(text: &str) -> Self {
        if !text.bytes().any(|byte| byte == 0 || byte >= 0xF0) {
            return Self(text.as_bytes().into());
        }
        let mut bytes = Vec::with_capacity(text.len() + 8);
        for unit in text.encode_utf16() {
            let [low, middle] = [unit & 0x3F, unit >> 6 & 0x3F].map(|bits| bits as u8 | 0x80);
            match unit {
                0x01..=0x7F => bytes.push(unit as u8),
                0 | 0x80..=0x7FF => bytes.extend([(unit >> 6) as u8 | 0xC0, low]),
                _ => bytes.extend([(unit >> 12) as u8 | 0xE0, middle, low]),
            }
        }
        Self(bytes.into())
    }
}

impl fmt::Debug for JavaString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JavaString({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_encoded_as_java_does_and_read_back() {
        let cases: [(&str, &[u8]); 5] = [
            ("plain", b"plain"),
            ("", b""),
            ("a\0b", b"a\xC0\x80b"),
            ("é€", b"\xC3\xA9\xE2\x82\xAC"),
            ("x😀", b"x\xED\xA0\xBD\xED\xB8\x80"),
        ];
        for (text, bytes) in cases {
            let string = JavaString::from(text);
            assert_eq!(string.as_bytes(), bytes);
            let read = JavaString::from_bytes(bytes).unwrap();
            assert_eq!(read.to_str().unwrap(), text);
            assert!(read.is(text));
        }
    }

    #[test]
    fn an_overlong_form_is_kept_and_means_what_java_reads() {
        let string = JavaString::from_bytes(&b"\xC1\xA1\0"[..]).unwrap();
        assert_eq!(string.to_str().unwrap(), "a\0");
        assert_eq!(string.as_bytes(), b"\xC1\xA1\0");
    }

    #[test]
    fn a_surrogate_that_stands_alone_is_kept_but_is_no_rust_string() {
        let string = JavaString::from_bytes(&b"x\xED\xA0\xBD"[..]).unwrap();
        assert_eq!(string.to_str(), None);
        assert_eq!(string.to_str_lossy(), "x\u{FFFD}");
    }

    #[test]
    fn broken_strings_are_refused_with_the_place() {
        for (bytes, at) in [
            (&b"ab\x80"[..], 2),
            (b"\xC3", 1),
            (b"\xE2\x82", 2),
            (b"\xE2\x82a", 2),
            (b"a\xF0\x9F\x98\x80", 1),
        ] {
            assert_eq!(
                JavaString::from_bytes(bytes),
                Err(NotModifiedUtf8 { at }),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn debug_does_not_show_the_text() {
        let shown = format!("{:?}", JavaString::from("SECRET=hunter2"));
        assert_eq!(shown, "JavaString(14 bytes)");
    }
}

//! Why a stream was refused.

use crate::mutf8::{JavaString, NotModifiedUtf8};

/// A stream that is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the Java stream: {problem}")]
pub struct ReadError {
    /// The offset of the item that is wrong, from the stream's first byte.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each means")]
pub enum Problem {
    #[error("the stream has {length} bytes; at most {limit} are taken")]
    TooLong { length: usize, limit: usize },
    #[error("it begins with {found:02x?}; Java streams of version 5 begin with ac ed 00 05")]
    NotAStream { found: Vec<u8> },
    #[error("it ends here: {needed} bytes were to follow, {left} are there")]
    Truncated { needed: usize, left: usize },
    #[error("expected {expected}, found the tag {tag:#04x}")]
    UnexpectedTag { expected: &'static str, tag: u8 },
    #[error("handle {handle:#x} was not given out: they begin at 0x7e0000 and {known} are known")]
    UnknownHandle { handle: u32, known: usize },
    #[error("a reference to {found} where {expected} must stand")]
    WrongReference {
        expected: &'static str,
        found: &'static str,
    },
    #[error(transparent)]
    BadString(#[from] NotModifiedUtf8),
    #[error("the long form of {what} holds {length} bytes; Java uses it above {above}")]
    LongForm {
        what: &'static str,
        length: u64,
        above: usize,
    },
    #[error("a count of {count}; counts are 0 or more")]
    NegativeCount { count: i64 },
    #[error("a boolean of {found:#04x}; Java writes 0 and 1")]
    BadBoolean { found: u8 },
    #[error("field type {letter:#04x}; the types are B C D F I J S Z L and [")]
    BadFieldType { letter: u8 },
    #[error("class {class}: {why}")]
    BadClass { class: String, why: &'static str },
    #[error("the writer met an exception in the middle of an object and gave up (TC_EXCEPTION)")]
    WriterGaveUp,
    #[error("a reset inside an object; it may stand between objects only")]
    ResetInside,
    #[error("values lie within each other more than {limit} deep")]
    TooDeep { limit: usize },
    #[error("the values need more than {limit} bytes of memory")]
    TooMuchMemory { limit: usize },
    #[error("{records} values and blocks at the top; expected one value")]
    NotOneValue { records: usize },
}

/// A name out of a stream, fit for one line of a log: whole if it is short, without control characters.
pub(crate) fn shown(name: &JavaString) -> String {
    const LONGEST: usize = 120;
    let text = name.to_str_lossy();
    let mut shown: String = text.chars().take(LONGEST).collect::<String>();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}

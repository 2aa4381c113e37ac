//! The text whose words are counted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Most text that is taken, in bytes: it is held in memory, here and by the driver.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest line of a file that is taken: a part is cut at line ends, and travels as one message.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// How much text is made up where there is none.
const GENERATED_BYTES: usize = 512 * 1024;

/// A text, and where it is from.
#[derive(Debug, PartialEq)]
pub struct Text {
    /// Where it is from, for people.
    pub source: String,
    /// How many files it is made of; none if it was made up.
    pub files: usize,
    /// All of it.
    pub text: String,
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// It can't be read.
    #[error("can't read the input {}: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds no words.
    #[error(
        "the input {} holds no text: a file in UTF-8, or a directory of some, is wanted",
        path.display()
    )]
    Empty {
        /// What.
        path: PathBuf,
    },
}

/// The text of `input`; without it, the sources and documents of the checkout that `below` is in;
/// without that, a made-up text that is always the same.
///
/// # Errors
/// When `input` can't be read or holds no text.
pub fn read(input: Option<&Path>, below: &Path) -> Result<Text, InputError> {
    if let Some(path) = input {
        return read_path(path);
    }
    let checkout = below.ancestors().find(|directory| is_checkout(directory));
    match checkout.map(read_path) {
        Some(Ok(text)) => Ok(text),
        _ => Ok(Text {
            source: "a made-up text".into(),
            files: 0,
            text: made_up(),
        }),
    }
}

fn is_checkout(directory: &Path) -> bool {
    directory.join("Cargo.toml").is_file() && directory.join("crates").is_dir()
}

fn read_path(path: &Path) -> Result<Text, InputError> {
    let mut found = Text {
        source: path.display().to_string(),
        files: 0,
        text: String::new(),
    };
    let read = if path.is_dir() {
        gather(path, &mut found)
    } else {
        take(path, &mut found)
    };
    read.map_err(|source| InputError::Read {
        path: path.to_owned(),
        source,
    })?;
    if found.text.chars().any(char::is_alphanumeric) {
        Ok(found)
    } else {
        Err(InputError::Empty {
            path: path.to_owned(),
        })
    }
}

/// Takes every text file below `directory`, in the order of their names: no hidden ones, nothing that
/// was built, no links.
fn gather(directory: &Path, found: &mut Text) -> io::Result<()> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if name.as_encoded_bytes().starts_with(b".") || (kind.is_dir() && name == "target") {
            continue;
        }
        // A file that vanished or is closed to us is not worth the demo.
        let _ = match (kind.is_dir(), kind.is_file()) {
            (true, _) => gather(&entry.path(), found),
            (_, true) => take(&entry.path(), found),
            _ => Ok(()),
        };
    }
    Ok(())
}

/// Takes one file if it is text and there is room for it.
fn take(file: &Path, found: &mut Text) -> io::Result<()> {
    let room = TEXT_BYTES_MAX.saturating_sub(found.text.len());
    if fs::metadata(file)?.len() >= room as u64 {
        return Ok(());
    }
    let Ok(text) = String::from_utf8(fs::read(file)?) else {
        return Ok(());
    };
    let longest = text.lines().map(str::len).max().unwrap_or_default();
    if text.contains('\0') || longest > LINE_BYTES_MAX || text.len() >= room {
        return Ok(());
    }
    found.text.push_str(&text);
    if !text.ends_with('\n') {
        found.text.push('\n');
    }
    found.files += 1;
    Ok(())
}

/// Sentences of a few words over and over, the shorter words more often; the same each time.
fn made_up() -> String {
    const WORDS: [&str; 32] = [
        "a",
        "the",
        "of",
        "it",
        "is",
        "to",
        "log",
        "one",
        "vote",
        "term",
        "lost",
        "runs",
        "waits",
        "core",
        "index",
        "epoch",
        "leads",
        "after",
        "again",
        "leader",
        "master",
        "worker",
        "driver",
        "quorum",
        "follows",
        "answers",
        "executor",
        "recovery",
        "election",
        "submitted",
        "heartbeat",
        "application",
    ];
    let mut text = String::with_capacity(GENERATED_BYTES + 128);
    let mut seed = 1_u64;
    let mut below = |bound: usize| {
        // Knuth's MMIX generator; its high bits are good enough for words.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap_or_default() % bound
    };
    while text.len() < GENERATED_BYTES {
        for _ in 0..4 + below(8) {
            // Of two, the earlier one.
            text.push_str(WORDS[below(WORDS.len()).min(below(WORDS.len()))]);
            text.push(' ');
        }
        text.pop();
        text.push_str(".\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>) {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn a_directory_is_its_text_files_in_order_of_name() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "b.md", "second\n");
        write(directory.path(), "a/x.rs", "first");
        write(directory.path(), "picture", b"\x89PNG\0\0");
        write(directory.path(), "zeros", "a\0b");
        write(directory.path(), ".git/config", "hidden");
        write(directory.path(), "target/debug/x.rs", "built");
        write(directory.path(), "long", "y".repeat(LINE_BYTES_MAX + 1));
        let text = read(Some(directory.path()), Path::new("/")).unwrap();
        assert_eq!((text.text.as_str(), text.files), ("first\nsecond\n", 2));
    }

    #[test]
    fn without_input_the_checkout_around_is_taken() {
        let checkout = tempfile::tempdir().unwrap();
        write(checkout.path(), "Cargo.toml", "workspace\n");
        write(checkout.path(), "crates/a/src/lib.rs", "source\n");
        let text = read(None, &checkout.path().join("crates/a/src")).unwrap();
        assert_eq!(text.text, "workspace\nsource\n");
    }

    #[test]
    fn without_a_checkout_the_text_is_made_up_and_always_the_same() {
        let text = read(None, Path::new("/")).unwrap();
        assert_eq!(text, read(None, Path::new("/")).unwrap());
        assert!(text.text.len() >= GENERATED_BYTES && text.text.ends_with(".\n"));
    }

    #[test]
    fn an_input_that_is_not_there_or_holds_no_words_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        let error = read(Some(&missing), Path::new("/"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("missing"), "{error}");
        let empty = read(Some(directory.path()), Path::new("/"));
        assert!(matches!(empty, Err(InputError::Empty { .. })), "{empty:?}");
    }
}

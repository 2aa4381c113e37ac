//! The identity file: readable text, replaced whole, checked by a checksum.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Identity, JournalError, Vote, files};

/// Name of the file in the journal's directory.
pub(crate) const NAME: &str = "identity";
/// Name of the file while it is written.
pub(crate) const TEMPORARY: &str = "identity.tmp";

/// The format of the whole directory that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;
const TITLE: &str = "vesta journal format ";
const CHECKSUM: &str = "crc32c ";

/// The identity file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityFile {
    pub(crate) directory_uuid: Uuid,
    /// False until everything else in the directory has been created; until then nothing was acknowledged.
    pub(crate) ready: bool,
    pub(crate) cluster_id: Option<Uuid>,
    pub(crate) node_id: Option<u64>,
    /// Hexadecimal.
    pub(crate) founding: Option<String>,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed_index: u64,
}

impl IdentityFile {
    /// A directory that belongs to no cluster yet.
    pub(crate) fn fresh() -> Self {
        Self {
            directory_uuid: Uuid::new_v4(),
            ready: false,
            cluster_id: None,
            node_id: None,
            founding: None,
            vote: None,
            committed_index: 0,
        }
    }

    /// Reads the identity of the directory `dir`; `None` if it has no such file.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = dir.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => parse(&path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::io("reading", &path, &error)),
        }
    }

    /// Replaces the identity of the directory `dir`; durable when it returns.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), JournalError> {
        let temporary = dir.join(TEMPORARY);
        write_temporary(&temporary, &self.render())
            .map_err(|error| JournalError::io("writing", &temporary, &error))?;
        let path = dir.join(NAME);
        rename(&temporary, &path).map_err(|error| JournalError::io("renaming", &path, &error))?;
        files::sync(dir)
    }

    fn render(&self) -> String {
        let mut file = self.clone();
        // Breaks I20 and I22: who has voted remembers it, and votes once in a term.
        if vesta_types::canary::is_on("vote-not-persisted") {
            file.vote = None;
        }
        let json = serde_json::to_string_pretty(&file).expect("plain fields always serialize");
        let body = format!("{TITLE}{FORMAT}\n{json}\n");
        let crc = crc32c::crc32c(body.as_bytes());
        format!("{body}{CHECKSUM}{crc:08x}\n")
    }

    /// As others see it.
    pub(crate) fn public(&self) -> Identity {
        Identity {
            directory_uuid: self.directory_uuid,
            cluster_id: self.cluster_id,
            node_id: self.node_id,
            founding: self.founding.as_deref().and_then(from_hex),
            vote: self.vote,
            committed_index: self.committed_index,
        }
    }
}

fn write_temporary(path: &Path, text: &str) -> io::Result<()> {
    #[cfg(any(debug_assertions, feature = "faults"))]
    fail::fail_point!("journal.identity.write", |errno| Err(files::injected(
        errno
    )));
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(debug_assertions, feature = "faults"))]
    fail::fail_point!("journal.identity.rename", |errno| Err(files::injected(
        errno
    )));
    fs::rename(from, to)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<IdentityFile, JournalError> {
    let damaged = |detail: String| JournalError::IdentityDamaged {
        path: PathBuf::from(path),
        detail,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| damaged(format!("not text: {error}")))?;
    // The format comes first: the rest of a newer file may look different altogether.
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    let found: u32 = title
        .strip_prefix(TITLE)
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| {
            damaged(format!(
                "the first line is {title:?}, not \"{TITLE}{FORMAT}\""
            ))
        })?;
    if found > FORMAT {
        return Err(JournalError::NewerFormat {
            path: path.to_owned(),
            found,
            supported: FORMAT,
        });
    }
    let (json, checksum) = rest.rsplit_once(CHECKSUM).ok_or_else(|| {
        damaged(format!(
            "no line \"{CHECKSUM}…\" at the end: it is cut short"
        ))
    })?;
    let body = &text[..text.len() - CHECKSUM.len() - checksum.len()];
    let computed = format!("{:08x}\n", crc32c::crc32c(body.as_bytes()));
    if checksum != computed {
        return Err(damaged(format!(
            "the checksum is {:?}, and the content has {:?}",
            checksum.trim_end(),
            computed.trim_end()
        )));
    }
    let file: IdentityFile =
        serde_json::from_str(json).map_err(|error| damaged(format!("its JSON: {error}")))?;
    if file
        .founding
        .as_deref()
        .is_some_and(|hex| from_hex(hex).is_none())
    {
        return Err(damaged("`founding` is not hexadecimal".into()));
    }
    Ok(file)
}

/// Two lower-case hexadecimal digits per byte.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect()
}

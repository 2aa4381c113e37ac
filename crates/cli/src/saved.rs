//! The file of a saved cluster state.
//!
//! Layout: `VESTASTATE`, format (4 bytes), head (4 + n, JSON), data (8 + n, the state as `vesta_core::codec`
//! writes it), CRC32C of everything before (4); numbers are little-endian.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vesta_core::{ClusterState, codec, version};
use vesta_types::{ClusterId, Timestamp};

const MAGIC: &[u8; 10] = b"VESTASTATE";

/// The format that is written and read.
pub const FORMAT: u32 = 1;

/// What a saved state is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The cluster.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub cluster_id: ClusterId,
    /// The last log entry that changed the state.
    pub index: u64,
    /// The epoch then.
    pub epoch: u64,
    /// The hash of the state, as `vesta cluster members` shows it.
    pub state_hash: String,
    /// The version of the rules that the cluster followed.
    pub version: u32,
    /// When it was saved, by the clock of who saved it.
    pub saved: Timestamp,
    /// The release that saved it.
    pub release: String,
}

fn as_text<S: Serializer>(id: &ClusterId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClusterId, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom(format!("{text:?} is no cluster id")))
}

/// Why a file is not a saved state that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It can't be read or written.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It is something else, damaged, or of a later release.
    #[error("{} is not a saved state that can be used: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Writes a saved state, whole or not at all: under a temporary name first, synced, then renamed.
///
/// # Errors
/// When it can't be written, or `data` is not what `head` says.
pub fn write(path: &Path, head: &Head, data: &[u8]) -> Result<(), SavedError> {
    let content = |why: String| SavedError::Content {
        path: path.to_owned(),
        why,
    };
    let found = hash(data);
    if found != head.state_hash {
        return Err(content(format!(
            "what arrived has the hash {found}, and {} was announced",
            head.state_hash
        )));
    }
    let json = serde_json::to_vec(head).map_err(|error| content(error.to_string()))?;
    let mut bytes = Vec::with_capacity(data.len() + json.len() + 64);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&json);
    bytes.extend_from_slice(&(data.len() as u64).to_le_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());

    let io = |doing: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| SavedError::Io {
            doing,
            path,
            source,
        }
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".vesta-snapshot-")
        .tempfile_in(dir)
        .map_err(io("cannot write in", dir))?;
    temporary
        .write_all(&bytes)
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(io("cannot write", path))?;
    temporary
        .persist(path)
        .map_err(|error| io("cannot write", path)(error.error))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io("cannot sync", dir))
}

/// Reads a saved state and checks all of it.
///
/// # Errors
/// When it can't be read, is damaged, or this release doesn't know it.
pub fn read(path: &Path) -> Result<(Head, ClusterState), SavedError> {
    let bytes = fs::read(path).map_err(|source| SavedError::Io {
        doing: "cannot read",
        path: path.to_owned(),
        source,
    })?;
    parse(&bytes).map_err(|why| SavedError::Content {
        path: path.to_owned(),
        why,
    })
}

fn parse(bytes: &[u8]) -> Result<(Head, ClusterState), String> {
    let cut = || "it is cut short".to_owned();
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or("it does not begin as one does")?;
    // The format comes first: the rest of a newer file may look different altogether.
    let (format, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let format = u32::from_le_bytes(*format);
    if format != FORMAT {
        return Err(format!(
            "its format is {format}, and this release knows {FORMAT}"
        ));
    }
    let (body, sum) = bytes.split_last_chunk().ok_or_else(cut)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
        return Err("its checksum is wrong: it is damaged or cut short".to_owned());
    }
    let rest = &rest[..rest.len().checked_sub(sum.len()).ok_or_else(cut)?];
    let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (json, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    let head: Head = serde_json::from_slice(json).map_err(|error| format!("its head: {error}"))?;
    let (length, data) = rest.split_first_chunk().ok_or_else(cut)?;
    if u64::from_le_bytes(*length) != data.len() as u64 {
        return Err(cut());
    }
    let found = hash(data);
    if found != head.state_hash {
        return Err(format!(
            "its state has the hash {found}, and {} is written in it",
            head.state_hash
        ));
    }
    let state: ClusterState =
        codec::decode("saved state", data).map_err(|error| error.to_string())?;
    version::check_state(&state, vesta_master::speaks()).map_err(|error| error.to_string())?;
    if state.cluster != Some(head.cluster_id) || state.applied != head.index {
        return Err("its head is of another state".to_owned());
    }
    Ok((head, state))
}

fn hash(data: &[u8]) -> String {
    format!("{:016x}", codec::fnv1a(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> (Head, Vec<u8>) {
        let cluster_id = ClusterId(uuid::Uuid::from_u128(7));
        let state = ClusterState {
            cluster: Some(cluster_id),
            applied: 5,
            ..ClusterState::default()
        };
        let data = codec::encode(&state);
        let head = Head {
            cluster_id,
            index: 5,
            epoch: 0,
            state_hash: hash(&data),
            version: 0,
            saved: Timestamp(9),
            release: "0".to_owned(),
        };
        (head, data)
    }

    #[test]
    fn a_saved_state_is_read_back_and_every_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let (head, data) = saved();
        write(&path, &head, &data).unwrap();
        assert_eq!(read(&path).unwrap().0, head);
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing else is left"
        );

        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(parse(&flipped).is_err(), "byte {at}");
            assert!(parse(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut newer = bytes;
        newer[MAGIC.len()] = 2;
        assert!(parse(&newer).unwrap_err().contains("format is 2"));
    }

    #[test]
    fn what_did_not_arrive_whole_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let (head, data) = saved();
        let error = write(&path, &head, &data[1..]).unwrap_err().to_string();
        assert!(error.contains("was announced"), "{error}");
        assert!(!path.exists());
    }
}

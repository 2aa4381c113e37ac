//! From where to where the log reaches.

use crate::seal::{seal, unseal};
use crate::{JournalError, Purged};

/// Where the log begins. Kept with the entries, changed in the same batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Floor {
    /// The index of the first entry that there is, or that comes next.
    pub(crate) first: u64,
    /// The marker of the purge that put the floor here; `None` before the first purge.
    pub(crate) marker: Option<Vec<u8>>,
}

impl Floor {
    /// As stored: the first index (8 bytes, little-endian), 1 or 0 for purged or not, the marker; sealed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.first.to_le_bytes().to_vec();
        bytes.push(u8::from(self.marker.is_some()));
        bytes.extend(self.marker.iter().flatten());
        seal(&bytes)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` if it is damaged.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = unseal(bytes)?.split_first_chunk::<8>()?;
        let (&[purged], marker) = rest.split_first_chunk::<1>()?;
        let marker = (purged == 1).then(|| marker.to_vec());
        Some(Self {
            first: u64::from_le_bytes(*first),
            marker,
        })
    }
}

/// From where to where the log reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// `None` before the first append.
    pub(crate) floor: Option<Floor>,
    /// The last index; `None` while the log is empty.
    pub(crate) last: Option<u64>,
}

impl Span {
    pub(crate) fn first(&self) -> Option<u64> {
        self.last.and(self.floor.as_ref()).map(|floor| floor.first)
    }

    pub(crate) fn purged(&self) -> Option<Purged> {
        let floor = self.floor.as_ref()?;
        let marker = floor.marker.clone()?;
        Some(Purged {
            index: floor.first.checked_sub(1)?,
            marker,
        })
    }

    /// Checks that an append may begin at `index`. If that makes it the beginning of the log: the new floor.
    pub(crate) fn begin_append(&self, index: u64) -> Result<Option<Floor>, JournalError> {
        let after_purge = self.floor.as_ref().filter(|floor| floor.marker.is_some());
        match self
            .last
            .map(|last| last + 1)
            .or(after_purge.map(|floor| floor.first))
        {
            Some(next) if next != index => Err(JournalError::Refused(format!(
                "an append that begins at index {index} where {next} comes next"
            ))),
            Some(_) => Ok(None),
            // Nothing is here and nothing was ever purged: the log begins where the caller says.
            None => Ok(Some(Floor {
                first: index,
                marker: None,
            })),
        }
    }
}

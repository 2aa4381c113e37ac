//! Masters come, and the rules that they follow are raised.

use uuid::Uuid;

use super::Applying;
use crate::reply::{Answer, RejectCode, Rejection, Reply};
use crate::state::Ageing;
use crate::version;

impl Applying<'_> {
    /// A node id belongs to one data directory for good: Raft counts on what a voter has promised, and
    /// another directory knows nothing of that.
    pub(super) fn note_master(&mut self, node: u64, directory: Uuid) -> Reply {
        match self.state.masters.get(&node) {
            Some(known) if *known != directory => Err(Rejection::new(
                RejectCode::State,
                format!(
                    "node id {node} was used before, with another data directory: node ids are never used \
                     twice, give this master a new one"
                ),
            )),
            _ => {
                self.state.masters.insert(node, directory);
                Ok(Answer::Done)
            }
        }
    }

    /// The version never goes back.
    pub(super) fn raise_version(&mut self, version: u32) -> Reply {
        self.state.version = self.state.version.max(version);
        // What has ended before goes on ageing from where it is.
        if self.state.version >= version::AGEING && self.state.ageing.is_none() {
            self.state.ageing = Some(Ageing::new(self.now, self.at));
        }
        Ok(Answer::Done)
    }
}

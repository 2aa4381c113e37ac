//! Who a worker is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vesta_types::{ClusterId, Epoch, WorkerId};

use crate::reconcile::Allegiance;

/// Who a worker is and whom it obeys; as long as its directory lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id.
    pub worker: WorkerId,
    /// The id of its instance store: the directory's own.
    pub store: Uuid,
    /// The cluster it belongs to; `None` before its very first contact.
    pub cluster: Option<ClusterId>,
    /// The highest epoch it has met.
    pub epoch: Epoch,
    /// The machine's boot that its records are of.
    pub boot: Option<Uuid>,
}

impl Identity {
    /// A new worker, of no cluster.
    pub fn new(worker: WorkerId) -> Identity {
        let store = Uuid::new_v4();
        Identity {
            worker,
            store,
            cluster: None,
            epoch: Epoch(0),
            boot: None,
        }
    }

    /// Whom it obeys.
    pub fn allegiance(&self) -> Allegiance {
        Allegiance {
            cluster: self.cluster,
            epoch: self.epoch,
        }
    }
}

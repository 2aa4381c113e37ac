//! Obeying another cluster from now on, because an operator said so.

use vesta_types::Epoch;

use super::serve::Agent;
use crate::WorkerError;
use crate::reconcile::Allegiance;
use crate::store::adopt;

impl Agent {
    /// Takes an operator's word that this worker belongs to another cluster now, if there is one. What
    /// runs goes on; every session begins anew.
    pub(super) fn adopt_if_asked(&mut self) {
        let Some(asked) = adopt::asked(self.store.dir()) else {
            return;
        };
        let own = self.reconciler.allegiance().cluster;
        if own == asked.from && own != Some(asked.to) {
            let allegiance = Allegiance {
                cluster: Some(asked.to),
                // Its epochs are counted anew.
                epoch: Epoch(0),
            };
            // Whom it obeys comes last: an agent that is killed before it begins anew.
            self.masters.adopted(asked.masters, self.store.dir());
            if let Err(error) = self
                .forget_acknowledgements()
                .and_then(|()| self.store.obey(allegiance))
            {
                tracing::error!(%error, "this worker can't be adopted");
                return;
            }
            self.reconciler.adopted(allegiance);
            self.allegiance.send_replace(allegiance);
            self.links.clear();
            tracing::warn!(from = ?own, to = %asked.to, "this worker was adopted by another cluster");
        } else if own != Some(asked.to) {
            tracing::error!(
                ?own,
                ?asked,
                "an adoption from another cluster than this worker's: not done"
            );
        }
        adopt::taken(self.store.dir());
    }

    /// Ends that another cluster has acknowledged are news to this one.
    fn forget_acknowledgements(&self) -> Result<(), WorkerError> {
        for (_, dir) in self.store.instances()? {
            let path = dir.path();
            dir.unacknowledge()
                .map_err(WorkerError::file("cannot change", path))?;
        }
        Ok(())
    }
}

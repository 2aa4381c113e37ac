//! Obeying another cluster from now on, because an operator said so.

use vesta_types::Epoch;

use super::serve::Agent;
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
            if let Err(error) = self.store.obey(allegiance) {
                tracing::error!(%error, "this worker can't be adopted");
                return;
            }
            self.reconciler.adopted(allegiance);
            self.allegiance.send_replace(allegiance);
            self.masters.adopted(asked.masters, self.store.dir());
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
}

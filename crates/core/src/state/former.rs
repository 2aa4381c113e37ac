//! Who ordered what, in a cluster that was restored from a snapshot of another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vesta_types::ClusterId;

/// Attempts of a driver, or executors of an application, that clusters before this one ordered. What
/// runs of them has the cluster that ordered it in its instance id, and goes on under that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Former(BTreeMap<u32, ClusterId>);

impl Former {
    /// The former cluster that ordered attempt or executor `number`; `None` if this one did, or will.
    pub fn of(&self, number: u32) -> Option<ClusterId> {
        let after = (
            std::ops::Bound::Excluded(number),
            std::ops::Bound::Unbounded,
        );
        self.0.range(after).next().map(|(_, cluster)| *cluster)
    }

    /// Whether this cluster ordered everything itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything below `number` that no earlier cluster ordered was ordered by `cluster`.
    pub(crate) fn close(&mut self, number: u32, cluster: ClusterId) {
        if self
            .0
            .last_key_value()
            .is_none_or(|(last, _)| *last < number)
        {
            self.0.insert(number, cluster);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesta_types::ClusterId;

    #[test]
    fn each_number_belongs_to_the_cluster_that_ordered_it_over_several_restores() {
        let cluster = |n: u8| ClusterId(uuid::Uuid::from_bytes([n; 16]));
        let mut former = Former::default();
        assert_eq!(former.of(0), None);
        former.close(2, cluster(1));
        // Nothing was ordered between two restores.
        former.close(2, cluster(2));
        former.close(3, cluster(3));
        let by: Vec<_> = (0..4).map(|number| former.of(number)).collect();
        assert_eq!(
            by,
            [Some(cluster(1)), Some(cluster(1)), Some(cluster(3)), None]
        );
    }
}

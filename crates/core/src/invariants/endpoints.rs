//! Every endpoint is of a run that may still be there: its owner is placed, in that attempt, and no
//! restart that its worker reported is later. And there are no more than may be.
//!
//! Source: the directory would lead clients to a process that is gone, or to an old copy beside the
//! current one.

use vesta_types::limits::{ENDPOINT_OWNERS_MAX, ENDPOINTS_PER_OWNER_MAX};

use super::Broken;
use crate::state::{ClusterState, EndpointOwner};

pub(super) fn check(state: &ClusterState, broken: &mut Broken) {
    let owners = state.endpoints.len();
    broken.unless(owners <= ENDPOINT_OWNERS_MAX, || {
        format!("{owners} owners of endpoints")
    });
    for (owner, endpoints) in &state.endpoints {
        let count = endpoints.len();
        broken.unless((1..=ENDPOINTS_PER_OWNER_MAX).contains(&count), || {
            format!("{owner} has {count} endpoints")
        });
        let run = match owner {
            EndpointOwner::Driver(id) => state.drivers.get(id).and_then(|driver| {
                let placement = driver.placement.as_ref()?;
                Some((driver.attempt, placement.restart))
            }),
            EndpointOwner::Executor(id) => state
                .applications
                .get(&id.app)
                .and_then(|app| app.executors.get(&id.number))
                .map(|_| (0, 0)),
        };
        let Some((attempt, restart)) = run else {
            broken.unless(false, || format!("{owner} has endpoints and does not run"));
            continue;
        };
        let mut published = endpoints.values();
        let current = published.all(|it| it.attempt == attempt && it.restart >= restart);
        broken.unless(current, || {
            format!("an earlier run of {owner} has an endpoint")
        });
        let mut restarts = endpoints.values().map(|it| it.restart);
        let first = restarts.next();
        broken.unless(restarts.all(|it| Some(it) == first), || {
            format!("two runs of {owner} have endpoints")
        });
    }
}

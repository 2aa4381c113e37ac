//! The endpoint directory: a run publishes, and what it published goes with it.

use vesta_types::limits::{ENDPOINT_OWNERS_MAX, ENDPOINTS_PER_OWNER_MAX};
use vesta_types::{ExecutorId, InstanceId, Work};

use super::Applying;
use crate::reply::{Answer, RejectCode, Rejection, Reply};
use crate::state::{Endpoint, EndpointOwner};

impl Applying<'_> {
    /// Publishes `address` under `name` of whoever runs as this restart of `instance`. Only the current run
    /// may: an old copy that is still alive somewhere must not lead clients to itself. There is no way to
    /// take a name back: the newest restart that is known here may be known by nothing else.
    pub(super) fn publish_endpoint(
        &mut self,
        instance: &InstanceId,
        restart: u32,
        name: &str,
        address: &str,
    ) -> Reply {
        if !self.state.is_ordered_here(instance) {
            let message = format!("{instance} is an instance of another cluster");
            return Err(Rejection::new(RejectCode::State, message));
        }
        let (owner, attempt, current) = self.current_run(instance)?;
        let owned = self.state.endpoints.get(&owner);
        // What its worker has reported can be late; what a later restart has published is not.
        let newest = owned.into_iter().flat_map(|owned| owned.values());
        let newest = newest
            .map(|endpoint| endpoint.restart)
            .fold(current, u32::max);
        if restart < newest {
            let message = format!(
                "restart {restart} of {instance} is not the current run: that is restart {newest}"
            );
            return Err(Rejection::new(RejectCode::State, message));
        }
        // A later restart proves that the one before is over, with all that it published.
        self.forget_endpoints_before(&owner, (attempt, restart));
        let owned = self.state.endpoints.get(&owner);
        let is_new = !owned.is_some_and(|owned| owned.contains_key(name));
        if is_new && owned.map_or(0, |owned| owned.len()) >= ENDPOINTS_PER_OWNER_MAX {
            return Err(Rejection::new(
                RejectCode::Limit,
                format!("{owner} has {ENDPOINTS_PER_OWNER_MAX} endpoints, and no more are kept"),
            ));
        }
        if owned.is_none() && self.state.endpoints.len() >= ENDPOINT_OWNERS_MAX {
            return Err(Rejection::new(
                RejectCode::Limit,
                format!(
                    "{ENDPOINT_OWNERS_MAX} drivers and executors have endpoints, and no more are kept"
                ),
            ));
        }
        let endpoint = Endpoint {
            address: address.to_owned(),
            attempt,
            restart,
            published: self.now,
        };
        let owned = self.state.endpoints.entry(owner).or_default();
        owned.insert(name.to_owned(), endpoint);
        Ok(Answer::Done)
    }

    /// The owner that `instance` is the current attempt of, that attempt, and its last known restart.
    fn current_run(&self, instance: &InstanceId) -> Result<(EndpointOwner, u32, u32), Rejection> {
        let refuse = |why: String| {
            let message = format!("{instance} can't publish an endpoint: {why}");
            Err(Rejection::new(RejectCode::State, message))
        };
        match &instance.work {
            Work::Driver {
                driver: id,
                attempt,
            } => {
                let Some(driver) = self.state.drivers.get(id) else {
                    return refuse("there is no such driver (any more)".to_owned());
                };
                match &driver.placement {
                    Some(placement) if driver.attempt == *attempt => {
                        let owner = EndpointOwner::Driver(id.clone());
                        Ok((owner, *attempt, placement.restart))
                    }
                    Some(_) => refuse(format!("attempt {} is the current one", driver.attempt)),
                    None => refuse(format!("the driver is {}", driver.state)),
                }
            }
            Work::Executor { app, number } => {
                let found = self.state.applications.get(app);
                if !found.is_some_and(|found| found.executors.contains_key(number)) {
                    return refuse("there is no such executor (any more)".to_owned());
                }
                let (app, number) = (app.clone(), *number);
                Ok((EndpointOwner::Executor(ExecutorId { app, number }), 0, 0))
            }
        }
    }

    /// Its owner's run is over: so is what it published.
    pub(super) fn forget_endpoints(&mut self, owner: &EndpointOwner) {
        self.state.endpoints.remove(owner);
    }

    /// Runs of `owner` before this one are over: so is what they published.
    pub(super) fn forget_endpoints_before(&mut self, owner: &EndpointOwner, run: (u32, u32)) {
        if let Some(owned) = self.state.endpoints.get_mut(owner) {
            owned.retain(|_, endpoint| endpoint.run() >= run);
            if owned.is_empty() {
                self.state.endpoints.remove(owner);
            }
        }
    }
}

//! What drivers and executors have published, as clients see it.

use vesta_core::state::{ClusterState, EndpointOwner};
use vesta_proto::ConvertError;
use vesta_proto::checks::{self, Publisher};
use vesta_proto::client::{Endpoint, ListEndpointsRequest};

/// The endpoints that match all that is asked for, by owner and name: at most `limit` of them, and how many
/// there are.
///
/// # Errors
/// When a name or an owner is asked for that there can't be.
pub(super) fn list(
    state: &ClusterState,
    request: &ListEndpointsRequest,
    limit: usize,
) -> Result<(Vec<Endpoint>, u64), ConvertError> {
    if !request.name.is_empty() {
        checks::endpoint_name(request.name.clone())?;
    }
    let of = match request.owner.as_str() {
        "" => None,
        owner => Some(checks::publisher(owner)?),
    };
    let (mut found, mut total) = (Vec::new(), 0);
    for (owner, named) in &state.endpoints {
        if of.as_ref().is_some_and(|of| !is_of(state, owner, of)) {
            continue;
        }
        for (name, endpoint) in named {
            if !request.name.is_empty() && *name != request.name {
                continue;
            }
            total += 1;
            if found.len() < limit {
                found.push(Endpoint {
                    name: name.clone(),
                    address: endpoint.address.clone(),
                    owner: owner.to_string(),
                    attempt: endpoint.attempt,
                    restart: endpoint.restart,
                    state: shown(state, owner).to_owned(),
                    published_ms: endpoint.published.0,
                });
            }
        }
    }
    Ok((found, total))
}

fn is_of(state: &ClusterState, owner: &EndpointOwner, of: &Publisher) -> bool {
    match (owner, of) {
        (EndpointOwner::Driver(id), Publisher::Driver(of)) => id == of,
        (EndpointOwner::Executor(id), Publisher::Executor(of)) => id == of,
        (EndpointOwner::Executor(id), Publisher::Application(of)) => id.app == *of,
        (EndpointOwner::Driver(id), Publisher::Application(of)) => {
            let app = state.applications.get(of);
            let run = app.and_then(|app| app.description.owner.as_ref());
            run.is_some_and(|run| run.driver == *id)
        }
        _ => false,
    }
}

fn shown(state: &ClusterState, owner: &EndpointOwner) -> &'static str {
    let shown = match owner {
        EndpointOwner::Driver(id) => state.drivers.get(id).map(|it| state.show_driver(it)),
        EndpointOwner::Executor(id) => state
            .applications
            .get(&id.app)
            .and_then(|app| app.executors.get(&id.number))
            .map(|executor| state.show_executor(executor)),
    };
    // An endpoint goes with its owner's run.
    shown.unwrap_or_default()
}

//! What a leader does for the masters themselves, now and then: it notes whose node ids are taken,
//! completes changes of members that an earlier leader left half-way, and raises the version of the
//! rules once every member speaks a higher one.

use std::sync::Arc;
use std::time::Duration;

use vesta_consensus::Role;
use vesta_core::Command;
use vesta_types::Epoch;

use crate::context::Context;
use crate::failpoints;

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(1);

/// How long it tries to complete a change of members at a time.
const SETTLE: Duration = Duration::from_secs(5);

/// Runs until the process ends.
pub(crate) async fn run(context: Arc<Context>) {
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut said = None;
    loop {
        period.tick().await;
        let elsewhere = is_known_elsewhere(&context);
        if elsewhere != said {
            if let Some(text) = &elsewhere {
                tracing::warn!("{text}");
            }
            said = elsewhere;
        }
        // A leadership has begun once its first entry is applied; before that nothing is decided.
        let leads = context.node.status().role == Role::Leader;
        if leads && context.shown().status != vesta_types::RecoveryState::Standby {
            keep(&context).await;
        }
    }
}

/// What to do if the others dial this master at other addresses than it has now (failure D37).
fn is_known_elsewhere(context: &Context) -> Option<String> {
    let own = &context.config.node;
    let members = context.node.status().members;
    let known = members
        .iter()
        .find(|member| member.node_id == own.node_id)?;
    if known.client_addr == own.client_addr && known.raft_addr == own.raft_addr {
        return None;
    }
    Some(format!(
        "the cluster knows this master at {} and {}, and its settings say {} and {}: if it has moved, \
         `vesta cluster add {}={}/{}` tells the others",
        known.client_addr,
        known.raft_addr,
        own.client_addr,
        own.raft_addr,
        own.node_id,
        own.client_addr,
        own.raft_addr
    ))
}

async fn keep(context: &Context) {
    if let Err(error) = context.node.settle_members(SETTLE).await {
        tracing::warn!(%error, "a change of members is half done and can't be completed yet");
    }
    let (epoch, version, noted) = {
        let state = context.shared.state();
        (state.epoch, state.version, state.masters.clone())
    };
    let members = context.node.directories();
    for (node, directory) in members {
        if noted.contains_key(&node) {
            continue;
        }
        let note = Command::NoteMaster {
            epoch,
            node,
            directory,
        };
        if let Err(error) = context.proposer.own(note).await {
            tracing::debug!(%error, node, "whose node id this is could not be noted yet");
        }
    }
    if crate::speaks() > version {
        raise_version(context, epoch, version).await;
    }
    if failpoints::is_on(failpoints::WRITE_UNKNOWN) {
        let unknown = vesta_core::codec::encode(&("an entry", "of the future"));
        let outcome = context.node.propose(unknown).await;
        tracing::warn!(?outcome, "a failpoint wrote an entry that nobody knows");
    }
}

/// Raises the version of the rules to what every master speaks, once that is more.
async fn raise_version(context: &Context, epoch: Epoch, version: u32) {
    let spoken = context.node.members_speak().await;
    let Some(spoken) = spoken.filter(|spoken| *spoken > version) else {
        tracing::debug!(
            version,
            "not every master speaks the next version of the rules"
        );
        return;
    };
    tracing::info!(
        from = version,
        to = spoken,
        "every master speaks the next version of the rules"
    );
    let raise = Command::RaiseVersion {
        epoch,
        version: spoken,
    };
    if let Err(error) = context.proposer.own(raise).await {
        tracing::debug!(%error, "the version could not be raised yet");
    }
}

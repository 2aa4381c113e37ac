//! Masters.

use std::collections::BTreeMap;

use vesta_client::proto::{ListMastersReply, Master};

use super::table::{Rows, fitting};

/// The masters, in at most `width` characters if that is given.
pub fn masters(masters: &[Master], width: Option<usize>) -> String {
    // Of one that did not answer nothing is known but what the others have of it.
    let if_known = |master: &Master, number: u64| match master.status.as_str() {
        "UNREACHABLE" => "-".to_owned(),
        _ => number.to_string(),
    };
    let leads = |master: &Master| if master.leader { "leader" } else { "" }.to_owned();
    let row = |master: &Master| {
        [
            master.node_id.to_string(),
            master.status.clone(),
            leads(master),
            master.client_address.clone(),
            master.raft_address.clone(),
            if master.voter { "yes" } else { "no" }.to_owned(),
            if_known(master, master.term),
            if_known(master, master.epoch),
            if_known(master, master.applied_index),
        ]
    };
    let heading = [
        "NODE", "STATUS", "", "CLIENTS", "RAFT", "VOTER", "TERM", "EPOCH", "APPLIED",
    ];
    let wide = Rows::new(heading, masters.iter().map(row).collect());
    fitting(&wide, width, |width| {
        let row = |master: &Master| {
            [
                master.node_id.to_string(),
                master.status.clone(),
                leads(master),
                master.client_address.clone(),
                if_known(master, master.term),
                if_known(master, master.epoch),
                if_known(master, master.applied_index),
            ]
        };
        let heading = ["NODE", "STATUS", "", "CLIENTS", "TERM", "EPOCH", "APPLIED"];
        Rows::new(heading, masters.iter().map(row).collect()).lines_in(width, None, vec![])
    })
}

/// The masters as members of their cluster, with how far each one's log and state are.
pub fn members(reply: &ListMastersReply, width: Option<usize>) -> String {
    let if_known = |master: &Master, text: String| match master.status.as_str() {
        "UNREACHABLE" => "-".to_owned(),
        _ => text,
    };
    let role = |master: &Master| match (master.leader, master.voter) {
        (true, _) => "leader",
        (false, true) => "voter",
        (false, false) => "learner",
    };
    let has = |master: &Master| {
        let own = if_known(master, master.last_log_index.to_string());
        master.matched_index.map_or(own, |index| index.to_string())
    };
    let row = |master: &Master| {
        [
            master.node_id.to_string(),
            role(master).to_owned(),
            master.status.clone(),
            master.client_address.clone(),
            master.raft_address.clone(),
            has(master),
            if_known(master, master.applied_index.to_string()),
            if_known(master, master.snapshot_index.to_string()),
            if_known(
                master,
                format!("{}@{}", master.state_hash, master.hash_index),
            ),
        ]
    };
    let heading = [
        "NODE", "ROLE", "STATUS", "CLIENTS", "RAFT", "LOG", "APPLIED", "SNAPSHOT", "STATE",
    ];
    let wide = Rows::new(heading, reply.masters.iter().map(row).collect());
    let table = fitting(&wide, width, |width| {
        let row = |master: &Master| {
            [
                master.node_id.to_string(),
                role(master).to_owned(),
                master.status.clone(),
                master.client_address.clone(),
                has(master),
                if_known(master, master.applied_index.to_string()),
            ]
        };
        let heading = ["NODE", "ROLE", "STATUS", "CLIENTS", "LOG", "APPLIED"];
        let notes = reply.masters.iter().map(|master| {
            let hash = format!("state {}@{}", master.state_hash, master.hash_index);
            format!("raft {}, {}", master.raft_address, if_known(master, hash))
        });
        let rows = Rows::new(heading, reply.masters.iter().map(row).collect());
        rows.lines_in(width, None, notes.collect())
    });
    let voters = reply.masters.iter().filter(|master| master.voter).count();
    let spare = voters.saturating_sub(1) / 2;
    format!(
        "{table}\ncluster {}, rules of version {}; {voters} voters: it survives the loss of {spare}",
        reply.cluster_id, reply.version
    )
}

/// A warning, if two masters have come to different states at the same index.
pub fn differing(masters: &[Master]) -> Option<String> {
    let mut seen: BTreeMap<u64, &Master> = BTreeMap::new();
    for master in masters
        .iter()
        .filter(|master| !master.state_hash.is_empty())
    {
        let other = seen.entry(master.hash_index).or_insert(master);
        if other.state_hash != master.state_hash {
            return Some(format!(
                "warning: nodes {} and {} have different states at index {} ({} and {}). One of them is wrong: \
                 save a snapshot of each, and report this",
                other.node_id,
                master.node_id,
                master.hash_index,
                other.state_hash,
                master.state_hash
            ));
        }
    }
    None
}

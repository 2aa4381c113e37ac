//! Masters.

use vesta_client::proto::Master;

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

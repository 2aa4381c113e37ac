//! Election safety: at most one leader per term, at most one vote per term and node (I20).

use std::collections::BTreeMap;
use std::time::Duration;

use vesta_consensus::{Role, Status};

use crate::machine::Machine;
use crate::story::Story;

#[derive(Default)]
pub(super) struct Leaders {
    by_term: BTreeMap<u64, u64>,
    /// How many of a node's votes were looked at, and for whom it voted in which term.
    votes: BTreeMap<u64, (usize, BTreeMap<u64, u64>)>,
}

impl Leaders {
    pub(super) fn count(&self) -> usize {
        self.by_term.len()
    }

    pub(super) fn look(&mut self, at: Duration, machine: &Machine, status: &Status, story: &Story) {
        if status.role == Role::Leader {
            let first = self.by_term.insert(status.term, machine.id);
            match first {
                None => story.say_at(at, &machine.name, format!("leads term {}", status.term)),
                Some(other) if other != machine.id => {
                    let text = format!("leads term {}, and so did m{other}", status.term);
                    story.violation(at, &machine.name, text);
                }
                Some(_) => {}
            }
        }
        let (seen, by_term) = self.votes.entry(machine.id).or_default();
        let votes = machine.disk.votes();
        for vote in &votes[*seen..] {
            // One that is committed follows whom the others have elected, whomever this node wanted.
            if vote.committed {
                continue;
            }
            let first = by_term.entry(vote.term).or_insert(vote.node_id);
            if *first != vote.node_id {
                let text = format!(
                    "voted in term {} for m{first}, and then for m{}",
                    vote.term, vote.node_id
                );
                story.violation(at, &machine.name, text);
            }
        }
        *seen = votes.len();
    }
}

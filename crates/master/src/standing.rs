//! Where a master stands: standby, claiming the leadership, or leading. No IO and no clock: [`crate::lead`]
//! carries out what follows.
//!
//! To begin: Raft says Leader; `LeaderStarted` of this term is committed and applied here, which gives the
//! epoch. To end: Raft says otherwise, or the term has moved; the leadership is dropped whole.

use vesta_core::{Answer, ClusterState, Reply};

use crate::leader::{Input, Leader, Now, Output, Ticket};

/// What Raft's role, or the answer to a claim, leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// The leadership, or the claim to it, is over. What it showed is to be taken back.
    Revoked,
    /// `LeaderStarted` of this term is to be proposed. It is repeated for as long as Raft says Leader: a
    /// leader that does nothing would be stuck for good (hashicorp/consul #3545).
    Claim(u64),
    /// It leads from now on: every stream that exists is to be made known to it.
    Opened,
}

#[derive(Default)]
enum Place {
    #[default]
    Standby,
    /// `LeaderStarted` of this term is under way.
    Claiming {
        term: u64,
    },
    Leading {
        term: u64,
        leader: Box<Leader>,
    },
}

/// A master's standing.
#[derive(Default)]
pub struct Standing(Place);

impl Standing {
    /// Follows Raft's role: `term` is its term, `leads` whether it says Leader. After
    /// [`Step::Revoked`] it is to be asked again.
    pub fn follow(&mut self, leads: bool, term: u64) -> Step {
        let own = self.term();
        if own.is_some_and(|own| !leads || own != term) {
            self.0 = Place::Standby;
            return Step::Revoked;
        }
        if leads && own.is_none() {
            return Step::Claim(term);
        }
        Step::Nothing
    }

    /// `LeaderStarted` of `term` is being proposed.
    pub fn claiming(&mut self, term: u64) {
        self.0 = Place::Claiming { term };
    }

    /// What came of it; `None` if its outcome is not known. The state may have moved on to a later
    /// leader's epoch while the answer was under way: then it leads nothing.
    pub fn started(
        &mut self,
        term: u64,
        reply: Option<&Reply>,
        state: &ClusterState,
        open: impl FnOnce() -> Leader,
    ) -> Step {
        if !matches!(self.0, Place::Claiming { term: own } if own == term) {
            return Step::Nothing;
        }
        match reply {
            Some(Ok(Answer::LeaderStarted { epoch })) if state.epoch == *epoch => {
                let leader = Box::new(open());
                self.0 = Place::Leading { term, leader };
                Step::Opened
            }
            _ => Step::Claim(term),
        }
    }

    /// What came of a proposal of the leadership of `term`; it is nothing to a later one.
    pub fn proposed(
        &mut self,
        term: u64,
        ticket: Ticket,
        reply: Option<Reply>,
        now: Now,
        state: &ClusterState,
    ) {
        if let Place::Leading { term: own, leader } = &mut self.0
            && *own == term
        {
            leader.take(now, Input::Proposed(ticket, reply), state);
        }
    }

    /// Something happened on a stream.
    pub fn take(&mut self, now: Now, input: Input, state: &ClusterState) {
        if let Place::Leading { leader, .. } = &mut self.0 {
            leader.take(now, input, state);
        }
    }

    /// What is to be done now, and the term of the leadership that says so.
    pub fn act(&mut self, now: Now, state: &ClusterState) -> Option<(u64, Vec<Output>)> {
        match &mut self.0 {
            Place::Leading { term, leader } => Some((*term, leader.act(now, state))),
            _ => None,
        }
    }

    /// The leadership, if there is one.
    pub fn leader(&self) -> Option<&Leader> {
        match &self.0 {
            Place::Leading { leader, .. } => Some(leader),
            _ => None,
        }
    }

    /// The term that it claims or leads.
    pub fn term(&self) -> Option<u64> {
        match self.0 {
            Place::Standby => None,
            Place::Claiming { term } | Place::Leading { term, .. } => Some(term),
        }
    }
}

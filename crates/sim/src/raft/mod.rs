//! A small Raft, message by message and without IO: what the real one promises is what its users rely
//! on, and what this one breaks when a canary is let loose.
//!
//! As the real one is set up: pre-vote, a lease of voters, one leader per term, a leader that goes on
//! being one without a quorum (it falls quiet instead), hand-over, snapshots for those that lag.

mod disk;
mod elect;
mod message;
mod replicate;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

pub use disk::{Disk, Image, Log, LogEntry, LogId, Snapshot};
pub use message::Rpc;

use crate::clock::Nanos;

/// What it is told once.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many members there are.
    pub members: usize,
    /// Pause between two heartbeats of a leader.
    pub heartbeat: Nanos,
    /// The shortest patience of a follower.
    pub election_min: Nanos,
    /// The longest; also the lease of a leader.
    pub election_max: Nanos,
}

/// A member's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It follows, or waits.
    Follower,
    /// It asks for votes; `true` if only whether it would get them.
    Candidate(bool),
    /// It leads.
    Leader,
}

/// What is to be done.
#[derive(Debug)]
pub enum Out {
    /// Send this to that member.
    Send(usize, Rpc),
    /// Make the log durable up to its end, then say [`Raft::flushed`].
    Flush,
    /// Make the term and vote durable, then send this, if anything.
    SaveVote(Vec<(usize, Rpc)>),
    /// Make this snapshot durable, then say [`Raft::installed`].
    Install(std::rc::Rc<Snapshot>, usize, Nanos),
    /// From this index on entries were taken back.
    Truncated(u64),
}

/// What a leader knows of another member.
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    next: u64,
    matched: u64,
    /// Until when an answer to the last append is waited for.
    busy_until: Nanos,
    /// When the newest message was sent that it has answered.
    acked: Option<Nanos>,
}

/// One member.
#[derive(Debug)]
pub struct Raft {
    /// Which one it is.
    pub me: usize,
    settings: Settings,
    /// Its part.
    pub role: Role,
    /// Whom it takes for the leader.
    pub leader: Option<usize>,
    /// Up to where it knows the log to be committed.
    pub commit: u64,
    /// Up to where its log is that of this term's leader.
    verified: u64,
    peers: Vec<Peer>,
    votes: u32,
    patience: Nanos,
    next_beat: Nanos,
    /// When it last heard this term's leader.
    pub heard: Option<Nanos>,
    led_since: Nanos,
    flushing: Option<u64>,
    /// An answer that waits for the flush: to whom, up to where, to what sent when.
    owed: Option<(usize, u64, Nanos)>,
    out: Vec<Out>,
}

impl Raft {
    /// A member that begins at `now` with what is on its disk.
    pub fn new(
        me: usize,
        settings: Settings,
        disk: &Disk,
        now: Nanos,
        rng: &mut ChaCha8Rng,
    ) -> Raft {
        let snapshot = disk.written.snapshot.as_ref();
        let mut raft = Raft {
            me,
            settings,
            role: Role::Follower,
            leader: None,
            commit: snapshot.map_or(0, |snapshot| snapshot.at.0),
            verified: 0,
            peers: vec![Peer::default(); settings.members],
            votes: 0,
            patience: 0,
            next_beat: 0,
            heard: None,
            led_since: 0,
            flushing: None,
            owed: None,
            out: Vec::new(),
        };
        raft.be_patient(now, rng);
        raft
    }

    /// What is to be done since it was asked last.
    pub fn outputs(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// When [`Raft::timer`] is wanted.
    pub fn next_timer(&self) -> Nanos {
        match self.role {
            Role::Leader => self.next_beat,
            _ => self.patience,
        }
    }

    /// When the newest message was sent that a quorum has acknowledged; `None` before the first.
    pub fn quorum_ack(&self, now: Nanos) -> Option<Nanos> {
        if self.role != Role::Leader {
            return None;
        }
        let mut acks: Vec<Option<Nanos>> = self.peers.iter().map(|peer| peer.acked).collect();
        acks[self.me] = Some(now);
        acks.sort_unstable();
        acks[(self.settings.members - 1) / 2]
    }

    /// Whether it may take a proposal: a leader does while its lease is fresh.
    pub fn is_writable(&self, now: Nanos) -> bool {
        self.role == Role::Leader
            && match self.quorum_ack(now) {
                Some(ack) => now.saturating_sub(ack) < self.settings.election_max,
                None => now.saturating_sub(self.led_since) < self.settings.election_max,
            }
    }

    fn quorum(&self) -> u32 {
        u32::try_from(self.settings.members / 2 + 1).unwrap_or(u32::MAX)
    }

    fn be_patient(&mut self, now: Nanos, rng: &mut ChaCha8Rng) {
        let (least, most) = (self.settings.election_min, self.settings.election_max);
        self.patience = now + rng.random_range(least..=most);
    }

    fn send(&mut self, to: usize, rpc: Rpc) {
        self.out.push(Out::Send(to, rpc));
    }

    fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let me = self.me;
        (0..self.settings.members).filter(move |other| *other != me)
    }

    /// Something is to be done because of the time.
    pub fn timer(&mut self, now: Nanos, disk: &mut Disk, rng: &mut ChaCha8Rng) {
        if now < self.next_timer() {
            return;
        }
        match self.role {
            Role::Leader => {
                self.next_beat = now + self.settings.heartbeat;
                self.beat(now, disk);
            }
            _ => self.run_for(true, false, now, disk, rng),
        }
    }

    /// A higher term was met: whoever it is, this member follows.
    fn meet(&mut self, term: u64, now: Nanos, disk: &mut Disk, rng: &mut ChaCha8Rng) {
        if term <= disk.written.term {
            return;
        }
        disk.written.term = term;
        disk.written.vote = None;
        self.step_down(now, rng);
        self.out.push(Out::SaveVote(Vec::new()));
    }

    fn step_down(&mut self, now: Nanos, rng: &mut ChaCha8Rng) {
        self.role = Role::Follower;
        self.leader = None;
        self.verified = 0;
        self.owed = None;
        self.be_patient(now, rng);
    }

    /// Takes a message.
    pub fn take(
        &mut self,
        from: usize,
        rpc: Rpc,
        now: Nanos,
        disk: &mut Disk,
        rng: &mut ChaCha8Rng,
    ) {
        match rpc {
            Rpc::Vote {
                term,
                last,
                pre,
                force,
            } => {
                self.asked_for_vote(from, (term, last, pre, force), now, disk, rng);
            }
            Rpc::Voted { term, granted, pre } => {
                self.voted(from, (term, granted, pre), now, disk, rng);
            }
            Rpc::Beat { term, commit, sent } => {
                if self.follows(from, term, now, disk, rng) {
                    self.commit_to(commit.min(self.verified));
                }
                let term = disk.written.term;
                self.send(from, Rpc::Beaten { term, sent });
            }
            Rpc::Beaten { term, sent } => {
                self.meet(term, now, disk, rng);
                self.acked(from, term, sent, disk);
            }
            Rpc::Append {
                term,
                prev,
                entries,
                commit,
                sent,
            } => {
                self.append(from, (term, prev, entries, commit, sent), now, disk, rng);
            }
            Rpc::Appended {
                term,
                matched,
                hint,
                sent,
            } => {
                self.meet(term, now, disk, rng);
                self.acked(from, term, sent, disk);
                self.appended(from, term, matched, hint, now, disk);
            }
            Rpc::Install {
                term,
                snapshot,
                sent,
            } => {
                if self.follows(from, term, now, disk, rng) {
                    self.out.push(Out::Install(snapshot, from, sent));
                }
            }
            Rpc::TakeOver { term } => {
                if term == disk.written.term && self.role != Role::Leader {
                    self.run_for(false, true, now, disk, rng);
                }
            }
        }
    }

    /// Whether `from` leads in a term that counts here; then it is followed.
    fn follows(
        &mut self,
        from: usize,
        term: u64,
        now: Nanos,
        disk: &mut Disk,
        rng: &mut ChaCha8Rng,
    ) -> bool {
        self.meet(term, now, disk, rng);
        if term < disk.written.term {
            return false;
        }
        self.role = Role::Follower;
        self.leader = Some(from);
        self.heard = Some(now);
        self.be_patient(now, rng);
        true
    }

    fn commit_to(&mut self, commit: u64) {
        self.commit = self.commit.max(commit);
    }
}

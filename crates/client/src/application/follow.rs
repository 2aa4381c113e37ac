//! Which messages count: the judgement of a follower, without IO.

use vesta_proto::application::{
    Ended, Executors, MasterChanged, Member, ToApplication, Welcome, to_application::Message,
};

use super::Table;

/// Why a message counted for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// It is of another cluster: the session is worth nothing.
    #[error("cluster {theirs} answers where cluster {ours} was")]
    OtherCluster {
        /// The cluster of the application.
        ours: String,
        /// That of the message.
        theirs: String,
    },
    /// A later leadership has been met.
    #[error("said under epoch {said}, and epoch {met} has been met")]
    OldEpoch {
        /// The epoch of the message.
        said: u64,
        /// The highest met.
        met: u64,
    },
    /// A newer table is known.
    #[error("a table of index {said}, and one of index {known} is known")]
    OldTable {
        /// The index of the message.
        said: u64,
        /// That of the table that is kept.
        known: u64,
    },
}

/// What follows from a message that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing more to do.
    Nothing,
    /// Answer, on the same session, that this leadership is followed.
    Acknowledge(u64),
    /// The members are known anew: see whom to dial.
    Members,
    /// What the application is told has changed.
    Changed,
}

/// What a follower knows, from whichever session.
#[derive(Clone, Debug, Default)]
pub struct Follow {
    /// The cluster; empty before the first contact.
    pub cluster: String,
    /// The highest epoch met, from leaders and standbys. Never falls.
    pub epoch: u64,
    /// The highest epoch whose leader has spoken; 0 before the first.
    pub leader_epoch: u64,
    /// Addresses of the masters, by the newest list.
    pub members: Vec<String>,
    /// The newest table.
    pub table: Table,
    /// The end of the application.
    pub ended: Option<Ended>,
    members_epoch: u64,
}

impl Follow {
    /// Takes one message of one master.
    ///
    /// # Errors
    /// Why it counts for nothing; then nothing has changed.
    pub fn take(&mut self, message: ToApplication) -> Result<Step, Ignored> {
        match message.message {
            Some(Message::Welcome(welcome)) => self.welcome(welcome),
            Some(Message::MasterChanged(changed)) => self.master_changed(&changed),
            Some(Message::Executors(executors)) => self.executors(executors),
            Some(Message::Ended(ended)) => self.end(ended),
            // A newer master's message that this version does not know.
            None => Ok(Step::Nothing),
        }
    }

    fn welcome(&mut self, welcome: Welcome) -> Result<Step, Ignored> {
        self.same_cluster(&welcome.cluster_id)?;
        self.epoch = self.epoch.max(welcome.epoch);
        if !welcome.members.is_empty() && welcome.epoch >= self.members_epoch {
            self.members_epoch = welcome.epoch;
            let address = |member: Member| member.client_address;
            let addresses = welcome.members.into_iter().map(address);
            self.members = addresses.filter(|address| !address.is_empty()).collect();
        }
        if welcome.leading && welcome.epoch >= self.epoch {
            self.leader_epoch = self.leader_epoch.max(welcome.epoch);
        }
        Ok(Step::Members)
    }

    fn master_changed(&mut self, changed: &MasterChanged) -> Result<Step, Ignored> {
        self.same_cluster(&changed.cluster_id)?;
        self.not_old(changed.epoch)?;
        self.leader_epoch = changed.epoch;
        Ok(Step::Acknowledge(changed.epoch))
    }

    fn executors(&mut self, message: Executors) -> Result<Step, Ignored> {
        self.not_old(message.epoch)?;
        if message.index < self.table.index {
            return Err(Ignored::OldTable {
                said: message.index,
                known: self.table.index,
            });
        }
        self.leader_epoch = message.epoch;
        self.table = message.into();
        Ok(Step::Changed)
    }

    /// An end is final: the first that is told by a leader who may speak.
    fn end(&mut self, ended: Ended) -> Result<Step, Ignored> {
        self.not_old(ended.epoch)?;
        self.ended.get_or_insert(ended);
        Ok(Step::Changed)
    }

    fn same_cluster(&mut self, theirs: &str) -> Result<(), Ignored> {
        if self.cluster.is_empty() {
            self.cluster = theirs.to_owned();
        }
        if theirs.is_empty() || self.cluster == theirs {
            return Ok(());
        }
        Err(Ignored::OtherCluster {
            ours: self.cluster.clone(),
            theirs: theirs.to_owned(),
        })
    }

    fn not_old(&mut self, said: u64) -> Result<(), Ignored> {
        if said < self.epoch {
            return Err(Ignored::OldEpoch {
                said,
                met: self.epoch,
            });
        }
        self.epoch = said;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: Message) -> ToApplication {
        ToApplication {
            message: Some(message),
        }
    }

    fn welcome(epoch: u64, leading: bool, members: &[&str]) -> ToApplication {
        let member = |address: &&str| Member {
            node_id: 1,
            client_address: (*address).into(),
        };
        let members = members.iter().map(member).collect();
        let cluster_id = "c".into();
        of(Message::Welcome(Welcome {
            cluster_id,
            epoch,
            leading,
            leader: None,
            members,
        }))
    }

    fn changed(epoch: u64) -> ToApplication {
        of(Message::MasterChanged(MasterChanged {
            epoch,
            cluster_id: "c".into(),
        }))
    }

    fn table(epoch: u64, index: u64) -> ToApplication {
        of(Message::Executors(Executors {
            epoch,
            index,
            ..Executors::default()
        }))
    }

    #[test]
    fn a_table_older_than_the_known_one_is_not_applied() {
        let mut follow = Follow::default();
        assert_eq!(follow.take(table(2, 20)), Ok(Step::Changed));
        assert_eq!(
            follow.take(table(2, 19)),
            Err(Ignored::OldTable {
                said: 19,
                known: 20
            })
        );
        assert_eq!(follow.table.index, 20);
        // The same index again is the same state, perhaps with what is not in the log.
        assert_eq!(follow.take(table(2, 20)), Ok(Step::Changed));
    }

    #[test]
    fn a_deposed_leader_is_not_believed_once_a_later_one_was_met() {
        let mut follow = Follow::default();
        follow.take(table(2, 20)).unwrap();
        assert_eq!(follow.take(changed(3)), Ok(Step::Acknowledge(3)));
        assert_eq!(
            follow.take(table(2, 25)),
            Err(Ignored::OldEpoch { said: 2, met: 3 })
        );
        assert_eq!(
            follow.take(changed(2)),
            Err(Ignored::OldEpoch { said: 2, met: 3 })
        );
        assert_eq!((follow.table.index, follow.leader_epoch), (20, 3));
    }

    #[test]
    fn a_standby_that_knows_of_a_later_leadership_is_enough_to_distrust_the_old_one() {
        let mut follow = Follow::default();
        follow.take(table(2, 20)).unwrap();
        follow.take(welcome(3, false, &[])).unwrap();
        assert_eq!(follow.leader_epoch, 2, "a standby's word makes no leader");
        assert!(follow.take(table(2, 21)).is_err());
        assert_eq!(follow.take(table(3, 21)), Ok(Step::Changed));
    }

    #[test]
    fn a_repeated_master_changed_is_acknowledged_again() {
        let mut follow = Follow::default();
        assert_eq!(follow.take(changed(3)), Ok(Step::Acknowledge(3)));
        assert_eq!(follow.take(changed(3)), Ok(Step::Acknowledge(3)));
    }

    #[test]
    fn a_master_of_another_cluster_changes_nothing() {
        let mut follow = Follow::default();
        follow.take(welcome(1, true, &["a:1"])).unwrap();
        let other = Welcome {
            cluster_id: "d".into(),
            epoch: 9,
            leading: true,
            ..Welcome::default()
        };
        let refused = follow.take(of(Message::Welcome(other)));
        assert_eq!(
            refused,
            Err(Ignored::OtherCluster {
                ours: "c".into(),
                theirs: "d".into()
            })
        );
        assert_eq!((follow.epoch, follow.members.len()), (1, 1));
    }

    #[test]
    fn a_lagging_master_s_member_list_doesn_t_replace_a_newer_one() {
        let mut follow = Follow::default();
        follow.take(welcome(3, false, &["b:1", "c:1"])).unwrap();
        follow.take(welcome(2, false, &["a:1"])).unwrap();
        assert_eq!(follow.members, ["b:1", "c:1"]);
    }

    #[test]
    fn an_end_is_final() {
        let mut follow = Follow::default();
        let end = |state: &str| {
            of(Message::Ended(Ended {
                state: state.into(),
                ..Ended::default()
            }))
        };
        follow.take(end("KILLED")).unwrap();
        follow.take(end("FINISHED")).unwrap();
        assert_eq!(follow.ended.unwrap().state, "KILLED");
    }

    /// One that is cut off does not know what was registered with its successor.
    #[test]
    fn an_end_said_under_an_older_epoch_than_the_one_met_counts_for_nothing() {
        let mut follow = Follow::default();
        follow.take(changed(3)).unwrap();
        let end = Ended {
            epoch: 2,
            state: "UNKNOWN".into(),
            ..Ended::default()
        };
        let ignored = Err(Ignored::OldEpoch { said: 2, met: 3 });
        assert_eq!(follow.take(of(Message::Ended(end))), ignored);
        assert_eq!(follow.ended, None);
    }
}

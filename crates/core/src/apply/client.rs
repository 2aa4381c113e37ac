//! Clients' writes: the same key gets the same answer, through whichever master and however often.

use vesta_types::limits::{KEY_AGE, KEY_AHEAD, KEYS_MAX};
use vesta_types::{SubmissionKey, Timestamp, canary};

use super::Applying;
use crate::codec;
use crate::command::Request;
use crate::reply::{Answer, RejectCode, Rejection, Reply};
use crate::state::KeyRecord;

impl Applying<'_> {
    /// Answers a write: anew if its key is new, as before if it is known, with a refusal if the key is
    /// another write's or can't be told from a forgotten one. So a key is remembered or refused, never
    /// run a second time.
    pub(super) fn client(&mut self, key: SubmissionKey, request: &Request) -> Reply {
        if self.state.cluster.is_none() {
            let message = "no leader has started in this cluster yet";
            return Err(Rejection::new(RejectCode::NotStarted, message));
        }
        let fingerprint = codec::fnv1a(&codec::encode(request));
        // The canary breaks I2: one key, one driver.
        if let Some(record) = self.state.keys.answered.get(&key)
            && !canary::is_on("key-runs-anew")
        {
            return repeat(key, record, fingerprint);
        }
        self.check_time(key)?;
        let answer = self.request(key, request);
        // A limit is about now, not about the request: the same write may be accepted later.
        let limit = answer
            .as_ref()
            .is_err_and(|refused| refused.code == RejectCode::Limit);
        // What was registered before keeps the key that it was registered with.
        let repeated = matches!(answer, Ok(Answer::Repeated(_)));
        if !limit && !repeated {
            let record = KeyRecord {
                fingerprint,
                answer: answer.clone(),
            };
            self.state.keys.answered.insert(key, record);
        }
        self.evict_keys();
        answer
    }

    /// Only a key that can't have been forgotten is new: above the floor, and near the leader's clock.
    fn check_time(&self, key: SubmissionKey) -> Result<(), Rejection> {
        let keys = &self.state.keys;
        let (time, at) = (key.time(), self.at);
        let floor = keys.floor.max(keys.restored.unwrap_or_default());
        let refuse = |why: String| {
            let message = format!(
                "the key was made at {time} and the leader's clock says {at}: {why}; make a new key, \
                 but only if this write was never sent before"
            );
            Err(Rejection::new(RejectCode::KeyTime, message))
        };
        if time <= floor {
            return refuse(format!(
                "keys up to {floor} may have been answered and forgotten"
            ));
        }
        if at.since(time) > KEY_AGE {
            return refuse(format!(
                "a new key may be at most {} h old",
                KEY_AGE.as_secs() / 3600
            ));
        }
        if time.since(at) > KEY_AHEAD {
            let minutes = KEY_AHEAD.as_secs() / 60;
            return refuse(format!("a new key may be at most {minutes} min ahead"));
        }
        Ok(())
    }

    /// Forgets the oldest keys, beyond an age and a number, and raises the floor to them.
    fn evict_keys(&mut self) {
        let oldest_kept: Timestamp = self.at.minus(KEY_AGE);
        let keys = &mut self.state.keys;
        while let Some((key, _)) = keys.answered.first_key_value() {
            let time = key.time();
            if time >= oldest_kept && keys.answered.len() <= KEYS_MAX {
                break;
            }
            keys.floor = keys.floor.max(time);
            keys.answered.pop_first();
        }
    }
}

fn repeat(key: SubmissionKey, record: &KeyRecord, fingerprint: u64) -> Reply {
    if record.fingerprint == fingerprint {
        return record
            .answer
            .clone()
            .map(|answer| Answer::Repeated(Box::new(answer)));
    }
    let used = match &record.answer {
        Ok(Answer::Submitted { driver }) => format!("submitted {driver}"),
        Ok(Answer::Registered { app }) => format!("registered {app}"),
        Ok(Answer::Killed { message, .. }) => format!("asked for an end ({message})"),
        Ok(_) => "was carried out".to_owned(),
        Err(refused) => format!("was refused ({refused})"),
    };
    Err(Rejection::new(
        RejectCode::KeyConflict,
        format!("key {key} is taken by another write, which {used}: make a new key for this one"),
    ))
}

//! The calls of a history.

use std::collections::HashMap;

use crate::record::{Answer, CallId, CallPart, Entry, Moment, Op, Outcome, RecordError};

/// A call: what was asked for, when, and what it came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Whose, and which.
    pub id: CallId,
    /// When it was sent.
    pub invoked: Moment,
    /// What for.
    pub op: Op,
    /// When it came to an end, and with what; `None` for one whose client died.
    pub returned: Option<(Moment, Outcome)>,
}

impl Call {
    /// When it was answered, and with what, if it was.
    pub fn ok(&self) -> Option<(Moment, &Answer)> {
        match &self.returned {
            Some((at, Outcome::Ok(answer))) => Some((*at, answer)),
            _ => None,
        }
    }

    /// Whether it surely did nothing.
    pub fn failed(&self) -> bool {
        matches!(self.returned, Some((_, Outcome::Failed { .. })))
    }

    /// The line that a person reads in an explanation.
    pub fn line(&self) -> String {
        let op = serde_json::to_string(&self.op).unwrap_or_default();
        let sent = format!("{} {}/{} {op}", self.invoked, self.id.client, self.id.call);
        match &self.returned {
            Some((at, outcome)) => {
                let outcome = serde_json::to_string(outcome).unwrap_or_default();
                format!("{sent} -> {at} {outcome}")
            }
            None => format!("{sent} -> no answer: its client died"),
        }
    }
}

/// Puts the lines of a history together, in the order in which the calls were sent.
///
/// # Errors
/// When a line can't be read. A return without its call, which no client writes, is left out.
pub(super) fn calls(
    entries: impl Iterator<Item = Result<Entry, RecordError>>,
) -> Result<Vec<Call>, RecordError> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: HashMap<CallId, usize> = HashMap::new();
    for entry in entries {
        let Entry { at, id, what } = entry?;
        match what {
            CallPart::Invoked(op) => {
                open.insert(id.clone(), calls.len());
                calls.push(Call {
                    id,
                    invoked: at,
                    op,
                    returned: None,
                });
            }
            CallPart::Returned(outcome) => {
                if let Some(call) = open.remove(&id) {
                    calls[call].returned = Some((at, outcome));
                }
            }
        }
    }
    Ok(calls)
}

//! The masters' logs, read back from their directories.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::Context;
use vesta_core::{ClusterState, codec};
use vesta_journal::Journal;
use vesta_types::SubmissionKey;

use super::Run;
use super::collector::Collector;
use crate::record::{Answer, CheckResult, Op, RunDir};

/// So many entries are read at a time.
const BATCH: u64 = 1_000;

/// What a master has on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MasterLog {
    /// `master-1`.
    pub node: String,
    /// Why it could not be read back; then the rest is empty.
    pub error: Option<String>,
    /// The highest index that it knew to be committed: above, entries may still be replaced.
    pub committed: u64,
    /// A hash of each entry.
    pub entries: BTreeMap<u64, u64>,
    /// The submission keys in its snapshot and in its log.
    pub keys: HashSet<SubmissionKey>,
}

/// Reads the logs of all masters. Copies are read: reading repairs what a crash left.
pub(super) fn read(dir: &RunDir, masters: u32) -> Vec<MasterLog> {
    let masters = (1..=masters).map(|number| format!("master-{number}"));
    masters
        .filter(|node| dir.node(node).is_dir())
        .map(|node| match read_one(&dir.node(&node)) {
            Ok(log) => MasterLog { node, ..log },
            Err(error) => MasterLog {
                node,
                error: Some(format!("{error:#}")),
                ..MasterLog::default()
            },
        })
        .collect()
}

fn read_one(dir: &Path) -> anyhow::Result<MasterLog> {
    let copy = tempfile::tempdir()?;
    copy_dir(dir, copy.path()).context("a copy of its directory")?;
    let journal = Journal::open(copy.path())?;
    let mut log = MasterLog {
        committed: journal.identity().committed_index,
        ..MasterLog::default()
    };
    if let Some(snapshot) = journal.snapshot()? {
        let state: ClusterState = codec::decode("snapshot", &snapshot.data)?;
        log.keys.extend(state.keys.answered.keys());
        log.committed = log.committed.max(snapshot.meta.index);
    }
    let (Some(mut from), Some(last)) = (journal.first_index(), journal.last_index()) else {
        return Ok(log);
    };
    while from <= last {
        let to = (from + BATCH).min(last + 1);
        for record in journal.read(from, to)? {
            log.entries
                .insert(record.index, codec::fnv1a(&record.bytes));
            log.keys.extend(key_of(&record.bytes)?);
        }
        from = to;
    }
    Ok(log)
}

/// The key of the client's write that an entry holds, if it holds one.
fn key_of(entry: &[u8]) -> anyhow::Result<Option<SubmissionKey>> {
    use vesta_proto::raft::entry::Payload;
    let entry: vesta_proto::raft::Entry = prost::Message::decode(entry)?;
    let Some(Payload::Command(command)) = entry.payload else {
        return Ok(None);
    };
    let entry: vesta_core::Entry = codec::decode("log entry", &command)?;
    Ok(match entry.command {
        vesta_core::Command::Client { key, .. } => Some(key),
        _ => None,
    })
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_dir(&from, &to)?;
        } else {
            std::fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// The same index holds the same entry at every master.
pub(super) fn check_entries(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "entries",
        "a committed index holds the same entry at every master, without a gap (I20, I23)",
    );
    let mut all: HashMap<u64, (&str, u64)> = HashMap::new();
    for log in &run.logs {
        if let Some(error) = &log.error {
            found.unknown(
                format!("the log of {} can't be read back: {error}", log.node),
                vec![],
            );
            continue;
        }
        let mut before = None;
        for (index, hash) in log.entries.range(..=log.committed) {
            found.looked();
            if before.is_some_and(|before| before + 1 != *index) {
                let line = format!("{}: {before:?}, then {index}", log.node);
                found.invalid(format!("the log of {} has a gap", log.node), vec![line]);
            }
            before = Some(*index);
            let (node, other) = *all.entry(*index).or_insert((&log.node, *hash));
            if other != *hash {
                let line = |node: &str, hash| format!("{node}: {index} {hash:016x}");
                found.invalid(
                    format!("{node} and {} have different entries {index}", log.node),
                    vec![line(node, other), line(&log.node, *hash)],
                );
            }
        }
    }
    if run.logs.is_empty() {
        found.unknown("no log was read back".to_owned(), vec![]);
    }
    found.done()
}

/// Every acknowledged key is on a disk of a master that was read back.
pub(super) fn check_keys(run: &Run) -> CheckResult {
    let mut found = Collector::new(
        "durable",
        "every acknowledged key is in a master's log or snapshot at the end (I1)",
    );
    let logs: Vec<&MasterLog> = run.logs.iter().filter(|it| it.error.is_none()).collect();
    if logs.is_empty() {
        found.unknown("no log was read back".to_owned(), vec![]);
        return found.done();
    }
    for call in &run.calls {
        let key = match (&call.op, call.ok().map(|it| it.1)) {
            (Op::Submit(submit), Some(Answer::Submitted { .. })) => submit.key,
            (Op::Kill { key, .. }, Some(Answer::Killed { .. })) => *key,
            _ => continue,
        };
        found.looked();
        if !logs.iter().any(|log| log.keys.contains(&key)) {
            let what = format!("the acknowledged key {key} is on no master's disk");
            found.invalid(what, vec![call.line()]);
        }
    }
    found.done()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{invalid, key, run, submit, unknown, valid};
    use super::{MasterLog, check_entries, check_keys};
    use crate::check::Run;

    fn log(number: u32, entries: &[(u64, u64)], committed: u64) -> MasterLog {
        MasterLog {
            node: format!("master-{number}"),
            committed,
            entries: entries.iter().copied().collect(),
            keys: [key(1)].into(),
            ..MasterLog::default()
        }
    }

    fn with(logs: Vec<MasterLog>) -> Run {
        let mut run = run().submitted(1.0, submit(1), 1);
        run.logs = logs;
        run
    }

    #[test]
    fn logs_agree_up_to_what_is_committed() {
        let run = with(vec![
            log(1, &[(5, 50), (6, 60)], 6),
            log(2, &[(4, 40), (5, 50), (6, 61)], 5),
        ]);
        valid(check_entries(&run));
        valid(check_keys(&run));
    }

    #[test]
    fn different_committed_entries_and_gaps_are_found() {
        let run = with(vec![log(1, &[(5, 50)], 5), log(2, &[(5, 51)], 5)]);
        invalid(check_entries(&run), "different entries 5");
        invalid(
            check_entries(&with(vec![log(1, &[(5, 50), (7, 70)], 7)])),
            "gap",
        );
    }

    #[test]
    fn an_acknowledged_key_that_is_on_no_disk_is_found() {
        let run = with(vec![log(1, &[], 0)]).submitted(2.0, submit(2), 2);
        invalid(check_keys(&run), "on no master's disk");
    }

    #[test]
    fn without_logs_nothing_is_known() {
        unknown(check_entries(&with(vec![])), "no log");
        unknown(check_keys(&with(vec![])), "no log");
        let mut broken = log(1, &[], 0);
        broken.error = Some("damaged".to_owned());
        unknown(check_entries(&with(vec![broken])), "damaged");
    }
}

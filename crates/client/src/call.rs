//! One call, over as many masters and attempts as its deadline allows.

use std::collections::BTreeMap;
use std::error::Error;

use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use vesta_proto::answer::{self, is_answer};
use vesta_types::SubmissionKey;

use crate::attempts::{Attempts, Then, Verdict};
use crate::backoff::Backoff;
use crate::options::ClientOptions;
use crate::pool::Pool;
use crate::{ClientError, Refusal};

/// What a call does if it is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Nothing: it can be repeated freely.
    Read,
    /// Nothing, and a master's own "unavailable" is about what only a worker has: when every master
    /// that answers says so, asking them all again would get the same.
    WorkerRead,
    /// The write of this key: repeating it gets the answer of the first time.
    Write(SubmissionKey),
}

/// Asks one master after another, then all again after a pause, until one answers (yes or no) or the
/// deadline is over. `send` makes one attempt; a write's must carry the same key each time.
pub(crate) async fn call<T, S, F>(
    pool: &Pool,
    options: &ClientOptions,
    kind: Kind,
    send: S,
) -> Result<T, ClientError>
where
    S: Fn(Channel) -> F,
    F: Future<Output = Result<Response<T>, Status>>,
{
    let end = Instant::now() + options.deadline;
    let mut backoff = Backoff::new(options.pause_first, options.pause_longest);
    let mut failures = BTreeMap::new();
    let mut attempts = Attempts::new(matches!(kind, Kind::Write(_)));
    loop {
        attempts.begin_round();
        let mut worker_away = false;
        for address in pool.candidates() {
            let left = end.saturating_duration_since(Instant::now());
            if left < attempts.least(options) {
                return Err(no_answer(kind, attempts.may_be_done(), &failures, options));
            }
            let channel = match pool.channel(&address) {
                Ok(channel) => channel,
                Err(error) => {
                    failures.insert(address, error.to_string());
                    continue;
                }
            };
            let status = match timeout(left.min(options.attempt), send(channel)).await {
                Ok(Ok(response)) => {
                    pool.take(response.metadata());
                    pool.answered(&address);
                    return Ok(response.into_inner());
                }
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            if is_answer(&status) {
                pool.take(status.metadata());
            }
            let verdict = judge(&status);
            worker_away |= verdict == Verdict::NothingDone && is_answer(&status);
            match (verdict, attempts.failed(verdict)) {
                (Verdict::Refused(reason), _) => {
                    pool.answered(&address);
                    return Err(ClientError::Refused {
                        reason,
                        message: status.message().into(),
                    });
                }
                (Verdict::NotAllowed, _) => {
                    return Err(ClientError::NotAllowed {
                        message: status.message().into(),
                    });
                }
                (_, Then::Round(pause)) => {
                    failures.insert(address, words(&status));
                    sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
                    break;
                }
                (_, Then::Next | Then::End) => {}
            }
            tracing::debug!(master = %address, ?status, "an attempt failed");
            failures.insert(address, words(&status));
        }
        if matches!(kind, Kind::WorkerRead) && worker_away {
            let message = listed(&failures);
            return Err(ClientError::WorkerAway { message });
        }
        if !attempts.may_change() {
            return Err(no_answer(kind, attempts.may_be_done(), &failures, options));
        }
        sleep(backoff.pause()).await;
    }
}

/// What each master did instead of answering.
fn listed(failures: &BTreeMap<String, String>) -> String {
    let each = failures
        .iter()
        .map(|(address, failure)| format!("{address} {failure}"));
    each.collect::<Vec<_>>().join("; ")
}

fn no_answer(
    kind: Kind,
    may_be_done: bool,
    failures: &BTreeMap<String, String>,
    options: &ClientOptions,
) -> ClientError {
    let tried = if failures.is_empty() {
        format!("{:?} is too little time to ask one", options.deadline)
    } else {
        listed(failures)
    };
    match kind {
        Kind::Write(key) if may_be_done => ClientError::Unknown {
            key,
            message: tried,
        },
        Kind::Write(_) => ClientError::Unavailable {
            message: format!("nothing was done; {tried}"),
        },
        Kind::Read | Kind::WorkerRead => ClientError::Unavailable { message: tried },
    }
}

/// What a failed attempt means.
pub(crate) fn judge(status: &Status) -> Verdict {
    if never_connected(status) {
        return Verdict::NothingDone;
    }
    if !is_answer(status) {
        // A server that has no such service has done nothing. Of anything else a proxy may have sent
        // the request on before it, or the connection, failed.
        return match (status.code(), status.source()) {
            (Code::Unimplemented, None) => Verdict::NoMaster,
            _ => Verdict::Lost,
        };
    }
    if let Some(pause) = answer::busy_for(status) {
        return Verdict::Busy(pause);
    }
    match status.code() {
        Code::Unavailable => Verdict::NothingDone,
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
            Verdict::Refused(Refusal::Invalid)
        }
        Code::NotFound => Verdict::Refused(Refusal::NotFound),
        Code::AlreadyExists => Verdict::Refused(Refusal::Conflict),
        Code::FailedPrecondition => Verdict::Refused(Refusal::Precondition),
        Code::ResourceExhausted => Verdict::Refused(Refusal::Limit),
        Code::PermissionDenied | Code::Unauthenticated => Verdict::NotAllowed,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Internal
        | Code::DataLoss => Verdict::Lost,
    }
}

fn never_connected(status: &Status) -> bool {
    sources(status).any(|error| error.is::<tonic::ConnectError>())
}

/// The failure for people, behind the master's address: the innermost cause of a broken transport says
/// most.
fn words(status: &Status) -> String {
    let innermost = sources(status).last();
    match (innermost, status.code()) {
        (Some(cause), _) => match cause.to_string() {
            cause if cause.starts_with("failed to lookup address") => {
                format!("can't be resolved: {cause}")
            }
            cause if never_connected(status) => format!("can't be reached: {cause}"),
            cause => format!("broke off: {cause}"),
        },
        (None, _) if is_answer(status) => format!("says: {}", status.message()),
        (None, Code::Unimplemented) => {
            "is not a client port of a Vesta master (its Raft port?)".to_owned()
        }
        // This client's own word about an attempt.
        (None, Code::DeadlineExceeded) => "gave no answer in time".to_owned(),
        (None, code) => format!(
            "answered, and not as a client port of a Vesta master does ({code:?}: {})",
            status.message()
        ),
    }
}

fn sources(status: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let mut next = status.source();
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(status: Status) -> Status {
        answer::marked(status)
    }

    #[test]
    fn only_a_master_s_own_unavailable_means_that_nothing_was_done() {
        let unavailable = Status::unavailable("no leader");
        assert_eq!(judge(&marked(unavailable.clone())), Verdict::NothingDone);
        // A proxy's: it may have sent the request on.
        assert_eq!(judge(&unavailable), Verdict::Lost);
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(judge(&Status::from_error(Box::new(broken))), Verdict::Lost);
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let refused = tonic::ConnectError(Box::new(refused));
        assert_eq!(
            judge(&Status::from_error(Box::new(refused))),
            Verdict::NothingDone
        );
    }

    #[test]
    fn an_answer_that_says_nothing_of_the_outcome_leaves_it_open() {
        let open = [
            Code::Unknown,
            Code::Internal,
            Code::DeadlineExceeded,
            Code::Cancelled,
        ];
        for code in open {
            assert_eq!(judge(&Status::new(code, "")), Verdict::Lost, "{code:?}");
            let marked = marked(Status::new(code, ""));
            assert_eq!(judge(&marked), Verdict::Lost, "{code:?}");
        }
    }

    #[test]
    fn a_server_that_is_no_master_refuses_nothing_in_a_master_s_name() {
        let raft_port = Status::unimplemented("");
        assert_eq!(judge(&raft_port), Verdict::NoMaster);
        assert!(words(&raft_port).contains("not a client port of a Vesta master"));
        let other = Status::not_found("no such path");
        assert_eq!(judge(&other), Verdict::Lost);
        let said = words(&other);
        assert!(
            said.contains("client port") && said.contains("no such path"),
            "{said}"
        );
    }
}

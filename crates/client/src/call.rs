//! One call, over as many masters and attempts as its deadline allows.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use vesta_types::SubmissionKey;

use crate::backoff::Backoff;
use crate::options::ClientOptions;
use crate::pool::Pool;
use crate::{ClientError, Refusal};

/// What a call does if it is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Nothing: it can be repeated freely.
    Read,
    /// The write of this key: repeating it gets the answer of the first time.
    Write(SubmissionKey),
}

/// What one attempt's failure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing was done there: nobody was reached, or a master said so.
    NothingDone,
    /// It may have been done.
    Lost,
    Refused(Refusal),
    NotAllowed,
}

/// With less time left than this no attempt is begun.
const ATTEMPT_MIN: Duration = Duration::from_millis(50);

/// The least time for another attempt at a write of which so far surely nothing was done. A master that
/// knows no leader holds it for a while before it says so; cutting that short would only turn a
/// certainty into an unknown outcome.
fn write_attempt_min(options: &ClientOptions) -> Duration {
    options.attempt.mul_f64(0.8).min(options.deadline / 4)
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
    let mut may_be_done = false;
    loop {
        for address in pool.candidates() {
            let left = end.saturating_duration_since(Instant::now());
            let is_certain = matches!(kind, Kind::Write(_)) && !may_be_done;
            let least = if is_certain {
                write_attempt_min(options)
            } else {
                ATTEMPT_MIN
            };
            if left < least {
                return Err(out_of_time(kind, may_be_done, &failures));
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
                    pool.answered(&address);
                    return Ok(response.into_inner());
                }
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            match judge(&status) {
                Verdict::Refused(reason) => {
                    pool.answered(&address);
                    return Err(ClientError::Refused {
                        reason,
                        message: status.message().into(),
                    });
                }
                Verdict::NotAllowed => {
                    return Err(ClientError::NotAllowed {
                        message: status.message().into(),
                    });
                }
                Verdict::NothingDone => {}
                Verdict::Lost => may_be_done = true,
            }
            tracing::debug!(master = %address, ?status, "an attempt failed");
            failures.insert(address, words(&status));
        }
        sleep(backoff.pause()).await;
    }
}

fn out_of_time(kind: Kind, may_be_done: bool, failures: &BTreeMap<String, String>) -> ClientError {
    let each = failures
        .iter()
        .map(|(address, failure)| format!("{address}: {failure}"));
    let message = each.collect::<Vec<_>>().join("; ");
    match kind {
        Kind::Write(key) if may_be_done => ClientError::Unknown { key, message },
        _ => ClientError::Unavailable { message },
    }
}

/// What a failed attempt means. A status that a master sent has no source; one that the transport
/// made up has.
pub(crate) fn judge(status: &Status) -> Verdict {
    if never_connected(status) {
        return Verdict::NothingDone;
    }
    if status.source().is_some() {
        return Verdict::Lost;
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

/// The failure for people: the innermost cause of a broken transport says most.
fn words(status: &Status) -> String {
    match sources(status).last() {
        Some(cause) => cause.to_string(),
        None => status.message().to_owned(),
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

    #[test]
    fn only_a_master_s_own_unavailable_means_that_nothing_was_done() {
        assert_eq!(
            judge(&Status::unavailable("no leader")),
            Verdict::NothingDone
        );
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
        }
    }
}

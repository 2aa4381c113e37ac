//! Any master takes any write: a standby sends it on to the leader, one hop, never chained.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use vesta_consensus::Role;
use vesta_core::{Answer, Command, Request as Body};
use vesta_net::Net;
use vesta_proto::answer;
use vesta_types::{SubmissionKey, canary};

use super::status;
use crate::context::Context;
use crate::failpoints;
use crate::proposer::Failure;

/// Marks a request that another master has sent on.
const FORWARDED: &str = "vesta-forwarded";

/// How long a write waits for somebody to lead before it is refused.
const LEADER_WAIT: Duration = Duration::from_millis(1_500);

/// How long a write may take in all. A client repeats it with the same key.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// Where a request is answered.
pub(crate) enum Route {
    /// At this master.
    Here,
    /// At the leader.
    Leader(Channel),
}

impl Context {
    /// A place for a write, wherever it is answered.
    ///
    /// # Errors
    /// "Busy" when too many are under way.
    pub(crate) fn take_write(&self) -> Result<SemaphorePermit<'_>, Status> {
        self.writes.try_acquire().map_err(|_| status::busy())
    }

    /// Where a write (or a read of what only the leader knows) is answered. While nobody leads it
    /// waits a little: that spares the client a round of tries.
    ///
    /// # Errors
    /// When nobody leads for too long: nothing was done.
    pub(crate) async fn route<T>(&self, request: &Request<T>) -> Result<Route, Status> {
        let forwarded = request.metadata().contains_key(FORWARDED);
        let deadline = Instant::now() + LEADER_WAIT;
        let mut watch = self.node.watch();
        loop {
            let now = watch.borrow_and_update().clone();
            if now.role == Role::Leader {
                return Ok(Route::Here);
            }
            if forwarded {
                return Err(status::unavailable(
                    "sent on to a master that does not lead",
                ));
            }
            let leader = now.leader.filter(|leader| *leader != now.node_id);
            let address = leader
                .and_then(|id| now.members.iter().find(|member| member.node_id == id))
                .map(|member| member.client_addr.clone());
            if let Some(address) = address
                && let Ok(channel) = connect(&self.net, &address).await
            {
                return Ok(Route::Leader(channel));
            }
            let wait = Duration::from_millis(50).min(deadline - Instant::now().min(deadline));
            if wait.is_zero() {
                return Err(status::unavailable(format!(
                    "no master leads now (term {}); nothing was done, try again",
                    now.term
                )));
            }
            // A node that has stopped says nothing any more, at once and for ever.
            if let Ok(Err(_)) = tokio::time::timeout(wait, watch.changed()).await {
                return Err(status::unavailable(
                    "this master is stopping; nothing was done, ask another",
                ));
            }
        }
    }

    /// Commits a client's write, here at the leader.
    ///
    /// # Errors
    /// When it is refused, or its outcome is not known.
    pub(crate) async fn write(
        &self,
        key: SubmissionKey,
        request: Body,
    ) -> Result<(Answer, bool), Status> {
        let command = Command::Client { key, request };
        // The canary breaks I1: what is acknowledged is committed, and never lost.
        let reply = if canary::is_on("acknowledge-before-commit") {
            Ok(self.proposer.guess(command, &self.shared))
        } else {
            self.proposer.client(command, WRITE_DEADLINE).await
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(Failure::NotLeader) => {
                return Err(status::unavailable(
                    "the leadership was lost before it was written; nothing was done, try again",
                ));
            }
            Err(Failure::TooLarge(why)) => return Err(status::too_large(why)),
            Err(Failure::Unknown(why)) => {
                return Err(status::unknown(format!(
                    "the outcome is not known ({why}); ask with the key {key}"
                )));
            }
        };
        failpoints::crash_at(failpoints::CRASH_BEFORE_ANSWER);
        if failpoints::is_on(failpoints::DROP_ANSWER) {
            // As if the connection broke after the commit: no mark of a master's answer.
            return Err(Status::unknown("the answer was dropped"));
        }
        match reply {
            Ok(Answer::Repeated(answer)) => Ok((*answer, true)),
            Ok(answer) => Ok((answer, false)),
            Err(rejection) => Err(status::rejected(&rejection)),
        }
    }
}

async fn connect(net: &Net, address: &str) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(Duration::from_millis(200));
    net.connect(&endpoint).await
}

/// The same request, marked as sent on.
pub(crate) fn forwarded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert(FORWARDED, MetadataValue::from_static("1"));
    request.set_timeout(WRITE_DEADLINE + Duration::from_secs(1));
    request
}

/// Whether another master has sent this on.
pub(crate) fn is_forwarded<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key(FORWARDED)
}

/// What the leader answered, as the client gets it: if the transport broke on the way, nobody knows
/// whether it was done.
pub(crate) fn passed_on(error: Status) -> Status {
    if answer::is_answer(&error) {
        error
    } else {
        status::unknown(format!(
            "the leader's answer was lost on the way: {}",
            error.message()
        ))
    }
}

/// Answers a write here or at the leader: `$call` is the generated client's method of the same name.
macro_rules! here_or_leader {
    ($context:expr, $request:expr, $client:ident, $call:ident, $here:expr) => {{
        let began = std::time::Instant::now();
        let answer = async {
            // Held until the answer is there.
            let _place = $context.take_write()?;
            match $context.route(&$request).await? {
                $crate::services::Route::Here => $here($request.into_inner()).await,
                $crate::services::Route::Leader(channel) => {
                    let request = $crate::services::forward::forwarded($request.into_inner());
                    $client::new(channel)
                        .max_decoding_message_size(vesta_types::limits::MESSAGE_BYTES_MAX)
                        .$call(request)
                        .await
                        .map_err($crate::services::forward::passed_on)
                }
            }
        }
        .await;
        $context.meters.answered(began, &answer);
        answer
    }};
}
pub(crate) use here_or_leader;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use vesta_consensus::Peer;
    use vesta_core::Policy;
    use vesta_types::{Lease, OnDisconnect};

    use super::*;
    use crate::leader::Timing;
    use crate::{Config, Master, Platform};

    /// A master that waits to be joined: it knows no leader.
    async fn lone(data_dir: std::path::PathBuf) -> Master {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let second = Duration::from_secs(1);
        let peers: Vec<Peer> = Vec::new();
        let config = Config {
            node: vesta_consensus::Config {
                node_id: 1,
                data_dir,
                raft_listen: any,
                client_addr: "localhost:1".to_owned(),
                raft_addr: "localhost:2".to_owned(),
                peers,
                form: false,
                heartbeat: Duration::from_millis(100),
                election_min: second,
                election_max: second * 2,
                snapshot_every: 10_000,
                speaks: crate::speaks(),
            },
            listen: any,
            metrics_listen: None,
            spark: None,
            timing: Timing {
                worker_timeout: second * 60,
                recovery_timeout: second * 60,
                app_lease: second * 300,
                lease: second,
                gap: second,
                repeat: second,
            },
            policy: Policy::default(),
            max_executor_retries: 10,
            on_disconnect: OnDisconnect::Keep,
            lease: Lease {
                time_ms: 120_000,
                grace_ms: 10_000,
            },
            insecure: false,
        };
        Master::start(Platform::default(), config).await.unwrap()
    }

    #[tokio::test]
    async fn a_write_at_a_master_that_stops_is_refused_and_waits_in_no_busy_loop() {
        let dir = tempfile::tempdir().unwrap();
        let master = lone(dir.path().join("data")).await;
        master.context().node.shutdown().await;
        let refused = master.context().route(&Request::new(())).await;
        let Err(refused) = refused else {
            panic!("it leads or knows who does");
        };
        assert!(refused.message().contains("is stopping"), "{refused:?}");
    }
}

//! The client of every call in `client.proto`.

use std::sync::Arc;
use std::time::Duration;

use tonic::transport::Channel;
use vesta_net::Net;
use vesta_proto::client as proto;
use vesta_proto::client::client_client::ClientClient;
use vesta_proto::client_convert;
use vesta_types::limits::MESSAGE_BYTES_MAX;
use vesta_types::{AppId, DriverDescription, DriverId, SubmissionKey, WorkerId};

use crate::call::{Kind, call};
use crate::pool::{ANSWER_BYTES_MAX, Pool};
use crate::{ClientError, ClientOptions, MasterList, Refusal};

/// How long other masters get to answer better than one that has no quorum.
const BETTER_ANSWER: Duration = Duration::from_millis(500);

/// A new key, for one write and every repetition of it.
pub fn new_key() -> SubmissionKey {
    SubmissionKey::new(uuid::Uuid::now_v7()).expect("a UUID of version 7 was just made")
}

/// Talks to whichever master answers: standbys forward writes to the leader.
///
/// Every call has one deadline for all its attempts. Writes are repeated with the same key, so a
/// repetition never does anything twice. Cloning is cheap and shares connections.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Arc<Pool>,
    options: ClientOptions,
}

/// A reply to a read says how current it is.
trait Current {
    fn read(&self) -> Option<&proto::ReadPoint>;

    fn is_stale(&self) -> bool {
        self.read().is_some_and(|read| read.stale)
    }

    fn index(&self) -> u64 {
        self.read().map_or(0, |read| read.index)
    }
}

/// Whether a request is small enough for a master to take it in: one that is not would break off on the
/// way, and leave open whether anything was done.
///
/// # Errors
/// `Refused`, with the limit.
pub(crate) fn fits(request: &impl prost::Message) -> Result<(), ClientError> {
    let bytes = request.encoded_len();
    if bytes <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    Err(ClientError::Refused {
        reason: Refusal::Limit,
        message: format!(
            "the request takes {bytes} bytes: no more than {MESSAGE_BYTES_MAX} may (8 MiB)"
        ),
    })
}

macro_rules! current {
    ($($reply:ident),*) => { $(
        impl Current for proto::$reply {
            fn read(&self) -> Option<&proto::ReadPoint> {
                self.read.as_ref()
            }
        }
    )* };
}

current!(
    GetWorkerReply,
    GetDriverReply,
    GetApplicationReply,
    ListDriversReply,
    ListApplicationsReply,
    ListWorkersReply,
    ListMastersReply,
    FindKeyReply,
    ListEndpointsReply,
    ListFailoversReply
);

macro_rules! reads {
    ($($(#[$doc:meta])* $method:ident($request:ident) -> $reply:ident;)*) => { $(
        $(#[$doc])*
        ///
        /// If the master that answers has no quorum, the others are asked once; the most current
        /// answer is returned and its `read` says whether it is stale.
        ///
        /// # Errors
        /// See [`ClientError`]; never `Unknown`.
        pub async fn $method(
            &self,
            request: proto::$request,
        ) -> Result<proto::$reply, ClientError> {
            let send = |channel| {
                let request = request.clone();
                async move { stub(channel).$method(request).await }
            };
            self.read(send).await
        }
    )* };
}

impl Client {
    /// A client of these masters, as patient as `ClientOptions::default()`. It connects when it is
    /// first used.
    pub fn new(masters: &MasterList) -> Client {
        Client::with_options(masters, ClientOptions::default())
    }

    /// A client of these masters that is as patient as `options` say.
    pub fn with_options(masters: &MasterList, options: ClientOptions) -> Client {
        Client::on(Net::default(), masters, options)
    }

    /// A client that reaches these masters over another network than this machine's.
    pub fn on(net: Net, masters: &MasterList, options: ClientOptions) -> Client {
        Client {
            pool: Arc::new(Pool::new(net, masters, &options)),
            options,
        }
    }

    /// How patient it is.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// The masters that it knows now, as `host:port`, in the order in which it would ask them: those
    /// that it was made with, and the members as they were last named.
    pub fn known_masters(&self) -> Vec<String> {
        self.pool.candidates()
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Submits a driver under `key`. The same key again gets the same driver.
    ///
    /// # Errors
    /// See [`ClientError`]. After `Unknown`, ask [`Client::find_key`] or submit again with that key.
    pub async fn submit_driver(
        &self,
        key: SubmissionKey,
        driver: &DriverDescription,
    ) -> Result<proto::SubmitDriverReply, ClientError> {
        let request = client_convert::submission(key, driver.clone());
        fits(&request)?;
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).submit_driver(request).await }
        };
        self.write(key, send).await
    }

    /// Records that a driver is to end: it will never run again. Its end itself may come later.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn kill_driver(
        &self,
        key: SubmissionKey,
        driver: &DriverId,
    ) -> Result<proto::KillReply, ClientError> {
        let request = proto::KillDriverRequest {
            key: key.to_string(),
            driver_id: driver.to_string(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).kill_driver(request).await }
        };
        self.write(key, send).await
    }

    /// Ends an application and its executors.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn kill_application(
        &self,
        key: SubmissionKey,
        app: &AppId,
    ) -> Result<proto::KillReply, ClientError> {
        let request = proto::KillApplicationRequest {
            key: key.to_string(),
            app_id: app.to_string(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).kill_application(request).await }
        };
        self.write(key, send).await
    }

    /// Drains a worker: nothing new is placed on it, and after `deadline` what can go elsewhere does.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn drain_worker(
        &self,
        key: SubmissionKey,
        worker: &WorkerId,
        deadline: Duration,
    ) -> Result<proto::DrainReply, ClientError> {
        let request = proto::DrainWorkerRequest {
            key: key.to_string(),
            worker_id: worker.to_string(),
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        };
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).drain_worker(request).await }
        };
        self.write(key, send).await
    }

    /// Takes the drain of a worker back.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn undrain_worker(
        &self,
        key: SubmissionKey,
        worker: &WorkerId,
    ) -> Result<proto::DrainReply, ClientError> {
        let request = proto::UndrainWorkerRequest {
            key: key.to_string(),
            worker_id: worker.to_string(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).undrain_worker(request).await }
        };
        self.write(key, send).await
    }

    reads! {
        /// One worker.
        get_worker(GetWorkerRequest) -> GetWorkerReply;
        /// One driver.
        get_driver(GetDriverRequest) -> GetDriverReply;
        /// One application with its executors.
        get_application(GetApplicationRequest) -> GetApplicationReply;
        /// The drivers.
        list_drivers(ListRequest) -> ListDriversReply;
        /// The applications, each without its executors if they are many.
        list_applications(ListRequest) -> ListApplicationsReply;
        /// The workers.
        list_workers(ListRequest) -> ListWorkersReply;
        /// The masters.
        list_masters(ListRequest) -> ListMastersReply;
        /// What became of the write with a key.
        find_key(FindKeyRequest) -> FindKeyReply;
        /// The reports of the last fail-overs, the newest first.
        list_failovers(ListRequest) -> ListFailoversReply;
        /// What drivers and executors have published.
        list_endpoints(ListEndpointsRequest) -> ListEndpointsReply;
    }

    /// Makes a master that waits to be joined a member, or gives a member other addresses. A reply that
    /// is not `done` says how far it is: ask again.
    ///
    /// # Errors
    /// See [`ClientError`]; never `Unknown`: asking again is safe.
    pub async fn add_master(
        &self,
        request: proto::AddMasterRequest,
    ) -> Result<proto::ChangeMastersReply, ClientError> {
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).add_master(request).await }
        };
        call(&self.pool, &self.options, Kind::Read, send).await
    }

    /// Takes a master out of the cluster. A reply that is not `done` says why: ask again.
    ///
    /// # Errors
    /// As [`Client::add_master`].
    pub async fn remove_master(
        &self,
        node_id: u64,
    ) -> Result<proto::ChangeMastersReply, ClientError> {
        let request = proto::RemoveMasterRequest { node_id };
        let send = |channel| async move { stub(channel).remove_master(request).await };
        call(&self.pool, &self.options, Kind::Read, send).await
    }

    /// Hands leadership to a master; to whichever is best for `None`. The one that leads then.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn transfer_leadership(&self, node_id: Option<u64>) -> Result<u64, ClientError> {
        let node_id = node_id.unwrap_or_default();
        let request = proto::TransferLeadershipRequest { node_id };
        let send = |channel| async move { stub(channel).transfer_leadership(request).await };
        let reply = call(&self.pool, &self.options, Kind::Read, send).await?;
        Ok(reply.leader)
    }

    /// The whole state of one master: a head, then data in order.
    ///
    /// # Errors
    /// See [`ClientError`]; never `Unknown`. The stream itself can break.
    pub async fn save_snapshot(
        &self,
        consistent: bool,
    ) -> Result<tonic::Streaming<proto::SnapshotChunk>, ClientError> {
        let request = proto::SaveSnapshotRequest { consistent };
        let send = |channel| async move { stub(channel).save_snapshot(request).await };
        call(&self.pool, &self.options, Kind::Read, send).await
    }

    /// A write through whichever service of a master.
    pub(crate) async fn write<T, S, F>(&self, key: SubmissionKey, send: S) -> Result<T, ClientError>
    where
        S: Fn(Channel) -> F,
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        call(&self.pool, &self.options, Kind::Write(key), send).await
    }

    async fn read<T, S, F>(&self, send: S) -> Result<T, ClientError>
    where
        T: Current,
        S: Fn(Channel) -> F,
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let answer = call(&self.pool, &self.options, Kind::Read, &send).await?;
        if answer.is_stale() {
            Ok(self.better(answer, send).await)
        } else {
            Ok(answer)
        }
    }

    /// The most current of `stale` and what the other masters answer in a moment: the one that
    /// answered may be cut off from a quorum that others still have.
    async fn better<T, S, F>(&self, stale: T, send: S) -> T
    where
        T: Current,
        S: Fn(Channel) -> F,
        F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    {
        let mut others = futures::stream::FuturesUnordered::new();
        for address in self.pool.candidates().into_iter().skip(1) {
            if let Ok(channel) = self.pool.channel(&address) {
                let answer = send(channel);
                others.push(async { (address, answer.await) });
            }
        }
        let mut best = stale;
        let ask = async {
            while let Some((address, answer)) = futures::StreamExt::next(&mut others).await {
                let Ok(answer) = answer.map(tonic::Response::into_inner) else {
                    continue;
                };
                if !answer.is_stale() {
                    self.pool.answered(&address);
                    best = answer;
                    return;
                }
                if answer.index() > best.index() {
                    best = answer;
                }
            }
        };
        // Out of time: the best so far is the answer.
        let _ = tokio::time::timeout(BETTER_ANSWER, ask).await;
        best
    }
}

pub(crate) fn stub(channel: Channel) -> ClientClient<Channel> {
    ClientClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

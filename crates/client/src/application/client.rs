//! The handle of an application that is registered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::transport::Channel;
use vesta_proto::application as proto;
use vesta_proto::application::application_client::ApplicationClient as Stub;
use vesta_proto::application_convert;
use vesta_types::{AppId, Launch, ProfileRequest, SubmissionKey};

use super::runner::Runner;
use super::{ApplicationBuilder, ApplicationEvent, EnvError, Table};
use crate::pool::ANSWER_BYTES_MAX;
use crate::{Client, ClientError, MasterList, new_key};

/// An application that is registered. It follows the leader by itself, for as long as it takes.
///
/// What it asks for is sent until a master answers, each request under one key; dropping the future
/// gives up. Requests are sent one after another, so a later target never loses to an earlier one.
///
/// Dropping it stops following without ending the application: that ends with its driver, or when its
/// lease is over. To end it, [`ApplicationClient::unregister`].
#[derive(Debug)]
pub struct ApplicationClient {
    client: Client,
    app: AppId,
    registration: proto::RegisterReply,
    runner: Runner,
    turn: tokio::sync::Mutex<()>,
}

impl ApplicationClient {
    /// An application of these masters that starts `launch` as each executor.
    pub fn builder(masters: MasterList, launch: Launch) -> ApplicationBuilder {
        ApplicationBuilder::new(masters, launch)
    }

    /// An application as a worker's environment describes it: [`ApplicationBuilder::from_env`].
    ///
    /// # Errors
    /// The variable that is missing or can't be taken.
    pub fn from_env(launch: Launch) -> Result<ApplicationBuilder, EnvError> {
        ApplicationBuilder::from_env(launch)
    }

    pub(super) fn follow(
        client: Client,
        app: AppId,
        registration: proto::RegisterReply,
        configured: Vec<String>,
        heartbeat: Duration,
        connect: Duration,
    ) -> (ApplicationClient, mpsc::Receiver<ApplicationEvent>) {
        let (runner, events) =
            Runner::start(app.clone(), client.clone(), configured, heartbeat, connect);
        let turn = tokio::sync::Mutex::default();
        (
            ApplicationClient {
                client,
                app,
                registration,
                runner,
                turn,
            },
            events,
        )
    }

    /// Its id.
    pub fn app_id(&self) -> &AppId {
        &self.app
    }

    /// What the master answered to the registration: a warning, say.
    pub fn registration(&self) -> &proto::RegisterReply {
        &self.registration
    }

    /// The newest executor table.
    pub fn table(&self) -> Arc<Table> {
        self.runner.table()
    }

    /// Sets how many executors of the default profile it wants from now on. Executors above it are not
    /// ended by that: [`ApplicationClient::kill_executors`] does.
    ///
    /// # Errors
    /// `Refused` or `NotAllowed`, when a master says no.
    pub async fn set_target(&self, target: u32) -> Result<(), ClientError> {
        self.set_profile_target(0, target).await
    }

    /// As [`ApplicationClient::set_target`], of one of its resource profiles: each has its own target.
    ///
    /// # Errors
    /// `Refused` or `NotAllowed`, when a master says no: it has no such profile, say.
    pub async fn set_profile_target(&self, profile: u32, target: u32) -> Result<(), ClientError> {
        let key = new_key();
        let request = proto::SetTargetRequest {
            key: key.to_string(),
            app_id: self.app.to_string(),
            profile,
            target,
        };
        let _turn = self.turn.lock().await;
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).set_target(request).await }
        };
        persist(&self.client, key, "the executor target", send)
            .await
            .map(|proto::Done {}| ())
    }

    /// Adds a resource profile, with its target: executors of it are all alike, and beside those of the
    /// others. A profile never changes; adding the same one again sets its target.
    ///
    /// # Errors
    /// `Refused` or `NotAllowed`, when a master says no: it has another profile of that number, say.
    pub async fn add_profile(&self, wanted: ProfileRequest) -> Result<(), ClientError> {
        let key = new_key();
        let request = proto::AddProfileRequest {
            key: key.to_string(),
            app_id: self.app.to_string(),
            profile: Some(application_convert::profile_to_wire(wanted)),
        };
        let _turn = self.turn.lock().await;
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).add_profile(request).await }
        };
        persist(&self.client, key, "the resource profile", send)
            .await
            .map(|proto::Done {}| ())
    }

    /// Ends some of its executors; the target decides whether others replace them.
    ///
    /// # Errors
    /// `Refused` or `NotAllowed`, when a master says no.
    pub async fn kill_executors(&self, executors: Vec<u32>) -> Result<(), ClientError> {
        let key = new_key();
        let request = proto::KillExecutorsRequest {
            key: key.to_string(),
            app_id: self.app.to_string(),
            executors,
        };
        let _turn = self.turn.lock().await;
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).kill_executors(request).await }
        };
        persist(&self.client, key, "the end of executors", send)
            .await
            .map(|proto::Done {}| ())
    }

    /// Ends the application: FINISHED, or FAILED if `failed`, with a message for people. Its executors
    /// are ended.
    ///
    /// # Errors
    /// `Refused` or `NotAllowed`, when a master says no.
    pub async fn unregister(&self, failed: bool, message: &str) -> Result<(), ClientError> {
        let key = new_key();
        let request = proto::UnregisterRequest {
            key: key.to_string(),
            app_id: self.app.to_string(),
            failed,
            message: message.to_owned(),
        };
        let _turn = self.turn.lock().await;
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).unregister(request).await }
        };
        persist(&self.client, key, "the end", send)
            .await
            .map(|proto::Done {}| ())
    }
}

/// Sends one write until a master answers yes or no.
pub(crate) async fn persist<T, S, F>(
    client: &Client,
    key: SubmissionKey,
    what: &str,
    send: S,
) -> Result<T, ClientError>
where
    S: Fn(Channel) -> F,
    F: Future<Output = Result<tonic::Response<T>, tonic::Status>>,
{
    loop {
        match client.write(key, &send).await {
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "no answer to {what} yet: it is sent again with the same key");
                // A call may end at once: when no master's port is among those that were named.
                tokio::time::sleep(client.options().pause_longest).await;
            }
            answer => return answer,
        }
    }
}

pub(crate) fn stub(channel: Channel) -> Stub<Channel> {
    Stub::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

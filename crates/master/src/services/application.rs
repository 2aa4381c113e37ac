//! Applications: their registration, their writes, their sessions.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use vesta_core::{Answer, Request as Body, plan};
use vesta_proto::application::application_client::ApplicationClient;
use vesta_proto::application::application_server::Application;
use vesta_proto::application::{
    AddProfileRequest, Done, FromApplication, KillExecutorsRequest, PublishEndpointRequest,
    RegisterReply, RegisterRequest, SetTargetRequest, ToApplication, UnregisterRequest,
    from_application, to_application,
};
use vesta_proto::error::shown;
use vesta_proto::{application_convert, checks};
use vesta_types::limits::{HELLO_WAIT, MESSAGE_BYTES_MAX, STREAM_QUEUE};
use vesta_types::{AppId, Epoch};

use super::forward::here_or_leader;
use super::status;
use crate::context::Context;
use crate::leader::{Input, SessionId};

/// The service.
pub struct ApplicationService(pub Arc<Context>);

type Answers = Pin<Box<dyn Stream<Item = Result<ToApplication, Status>> + Send>>;

impl ApplicationService {
    async fn register_here(
        &self,
        request: RegisterRequest,
    ) -> Result<Response<RegisterReply>, Status> {
        let retries = self.0.config.max_executor_retries;
        let (key, description) = application_convert::registered_application(request, retries)
            .map_err(|error| status::invalid(&error))?;
        let warning = plan::never_fits_executor(&self.0.shared.state(), &description);
        let (answer, duplicate) = self
            .0
            .write(key, Body::RegisterApplication { description })
            .await?;
        let Answer::Registered { app } = answer else {
            return Err(status::unexpected(&answer));
        };
        let warning = warning.unwrap_or_default();
        Ok(Response::new(RegisterReply {
            app_id: app.to_string(),
            duplicate,
            warning,
        }))
    }

    async fn done(
        &self,
        key: vesta_types::SubmissionKey,
        body: Body,
    ) -> Result<Response<Done>, Status> {
        match self.0.write(key, body).await?.0 {
            Answer::Done => Ok(Response::new(Done {})),
            answer => Err(status::unexpected(&answer)),
        }
    }

    async fn set_target_here(&self, request: SetTargetRequest) -> Result<Response<Done>, Status> {
        let (key, wanted) =
            application_convert::set_target(request).map_err(|error| status::invalid(&error))?;
        let application_convert::Target {
            app,
            profile,
            target,
        } = wanted;
        self.done(
            key,
            Body::SetExecutorTarget {
                app,
                profile,
                target,
            },
        )
        .await
    }

    async fn add_profile_here(&self, request: AddProfileRequest) -> Result<Response<Done>, Status> {
        let (key, app, wanted) =
            application_convert::add_profile(request).map_err(|error| status::invalid(&error))?;
        self.done(key, Body::AddProfile { app, wanted }).await
    }

    async fn kill_here(&self, request: KillExecutorsRequest) -> Result<Response<Done>, Status> {
        let (key, app, executors) = application_convert::kill_executors(request)
            .map_err(|error| status::invalid(&error))?;
        let executors = executors.into_iter().collect();
        self.done(key, Body::KillExecutors { app, executors }).await
    }

    async fn publish_here(
        &self,
        request: PublishEndpointRequest,
    ) -> Result<Response<Done>, Status> {
        let (key, published) = application_convert::published_endpoint(request)
            .map_err(|error| status::invalid(&error))?;
        let application_convert::Publication {
            instance,
            restart,
            name,
            address,
        } = published;
        let body = Body::PublishEndpoint {
            instance,
            restart,
            name,
            address,
        };
        self.done(key, body).await
    }

    async fn unregister_here(&self, request: UnregisterRequest) -> Result<Response<Done>, Status> {
        let (key, over) =
            application_convert::unregister(request).map_err(|error| status::invalid(&error))?;
        let application_convert::Unregistration {
            app,
            failed,
            message,
        } = over;
        self.done(
            key,
            Body::UnregisterApplication {
                app,
                failed,
                message,
            },
        )
        .await
    }
}

#[tonic::async_trait]
impl Application for ApplicationService {
    type SessionStream = Answers;

    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterReply>, Status> {
        here_or_leader!(self.0, request, ApplicationClient, register, |it| self
            .register_here(it))
    }

    async fn set_target(
        &self,
        request: Request<SetTargetRequest>,
    ) -> Result<Response<Done>, Status> {
        here_or_leader!(self.0, request, ApplicationClient, set_target, |it| self
            .set_target_here(it))
    }

    async fn add_profile(
        &self,
        request: Request<AddProfileRequest>,
    ) -> Result<Response<Done>, Status> {
        here_or_leader!(self.0, request, ApplicationClient, add_profile, |it| self
            .add_profile_here(it))
    }

    async fn kill_executors(
        &self,
        request: Request<KillExecutorsRequest>,
    ) -> Result<Response<Done>, Status> {
        here_or_leader!(self.0, request, ApplicationClient, kill_executors, |it| {
            self.kill_here(it)
        })
    }

    async fn publish_endpoint(
        &self,
        request: Request<PublishEndpointRequest>,
    ) -> Result<Response<Done>, Status> {
        here_or_leader!(self.0, request, ApplicationClient, publish_endpoint, |it| {
            self.publish_here(it)
        })
    }

    async fn unregister(
        &self,
        request: Request<UnregisterRequest>,
    ) -> Result<Response<Done>, Status> {
        here_or_leader!(self.0, request, ApplicationClient, unregister, |it| self
            .unregister_here(it))
    }

    async fn session(
        &self,
        request: Request<Streaming<FromApplication>>,
    ) -> Result<Response<Answers>, Status> {
        let mut incoming = request.into_inner();
        let Ok(first) = timeout(HELLO_WAIT, incoming.next()).await else {
            return Err(Status::deadline_exceeded(format!(
                "a session begins with Hello, within {HELLO_WAIT:?}"
            )));
        };
        let Some(Ok(FromApplication {
            message: Some(from_application::Message::Hello(hello)),
        })) = first
        else {
            return Err(Status::invalid_argument("a session begins with Hello"));
        };
        let own = self
            .0
            .cluster()
            .map(|id| id.to_string())
            .unwrap_or_default();
        if !hello.cluster_id.is_empty() && !own.is_empty() && hello.cluster_id != own {
            return Err(Status::failed_precondition(format!(
                "the application belongs to cluster {}, this master to {own}",
                shown(&hello.cluster_id)
            )));
        }
        let app = checks::app_id(&hello.app_id).map_err(|error| status::invalid(&error))?;
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE);
        let context = Arc::clone(&self.0);
        tokio::spawn(async move { hold(&context, &mut incoming, app, sender).await });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Holds one session to its end.
async fn hold(
    context: &Context,
    incoming: &mut Streaming<FromApplication>,
    app: AppId,
    sender: mpsc::Sender<Result<ToApplication, Status>>,
) {
    let session = context.sessions.open_app(app.clone(), sender);
    let welcome = to_application::Message::Welcome(context.app_welcome());
    context.sessions.to_app(session, welcome);
    let _ = context.events.send(Input::AppOpened(session, app)).await;
    while let Some(Ok(message)) = incoming.next().await {
        let Some(input) = input_of(session, message) else {
            break;
        };
        let _ = context.events.send(input).await;
    }
    context.sessions.close_app(session);
    let _ = context.events.send(Input::AppClosed(session)).await;
}

fn input_of(session: SessionId, message: FromApplication) -> Option<Input> {
    match message.message? {
        from_application::Message::Heartbeat(_) => Some(Input::AppHeartbeat(session)),
        from_application::Message::Acknowledge(answer) => {
            Some(Input::AppAcknowledged(session, Epoch(answer.epoch)))
        }
        from_application::Message::Hello(_) => None,
    }
}

/// The service, with its message limit.
pub fn server(
    context: Arc<Context>,
) -> vesta_proto::application::application_server::ApplicationServer<ApplicationService> {
    vesta_proto::application::application_server::ApplicationServer::new(ApplicationService(
        context,
    ))
    .max_decoding_message_size(MESSAGE_BYTES_MAX)
    .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

//! Clients: submit, kill, status, lists.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use vesta_core::{Answer, Request as Body, plan};
use vesta_proto::client;
use vesta_proto::client::client_client::ClientClient;
use vesta_proto::client::client_server::Client;
use vesta_proto::client::{
    AddMasterRequest, ChangeMastersReply, DrainReply, DrainWorkerRequest, FindKeyReply,
    FindKeyRequest, GetApplicationReply, GetApplicationRequest, GetDriverReply, GetDriverRequest,
    GetWorkerReply, GetWorkerRequest, KillApplicationRequest, KillDriverRequest, KillReply,
    ListApplicationsReply, ListDriversReply, ListEndpointsReply, ListEndpointsRequest,
    ListFailoversReply, ListMastersReply, ListRequest, ListWorkersReply, ReadLogReply,
    ReadLogRequest, ReadPoint, RemoveMasterRequest, SaveSnapshotRequest, SubmitDriverReply,
    SubmitDriverRequest, TransferLeadershipReply, TransferLeadershipRequest, UndrainWorkerRequest,
};
use vesta_proto::{checks, client_convert};
use vesta_types::DriverId;
use vesta_types::limits::{LIST_MAX, MESSAGE_BYTES_MAX, TEXT_BYTES_MAX};

use super::forward::{Route, forwarded, here_or_leader};
use super::views::{self, Views};
use super::{endpoints, logs, masters, members, snapshot, status};
use crate::context::Context;

/// The service.
pub struct ClientService(pub Arc<Context>);

/// The service, with its message limit.
pub fn server(
    context: Arc<Context>,
) -> vesta_proto::client::client_server::ClientServer<ClientService> {
    vesta_proto::client::client_server::ClientServer::new(ClientService(context))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

impl ClientService {
    async fn submit_here(
        &self,
        request: SubmitDriverRequest,
    ) -> Result<Response<SubmitDriverReply>, Status> {
        let (key, description) =
            client_convert::submitted_driver(request).map_err(|error| status::invalid(&error))?;
        let description = self.0.accepted(description);
        let mut asked = description.clone();
        asked.launch.add_ports(&mut asked.named);
        let warning = plan::never_fits_driver(&self.0.shared.state(), &asked);
        let (answer, duplicate) = self
            .0
            .write(key, Body::SubmitDriver { description })
            .await?;
        let Answer::Submitted { driver } = answer else {
            return Err(status::unexpected(&answer));
        };
        Ok(Response::new(SubmitDriverReply {
            driver_id: driver.to_string(),
            duplicate,
            warning: warning.unwrap_or_default(),
            read: None,
        }))
    }

    async fn kill(&self, key: &str, body: Body) -> Result<Response<KillReply>, Status> {
        let key = checks::key(key).map_err(|error| status::invalid(&error))?;
        match self.0.write(key, body).await?.0 {
            Answer::Killed { state, message } => Ok(Response::new(KillReply {
                success: true,
                state,
                message,
            })),
            answer => Err(status::unexpected(&answer)),
        }
    }

    async fn kill_driver_here(
        &self,
        request: KillDriverRequest,
    ) -> Result<Response<KillReply>, Status> {
        let driver =
            checks::driver_id(&request.driver_id).map_err(|error| status::invalid(&error))?;
        self.kill(&request.key, Body::KillDriver { driver }).await
    }

    async fn kill_application_here(
        &self,
        request: KillApplicationRequest,
    ) -> Result<Response<KillReply>, Status> {
        let app = checks::app_id(&request.app_id).map_err(|error| status::invalid(&error))?;
        self.kill(&request.key, Body::KillApplication { app }).await
    }

    async fn drain_here(&self, key: &str, body: Body) -> Result<Response<DrainReply>, Status> {
        let key = checks::key(key).map_err(|error| status::invalid(&error))?;
        match self.0.write(key, body).await?.0 {
            Answer::Drained { state, message } => Ok(Response::new(DrainReply { state, message })),
            answer => Err(status::unexpected(&answer)),
        }
    }

    async fn drain_worker_here(
        &self,
        request: DrainWorkerRequest,
    ) -> Result<Response<DrainReply>, Status> {
        let worker = checks::worker_id(&request.worker_id);
        let worker = worker.map_err(|error| status::invalid(&error))?;
        let deadline_ms = request.deadline_ms;
        let body = Body::DrainWorker {
            worker,
            deadline_ms,
        };
        self.drain_here(&request.key, body).await
    }

    async fn undrain_worker_here(
        &self,
        request: UndrainWorkerRequest,
    ) -> Result<Response<DrainReply>, Status> {
        let worker = checks::worker_id(&request.worker_id);
        let worker = worker.map_err(|error| status::invalid(&error))?;
        let body = Body::UndrainWorker { worker };
        self.drain_here(&request.key, body).await
    }

    async fn get_worker_here(
        &self,
        request: GetWorkerRequest,
    ) -> Result<Response<GetWorkerReply>, Status> {
        let id = checks::worker_id(&request.worker_id).map_err(|error| status::invalid(&error))?;
        let read = self.0.read_point(request.consistent).await?;
        let shown = self.0.shown();
        let state = self.0.shared.state();
        let worker = state.workers.get(&id);
        let worker = worker.ok_or_else(|| unknown(&id, "worker", &read))?;
        Ok(Response::new(GetWorkerReply {
            worker: Some(views::worker(&state, worker, shown.workers.get(&id))),
            read: Some(read),
        }))
    }

    /// The leader, if that is known, and another master.
    async fn leader<T>(&self, request: &Request<T>) -> Option<ClientClient<Channel>> {
        if self.0.is_leader() || self.0.node.status().leader.is_none() {
            return None;
        }
        match self.0.route(request).await {
            Ok(Route::Leader(channel)) => {
                Some(ClientClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX))
            }
            _ => None,
        }
    }

    /// Whether a driver is placed on a worker that has no stream to this master.
    fn is_cut_off(&self, id: &DriverId) -> bool {
        let state = self.0.shared.state();
        let driver = state.drivers.get(id);
        let placed = driver.and_then(|driver| driver.placement.as_ref());
        placed.is_some_and(|placed| !self.0.sessions.has_worker(&placed.worker))
    }

    async fn list_workers_here(
        &self,
        request: ListRequest,
    ) -> Result<Response<ListWorkersReply>, Status> {
        let read = self.0.read_point(request.consistent).await?;
        let shown = self.0.shown();
        let state = self.0.shared.state();
        let workers = state.workers.values().take(limit(request.limit));
        Ok(Response::new(ListWorkersReply {
            workers: workers
                .map(|worker| {
                    views::worker(&state, worker, shown.workers.get(&worker.description.id))
                })
                .collect(),
            read: Some(read),
            total: state.workers.len() as u64,
        }))
    }
}

/// There is no such thing; or, without a quorum, nothing here: another master may know it.
fn unknown(id: &impl std::fmt::Display, what: &str, read: &ReadPoint) -> Status {
    if read.stale {
        let known = read
            .age_ms
            .map_or_else(String::new, |age| format!(", {age} ms old"));
        return status::unavailable(format!(
            "no quorum answered, and what this master has, of log index {}{known}, has no {what} {id}",
            read.index
        ));
    }
    status::not_found(format!("{id}: no such {what}, or it ended long ago"))
}

/// Of what comes newest first, as much as one message has room for, the oldest first. The list's total
/// tells that there is more.
fn fitting<T: prost::Message>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut bytes = 0;
    let fits = |item: &T| {
        bytes += item.encoded_len() + 16;
        bytes <= MESSAGE_BYTES_MAX * 3 / 4
    };
    let mut fitting: Vec<T> = items.take_while(fits).collect();
    fitting.reverse();
    fitting
}

/// Cuts a text that is as long as its user likes; alone, the object shows all of it.
fn cut(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        let mut ends = (0..=TEXT_BYTES_MAX).rev();
        let end = ends.find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push('…');
    }
}

fn limit(wanted: u32) -> usize {
    match usize::try_from(wanted) {
        Ok(wanted) if wanted > 0 => wanted.min(LIST_MAX),
        _ => LIST_MAX,
    }
}

#[tonic::async_trait]
impl Client for ClientService {
    type SaveSnapshotStream = snapshot::Chunks;
    type ReadLogStream = Pin<Box<dyn Stream<Item = Result<ReadLogReply, Status>> + Send>>;

    async fn submit_driver(
        &self,
        request: Request<SubmitDriverRequest>,
    ) -> Result<Response<SubmitDriverReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, submit_driver, |it| self
            .submit_here(it))
    }

    async fn kill_driver(
        &self,
        request: Request<KillDriverRequest>,
    ) -> Result<Response<KillReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, kill_driver, |it| self
            .kill_driver_here(it))
    }

    async fn kill_application(
        &self,
        request: Request<KillApplicationRequest>,
    ) -> Result<Response<KillReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, kill_application, |it| self
            .kill_application_here(it))
    }

    async fn drain_worker(
        &self,
        request: Request<DrainWorkerRequest>,
    ) -> Result<Response<DrainReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, drain_worker, |it| self
            .drain_worker_here(it))
    }

    async fn undrain_worker(
        &self,
        request: Request<UndrainWorkerRequest>,
    ) -> Result<Response<DrainReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, undrain_worker, |it| self
            .undrain_worker_here(it))
    }

    /// As of a list: the leader answers if it can.
    async fn get_worker(
        &self,
        request: Request<GetWorkerRequest>,
    ) -> Result<Response<GetWorkerReply>, Status> {
        if let Some(mut leader) = self.leader(&request).await
            && let Ok(answer) = leader
                .get_worker(forwarded(request.get_ref().clone()))
                .await
        {
            return Ok(answer);
        }
        self.get_worker_here(request.into_inner()).await
    }

    async fn get_driver(
        &self,
        request: Request<GetDriverRequest>,
    ) -> Result<Response<GetDriverReply>, Status> {
        let id = checks::driver_id(&request.get_ref().driver_id);
        let id = id.map_err(|error| status::invalid(&error))?;
        // Only the leader can say more of a worker that is cut off.
        if !self.0.is_leader()
            && self.is_cut_off(&id)
            && let Some(mut leader) = self.leader(&request).await
            && let Ok(answer) = leader
                .get_driver(forwarded(request.get_ref().clone()))
                .await
        {
            return Ok(answer);
        }
        let request = request.into_inner();
        let read = self.0.read_point(request.consistent).await?;
        let shown = self.0.shown();
        let state = self.0.shared.state();
        let driver = state.drivers.get(&id);
        let driver = driver.ok_or_else(|| unknown(&id, "driver", &read))?;
        let placed_on = driver.placement.as_ref().map(|placed| &placed.worker);
        let glance = placed_on.and_then(|worker| shown.workers.get(worker));
        let driver = client::Driver {
            worker_suspect: glance.is_some_and(|glance| glance.suspect),
            ..Views::of(&state, &self.0.config.policy).driver(driver)
        };
        Ok(Response::new(GetDriverReply {
            driver: Some(driver),
            read: Some(read),
        }))
    }

    async fn get_application(
        &self,
        request: Request<GetApplicationRequest>,
    ) -> Result<Response<GetApplicationReply>, Status> {
        let request = request.into_inner();
        let id = checks::app_id(&request.app_id).map_err(|error| status::invalid(&error))?;
        let read = self.0.read_point(request.consistent).await?;
        let state = self.0.shared.state();
        let app = state.applications.get(&id);
        let app = app.ok_or_else(|| unknown(&id, "application", &read))?;
        let application = Views::of(&state, &self.0.config.policy).application(app);
        Ok(Response::new(GetApplicationReply {
            application: Some(application),
            read: Some(read),
        }))
    }

    async fn list_drivers(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<ListDriversReply>, Status> {
        let request = request.into_inner();
        let read = self.0.read_point(request.consistent).await?;
        let state = self.0.shared.state();
        let wanted = || {
            state
                .drivers
                .values()
                .rev()
                .filter(|it| request.ended || !it.state.is_final())
        };
        let views = Views::of(&state, &self.0.config.policy);
        let drivers = wanted().take(limit(request.limit)).map(|it| {
            let mut driver = views.driver(it);
            cut(&mut driver.command);
            driver
        });
        Ok(Response::new(ListDriversReply {
            drivers: fitting(drivers),
            read: Some(read),
            total: wanted().count() as u64,
        }))
    }

    async fn list_applications(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<ListApplicationsReply>, Status> {
        let request = request.into_inner();
        let read = self.0.read_point(request.consistent).await?;
        let state = self.0.shared.state();
        let wanted = || {
            state
                .applications
                .values()
                .rev()
                .filter(|it| request.ended || !it.state.is_final())
        };
        let views = Views::of(&state, &self.0.config.policy);
        let applications = wanted().take(limit(request.limit)).map(|it| {
            let mut application = views.application(it);
            application.executors.retain(|executor| !executor.ended);
            application
        });
        Ok(Response::new(ListApplicationsReply {
            applications: fitting(applications),
            read: Some(read),
            total: wanted().count() as u64,
        }))
    }

    /// The leader knows more of workers than the state has, so it answers if it can.
    async fn list_workers(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<ListWorkersReply>, Status> {
        if let Some(mut leader) = self.leader(&request).await
            && let Ok(answer) = leader.list_workers(forwarded(*request.get_ref())).await
        {
            return Ok(answer);
        }
        self.list_workers_here(request.into_inner()).await
    }

    async fn list_masters(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<ListMastersReply>, Status> {
        masters::list(&self.0, request).await.map(Response::new)
    }

    async fn find_key(
        &self,
        request: Request<FindKeyRequest>,
    ) -> Result<Response<FindKeyReply>, Status> {
        let request = request.into_inner();
        let key = checks::key(&request.key).map_err(|error| status::invalid(&error))?;
        let read = self.0.read_point(request.consistent).await?;
        let state = self.0.shared.state();
        let Some(record) = state.keys.answered.get(&key) else {
            let read = Some(read);
            return Ok(Response::new(FindKeyReply {
                read,
                ..FindKeyReply::default()
            }));
        };
        let (id, answer) = match &record.answer {
            Ok(Answer::Submitted { driver }) => (driver.to_string(), "submitted".to_owned()),
            Ok(Answer::Registered { app }) => (app.to_string(), "registered".to_owned()),
            Ok(Answer::Killed { message, .. } | Answer::Drained { message, .. }) => {
                (String::new(), message.clone())
            }
            Ok(_) => (String::new(), "done".to_owned()),
            Err(rejection) => (String::new(), format!("refused: {rejection}")),
        };
        Ok(Response::new(FindKeyReply {
            found: true,
            id,
            answer,
            read: Some(read),
        }))
    }

    async fn list_failovers(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<ListFailoversReply>, Status> {
        let request = request.into_inner();
        let read = self.0.read_point(request.consistent).await?;
        let state = self.0.shared.state();
        let newest_first = state.failovers.iter().rev().take(limit(request.limit));
        let failovers = newest_first.map(views::failover).collect();
        Ok(Response::new(ListFailoversReply {
            failovers,
            read: Some(read),
        }))
    }

    async fn list_endpoints(
        &self,
        request: Request<ListEndpointsRequest>,
    ) -> Result<Response<ListEndpointsReply>, Status> {
        let request = request.into_inner();
        let read = self.0.read_point(request.consistent).await?;
        let limit = limit(request.limit);
        let (endpoints, total) = endpoints::list(&self.0.shared.state(), &request, limit)
            .map_err(|error| status::invalid(&error))?;
        Ok(Response::new(ListEndpointsReply {
            endpoints,
            read: Some(read),
            total,
        }))
    }

    async fn add_master(
        &self,
        request: Request<AddMasterRequest>,
    ) -> Result<Response<ChangeMastersReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, add_master, |it| {
            members::add(&self.0, it)
        })
    }

    async fn remove_master(
        &self,
        request: Request<RemoveMasterRequest>,
    ) -> Result<Response<ChangeMastersReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, remove_master, |it| {
            members::remove(&self.0, it)
        })
    }

    async fn transfer_leadership(
        &self,
        request: Request<TransferLeadershipRequest>,
    ) -> Result<Response<TransferLeadershipReply>, Status> {
        here_or_leader!(self.0, request, ClientClient, transfer_leadership, |it| {
            members::transfer(&self.0, it)
        })
    }

    async fn save_snapshot(
        &self,
        request: Request<SaveSnapshotRequest>,
    ) -> Result<Response<Self::SaveSnapshotStream>, Status> {
        snapshot::save(Arc::clone(&self.0), request.into_inner()).await
    }

    async fn read_log(
        &self,
        request: Request<ReadLogRequest>,
    ) -> Result<Response<Self::ReadLogStream>, Status> {
        let parts = logs::read(Arc::clone(&self.0), request.into_inner()).await?;
        Ok(Response::new(Box::pin(parts)))
    }
}

//! Reading what a driver or executor has written, through any master.

use tonic::Streaming;
use vesta_proto::client as proto;
use vesta_types::{AppId, DriverId};

use crate::backoff::Backoff;
use crate::call::{Kind, call};
use crate::client::stub;
use crate::{Client, ClientError, Refusal};

/// Whose log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// A driver's: that of its current or last attempt.
    Driver(DriverId),
    /// An executor's.
    Executor {
        /// Its application.
        app: AppId,
        /// Its number there.
        number: u32,
    },
}

/// A log that is being read. When its master goes away it goes on at the same byte through another.
#[derive(Debug)]
pub struct LogStream {
    client: Client,
    request: proto::ReadLogRequest,
    stream: Streaming<proto::ReadLogReply>,
    /// What wrote it, for drivers: a new attempt writes another file.
    instance: Option<String>,
}

impl Client {
    /// Begins to read a log.
    ///
    /// `stderr` chooses standard error over standard output, `follow` goes on until the instance has
    /// ended, `tail` begins so many bytes before the present end instead of at the start.
    ///
    /// # Errors
    /// See [`ClientError`]; never `Unknown`. `WorkerAway` as soon as masters answered and none of them
    /// reaches the worker.
    pub async fn read_log(
        &self,
        source: &LogSource,
        stderr: bool,
        follow: bool,
        tail: Option<u64>,
    ) -> Result<LogStream, ClientError> {
        let mut request = proto::ReadLogRequest {
            stderr,
            follow,
            ..proto::ReadLogRequest::default()
        };
        match source {
            LogSource::Driver(driver) => request.driver_id = driver.to_string(),
            LogSource::Executor { app, number } => {
                request.app_id = app.to_string();
                request.executor = *number;
            }
        }
        let instance = self.instance(&request).await?;
        // One read of a tail is bounded, and none of it can be asked for: so it begins at an offset.
        if let Some(tail) = tail {
            request.offset = self.log_size(&request).await?.saturating_sub(tail);
        }
        let stream = self.open_log(&request).await?;
        Ok(LogStream {
            client: self.clone(),
            request,
            stream,
            instance,
        })
    }

    async fn open_log(
        &self,
        request: &proto::ReadLogRequest,
    ) -> Result<Streaming<proto::ReadLogReply>, ClientError> {
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).read_log(request).await }
        };
        call(self.pool(), self.options(), Kind::WorkerRead, send).await
    }

    /// How many bytes a log has now.
    async fn log_size(&self, request: &proto::ReadLogRequest) -> Result<u64, ClientError> {
        let request = proto::ReadLogRequest {
            follow: false,
            tail_bytes: 1,
            ..request.clone()
        };
        let stream = self.open_log(&request).await?;
        let mut log = LogStream {
            client: self.clone(),
            request,
            stream,
            instance: None,
        };
        // Its last byte, and where that ends; an empty log has none.
        while log.next(|_| {}).await?.is_some() {}
        Ok(log.request.offset)
    }

    /// The current or last instance of a driver; none for executors, which have only one.
    async fn instance(
        &self,
        request: &proto::ReadLogRequest,
    ) -> Result<Option<String>, ClientError> {
        if request.driver_id.is_empty() {
            return Ok(None);
        }
        let driver_id = request.driver_id.clone();
        let reply = self
            .get_driver(proto::GetDriverRequest {
                driver_id,
                consistent: false,
            })
            .await?;
        Ok(reply
            .driver
            .map(|driver| driver.instance_id)
            .filter(|instance| !instance.is_empty()))
    }
}

impl LogStream {
    /// The next bytes; `None` at the end.
    ///
    /// A broken stream is opened again where it broke: if `follow` is set, for as long as it takes, and
    /// `on_wait` is told at each attempt why it takes longer.
    ///
    /// # Errors
    /// See [`ClientError`]. Also `Refused` when the stream broke and the driver has been started
    /// again meanwhile, so that the bytes that are missing are in another log.
    pub async fn next(
        &mut self,
        mut on_wait: impl FnMut(&ClientError),
    ) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            match self.stream.message().await {
                Ok(Some(reply)) => {
                    let end = reply.offset.saturating_add(reply.data.len() as u64);
                    self.request.offset = end;
                    self.request.tail_bytes = 0;
                    if !reply.data.is_empty() {
                        return Ok(Some(reply.data));
                    }
                }
                Ok(None) => return Ok(None),
                Err(status) => {
                    if let Some(error) = refusal(&status) {
                        return Err(error);
                    }
                    tracing::debug!(?status, "the log's stream broke");
                    self.resume(&mut on_wait).await?;
                }
            }
        }
    }

    async fn resume(&mut self, on_wait: &mut impl FnMut(&ClientError)) -> Result<(), ClientError> {
        let options = self.client.options();
        let mut backoff = Backoff::new(options.pause_first, options.pause_longest);
        loop {
            tokio::time::sleep(backoff.pause()).await;
            match self.reopen().await {
                Ok(stream) => {
                    self.stream = stream;
                    return Ok(());
                }
                Err(error) if error.is_passing() && self.request.follow => on_wait(&error),
                Err(error) => return Err(error),
            }
        }
    }

    async fn reopen(&self) -> Result<Streaming<proto::ReadLogReply>, ClientError> {
        let instance = self.client.instance(&self.request).await?;
        if self.instance.is_some() && instance != self.instance {
            return Err(ClientError::Refused {
                reason: Refusal::Precondition,
                message: format!(
                    "{} was started again while its log was being read: read it anew",
                    self.request.driver_id
                ),
            });
        }
        self.client.open_log(&self.request).await
    }
}

/// The error that a master ended the stream with on purpose, if it did.
fn refusal(status: &tonic::Status) -> Option<ClientError> {
    let message = status.message().to_owned();
    match crate::call::judge(status) {
        crate::attempts::Verdict::Refused(reason) => Some(ClientError::Refused { reason, message }),
        crate::attempts::Verdict::NotAllowed => Some(ClientError::NotAllowed { message }),
        crate::attempts::Verdict::NothingDone
        | crate::attempts::Verdict::Busy(_)
        | crate::attempts::Verdict::NoMaster
        | crate::attempts::Verdict::Lost => None,
    }
}

//! What drivers of Spark's ask for.

use vesta_core::{Command, SparkAsk};
use vesta_spark::message::{Answer, KillExecutors, RequestExecutors, ToPeer};
use vesta_spark::transport::{Ask, ConnectionId};
use vesta_types::ProfileRequest;

use crate::spark::convert;
use crate::spark::desk::Desk;

impl Desk {
    /// A driver wants so many executors.
    pub(in crate::spark::desk) fn request_executors(
        &mut self,
        connection: ConnectionId,
        said: &RequestExecutors,
        ask: Option<Ask>,
    ) {
        let wanted = said.totals.iter().map(|total| ProfileRequest {
            profile: convert::profile(&total.profile),
            target: Some(total.total),
        });
        let wanted = wanted.collect();
        self.driver_asks(
            connection,
            &said.app_id,
            SparkAsk::SetTargets { wanted },
            ask,
        );
    }

    /// A driver ends some of its executors.
    pub(in crate::spark::desk) fn kill_executors(
        &mut self,
        connection: ConnectionId,
        said: &KillExecutors,
        ask: Option<Ask>,
    ) {
        // Others were never given: the driver means none of ours.
        let executors = said.executor_ids.iter().filter_map(|id| id.parse().ok());
        let executors = executors.collect();
        self.driver_asks(
            connection,
            &said.app_id,
            SparkAsk::KillExecutors { executors },
            ask,
        );
    }

    /// What a driver asks for is answered once it is in the log.
    fn driver_asks(&self, connection: ConnectionId, app: &str, what: SparkAsk, ask: Option<Ask>) {
        let Some(ask) = ask else { return };
        let own = self.app_on(connection).filter(|own| own.as_str() == app);
        let (Some(app), Some(led), true) = (own, &self.led, self.leads) else {
            return ask
                .fail("this master does not lead this application: it will be told who does");
        };
        let Some(profile) = led.apps.get(&app).map(|seat| seat.profile.clone()) else {
            return ask.fail("the application is over");
        };
        let (epoch, proposer) = (led.epoch, self.context.proposer.clone());
        tokio::spawn(async move {
            let command = Command::FromSparkDriver {
                epoch,
                app: app.clone(),
                ask: what,
            };
            let done = match proposer.own(command).await {
                Ok(Ok(_)) => true,
                Ok(Err(rejection)) => {
                    tracing::warn!(%app, %rejection, "what a driver of Spark's asks for is refused");
                    false
                }
                Err(error) => return ask.fail(error.to_string()),
            };
            match Answer(done).write(&profile) {
                Ok(body) => ask.reply(body),
                Err(error) => ask.fail(error.to_string()),
            }
        });
    }
}

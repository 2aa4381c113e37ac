//! Drivers that asked while this master did not lead.

use tokio::time::Instant;
use vesta_spark::message::RegisterApplication;
use vesta_spark::transport::ConnectionId;

use super::Desk;

impl Desk {
    /// This master does not lead and says nothing, as Spark's: the driver asks every master. It may lead soon.
    pub(super) fn keep_registration(
        &mut self,
        connection: ConnectionId,
        said: RegisterApplication,
    ) {
        // The description, and what was read out of it.
        let bytes = 2 * said.description.payload.len();
        self.unanswered
            .keep(Instant::now(), connection, bytes, said);
    }

    /// This master leads now: who asked before, and is not registered yet, need not ask again.
    pub(super) async fn answer_the_unanswered(&mut self) {
        for (connection, said) in self.unanswered.take(Instant::now()) {
            if !self.is_registered(&said) {
                self.register_application(connection, said).await;
            }
        }
    }

    /// Whether this application is registered and has not ended. Its driver is dialled then.
    fn is_registered(&self, said: &RegisterApplication) -> bool {
        let state = self.state();
        state.applications.iter().any(|(_, app)| {
            let spark = app.description.spark.as_ref();
            let same = app.description.name == said.description.name;
            same && !app.state.is_final() && spark.is_some_and(|it| it.peer.is_at(&said.driver))
        })
    }
}

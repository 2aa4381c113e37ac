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
        let driver = said.driver.clone();
        // What can't be taken is for the leader to refuse. What can is bounded, and as large as it is written.
        let Ok(description) = self.described(said) else {
            return;
        };
        if let Ok(written) = rmp_serde::to_vec(&description) {
            let message = (driver, description);
            self.unanswered
                .keep(Instant::now(), connection, written.len(), message);
        }
    }

    /// This master leads now: who asked before need not ask again. One whom the last leader has registered gets
    /// its id once more, which it may not have heard.
    pub(super) async fn answer_the_unanswered(&mut self) {
        for (connection, (driver, description)) in self.unanswered.take(Instant::now()) {
            self.register_described(connection, driver, description)
                .await;
        }
    }
}

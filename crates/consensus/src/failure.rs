//! The first fatal error of a node, kept for whoever has to stop the process.

use tokio::sync::watch;

/// Cheap handle to the one place where a fatal error is written; the first one stays.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    text: watch::Sender<Option<String>>,
}

impl Failure {
    pub(crate) fn new() -> Self {
        Failure {
            text: watch::Sender::new(None),
        }
    }

    /// Records why the node can't go on, and logs it: this is where such an error is handled.
    pub(crate) fn report(&self, text: String) {
        let first = self.text.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(text.clone());
            }
            first
        });
        if first {
            tracing::error!(error = %text, "raft.stop: this node can't go on");
        }
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.text.borrow().clone()
    }

    pub(crate) async fn wait(&self) -> String {
        let mut changes = self.text.subscribe();
        let text = changes
            .wait_for(Option::is_some)
            .await
            .map(|text| text.clone())
            .ok()
            .flatten();
        match text {
            Some(text) => text,
            // The sender lives as long as this value does, so this is never reached.
            None => std::future::pending().await,
        }
    }
}

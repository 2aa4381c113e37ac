//! `/json` and `/json/<field>`, as on the port of the web pages of Spark's masters. Each master answers from what it
//! has applied.

use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpListener;
use vesta_spark::rest::{Answer, Method};

use super::SparkDoor;
use super::http::{self, Answers};
use super::json::{self, Seen};
use crate::context::Context;

/// Serves until this is dropped.
pub(super) async fn serve(listener: TcpListener, context: Arc<Context>, door: Arc<SparkDoor>) {
    let pages = Pages {
        context,
        url: door.url(),
    };
    http::serve(listener, Arc::new(pages)).await;
}

struct Pages {
    context: Arc<Context>,
    url: String,
}

impl Answers for Pages {
    const CONTENT: &'static str = "text/json;charset=utf-8";

    async fn answer(&self, method: Method, path: &str, _: Bytes) -> Answer {
        if method != Method::Get {
            return Answer::error(405, "Only HTTP method GET is supported by this URL.");
        }
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        if parts.next() != Some("json") {
            return Answer::error(404, "There are /json and /json/<field> here.");
        }
        let shown = self.context.shown();
        let seen = Seen {
            url: &self.url,
            status: shown.status,
            workers: &shown.workers,
            now: self.context.clocks.wall(),
        };
        let state = self.context.shared.state();
        let body = json::show(&state, &seen, parts.next());
        Answer { code: 200, body }
    }
}

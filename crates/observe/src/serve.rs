//! A very small HTTP server: three pages, GET alone.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::TextEncoder;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::accept::accept;

/// Connections at once; more wait. A scraper and a probe or two are expected.
const CONNECTIONS_MAX: usize = 32;

/// How long a request may take to arrive.
const REQUEST_WAIT: Duration = Duration::from_secs(5);

/// How long a connection is kept: a scraper that comes every minute dials anew.
const CONNECTION_AGE: Duration = Duration::from_secs(30);

/// Bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;

/// What can be asked of a process.
pub trait Observed: Send + Sync + 'static {
    /// Every metric, as of now.
    fn metrics(&self) -> Vec<prometheus::proto::MetricFamily>;

    /// Whether work can be sent here; if not, why.
    fn ready(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// Whether the process does what it has to at all; if not, what stands still. Then a restart helps.
    fn live(&self) -> Result<(), String>;
}

/// Serves the pages of `observed` until the process ends or this is dropped.
pub async fn serve<O: Observed>(listener: TcpListener, observed: Arc<O>) {
    let one = |stream| {
        let observed = Arc::clone(&observed);
        async move {
            let pages = service_fn(move |request| page(Arc::clone(&observed), request));
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_WAIT)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), pages);
            // What went wrong on a connection is its peer's matter.
            let _ = timeout(CONNECTION_AGE, served).await;
        }
    };
    accept(listener, CONNECTIONS_MAX, one).await;
}

async fn page<O: Observed>(
    observed: Arc<O>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Ok(text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET is answered\n".to_owned(),
        ));
    }
    let verdict = |verdict: Result<(), String>| match verdict {
        Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    };
    Ok(match request.uri().path() {
        "/metrics" => metrics(&observed.metrics()),
        "/ready" => verdict(observed.ready().await),
        "/live" => verdict(observed.live()),
        _ => {
            let pages = "there are /metrics, /ready and /live here\n";
            text(StatusCode::NOT_FOUND, pages.to_owned())
        }
    })
}

fn metrics(families: &[prometheus::proto::MetricFamily]) -> Response<Full<Bytes>> {
    let encoder = TextEncoder::new();
    match encoder.encode_to_string(families) {
        Ok(encoded) => {
            let mut response = text(StatusCode::OK, encoded);
            let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

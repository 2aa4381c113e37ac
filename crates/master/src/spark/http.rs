//! The little HTTP that Spark's gateway and its JSON need: whole bodies, bounded in length, number and time.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use vesta_spark::rest::{Answer, Method};

/// Connections at once; more wait. Spark's gateway has 200 threads.
const CONNECTIONS_MAX: usize = 256;

/// How long a request's head may take, and its body.
const REQUEST_WAIT: Duration = Duration::from_secs(10);

/// How long a connection is kept, and then how long what is under way on it may take.
const CONNECTION_AGE: Duration = Duration::from_secs(300);
const LAST_WAIT: Duration = Duration::from_secs(10);

/// Bytes of a request's head, and of its body: more than a driver may have.
const HEAD_BYTES: usize = 16 * 1024;
const BODY_BYTES: usize = 1024 * 1024;

/// Answers whole requests: method, path, body.
pub(super) trait Answers: Send + Sync + 'static {
    /// The content type of its answers.
    const CONTENT: &'static str;

    /// Answers one.
    fn answer(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> impl Future<Output = Answer> + Send;
}

/// Serves until this is dropped.
pub(super) async fn serve<A: Answers>(listener: TcpListener, answers: Arc<A>) {
    let one = |stream| serve_one(stream, Arc::clone(&answers));
    vesta_observe::accept(listener, CONNECTIONS_MAX, one).await;
}

async fn serve_one<A: Answers>(stream: TcpStream, answers: Arc<A>) {
    // An answer is one small write: it waits for nothing.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| whole(Arc::clone(&answers), request));
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_WAIT)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    // What went wrong on a connection is its peer's matter.
    if timeout(CONNECTION_AGE, served.as_mut()).await.is_err() {
        served.as_mut().graceful_shutdown();
        let _ = timeout(LAST_WAIT, served).await;
    }
}

async fn whole<A: Answers>(
    answers: Arc<A>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let method = match *request.method() {
        hyper::Method::GET => Method::Get,
        hyper::Method::POST => Method::Post,
        _ => Method::Other,
    };
    let (head, body) = request.into_parts();
    let body = timeout(REQUEST_WAIT, Limited::new(body, BODY_BYTES).collect());
    let answer = match body.await {
        Ok(Ok(body)) => {
            answers
                .answer(method, head.uri.path(), body.to_bytes())
                .await
        }
        Ok(Err(_)) => {
            let message = format!(
                "Malformed request: its body is broken off, or of more than {BODY_BYTES} bytes"
            );
            Answer::error(413, &message)
        }
        Err(_) => Answer::error(408, "Malformed request: its body took too long"),
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static(A::CONTENT);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

//! Asks over plain HTTP, one request per connection.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::BOUND;

/// What was answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

/// The answer to `method` of `path`; `None` while nobody listens.
pub async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: vesta\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    timeout(BOUND, read).await.unwrap().ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let content_type = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-type").then_some(value)
    });
    Some(Reply {
        status: head.split(' ').nth(1)?.parse().ok()?,
        content_type: content_type.unwrap_or_default().to_owned(),
        body: body.to_owned(),
    })
}

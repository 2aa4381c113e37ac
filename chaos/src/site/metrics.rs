//! What a master shows of itself at its metrics port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const BOUND: Duration = Duration::from_millis(500);

/// The figures of one look, by name with labels: `vesta_master_status{status="ALIVE"}`.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// Asks for them.
    ///
    /// # Errors
    /// When there is no answer within half a second, or it is none.
    pub async fn of(address: SocketAddr) -> Result<Metrics> {
        let text = tokio::time::timeout(BOUND, get(address)).await;
        let text = text.with_context(|| format!("{address} does not answer"))??;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let figure = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(Metrics(lines.filter_map(figure).collect()))
    }

    /// One figure; 0 if it is not there.
    pub fn figure(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// The same as a whole number.
    pub fn count(&self, name: &str) -> u64 {
        self.figure(name).max(0.0) as u64
    }

    /// The label of the one figure of a family that is 1: which status a master has.
    pub fn which(&self, family: &str, label: &str) -> Option<&str> {
        let begin = format!("{family}{{{label}=\"");
        let of = self.0.iter().filter(|(_, value)| **value == 1.0);
        of.filter_map(|(name, _)| name.strip_prefix(&begin)?.strip_suffix("\"}"))
            .next()
    }
}

async fn get(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => bail!("{address} answers {:?}", text.lines().next()),
    }
}

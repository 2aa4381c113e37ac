//! Artifacts from web servers.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use super::{save, too_large};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A server that sends nothing for so long has hung up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that never ends is not waited for longer.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(3_600);

const REDIRECTS_MAX: u32 = 5;

/// Pauses before it is tried again, when it is likely to be better then.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Fetches `url` into the file `part`; its digest, in hex. What may be better a moment later is tried
/// again.
pub(super) fn to_file(url: &str, part: &Path, most: u64) -> Result<String, String> {
    let agent = agent();
    let mut pauses = PAUSES.iter();
    loop {
        match fetch(&agent, url, part, most) {
            Ok(digest) => return Ok(digest),
            Err(problem) => match pauses.next().filter(|_| problem.may_pass) {
                Some(pause) => thread::sleep(*pause),
                None => return Err(problem.text),
            },
        }
    }
}

struct Problem {
    text: String,
    may_pass: bool,
}

fn fetch(agent: &Agent, url: &str, part: &Path, most: u64) -> Result<String, Problem> {
    let mut response = agent.get(url).call().map_err(|error| Problem {
        may_pass: may_pass(&error),
        text: error.to_string(),
    })?;
    let wrong = |may_pass| move |text| Problem { text, may_pass };
    let body = response.body_mut();
    let announced = body.content_length();
    if announced.is_some_and(|bytes| bytes > most) {
        return Err(wrong(false)(too_large(most)));
    }
    // One more than there may be: whether it is too large is seen, and said, when it is saved.
    let reader = body.with_config().limit(most.saturating_add(1)).reader();
    save(reader, part, most).map_err(wrong(false))
}

/// Whether another attempt may do better: not where the server has said no.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::StatusCode(code) => *code >= 500 || *code == 429,
        Error::Io(_) | Error::Timeout(_) | Error::ConnectionFailed | Error::HostNotFound => true,
        _ => false,
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(RESPONSE_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT))
        .timeout_global(Some(WHOLE_TIMEOUT))
        .max_redirects(REDIRECTS_MAX)
        .user_agent("vesta-worker")
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Outside::default())
}

/// Finds addresses, but none that only this machine's own surroundings use: a driver's author must not
/// have the worker read a cloud's metadata (169.254.169.254), by a redirect say.
#[derive(Debug, Default)]
struct Outside(DefaultResolver);

impl Resolver for Outside {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        match found.iter().find(|address| is_link_local(address)) {
            Some(address) => {
                let text =
                    format!("{address} is a link-local address: nothing is fetched from there");
                Err(Error::Other(text.into()))
            }
            None => Ok(found),
        }
    }
}

fn is_link_local(address: &SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that answers each connection with the next of these answers, and the URL of a file there.
    fn server(answers: Vec<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(&answer);
            }
        });
        format!("http://{address}/x.jar")
    }

    fn answer(head: &str, body: &[u8]) -> Vec<u8> {
        let mut answer = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").into_bytes();
        answer.extend(body);
        answer
    }

    fn fetch(url: &str) -> (Result<String, String>, String) {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join("part");
        let fetched = to_file(url, &part, 10);
        (fetched, std::fs::read_to_string(part).unwrap_or_default())
    }

    #[test]
    fn a_file_is_fetched_over_a_redirect_and_after_a_server_s_bad_moment() {
        let file = server(vec![answer("200 OK\r\nContent-Length: 3", b"abc")]);
        let moved = format!("302 Found\r\nLocation: {file}\r\nContent-Length: 0");
        let first = answer("503 Busy\r\nContent-Length: 0", b"");
        let (fetched, text) = fetch(&server(vec![first, answer(&moved, b"")]));
        assert!(fetched.unwrap().starts_with("ba7816bf"));
        assert_eq!(text, "abc");
    }

    #[test]
    fn what_a_server_must_not_do_is_refused_with_the_reason() {
        let table = [
            (answer("404 Not Found\r\nContent-Length: 0", b""), "404"),
            (
                answer("200 OK\r\nContent-Length: 11", b"01234567890"),
                "larger than 10 bytes",
            ),
            // It announces nothing, and sends more.
            (answer("200 OK", b"01234567890"), "larger than 10 bytes"),
            // It hangs up before what it announced.
            (answer("200 OK\r\nContent-Length: 9", b"0123"), "after "),
            (
                answer(
                    "302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0",
                    b"",
                ),
                "",
            ),
            (
                answer(
                    "302 Found\r\nLocation: http://169.254.169.254/x\r\nContent-Length: 0",
                    b"",
                ),
                "link-local",
            ),
        ];
        for (answer, reason) in table {
            let (fetched, text) = fetch(&server(vec![answer]));
            let error = fetched.unwrap_err();
            assert!(error.contains(reason), "{reason}: {error}");
            assert!(!text.contains("root"), "{text}");
        }
    }
}

//! How patient a client is.

use std::time::Duration;

/// How patient a [`Client`](crate::Client) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// Time for one call in all, over every master and attempt. Default 10 s, which outlasts several
    /// elections.
    pub deadline: Duration,
    /// Time for one attempt at one master; then the next is asked. Default 2.5 s: a paused master
    /// takes connections and never answers.
    pub attempt: Duration,
    /// Time to connect. Default 500 ms; below `attempt`, so that an attempt that could not connect is
    /// known never to have reached anyone.
    pub connect: Duration,
    /// Shortest pause after every known master failed. Default 50 ms.
    pub pause_first: Duration,
    /// Longest such pause. Default 500 ms, about one election.
    pub pause_longest: Duration,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            deadline: Duration::from_secs(10),
            attempt: Duration::from_millis(2_500),
            connect: Duration::from_millis(500),
            pause_first: Duration::from_millis(50),
            pause_longest: Duration::from_millis(500),
        }
    }
}

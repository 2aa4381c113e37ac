//! A transport, and a peer of it on a plain socket. Every wait has a bound.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use vesta_spark::transport::{
    CloseReason, ConnectionId, Decoder, EndpointAddress, Envelope, Event, Frame, Incoming, Limits,
    RpcAddress, Transport,
};

/// Waits, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = timeout(Duration::from_secs(20), future).await;
    waited.unwrap_or_else(|_| panic!("waited too long: {what}"))
}

pub struct Master {
    pub transport: Transport,
    pub events: mpsc::Receiver<Event>,
}

impl Master {
    pub async fn start(limits: Limits) -> Self {
        let advertised = RpcAddress::new("127.0.0.1", 0);
        let listen = "127.0.0.1:0".parse().unwrap();
        let (transport, events) = Transport::bind(listen, advertised, limits).await.unwrap();
        Self { transport, events }
    }

    pub async fn message(&mut self) -> Incoming {
        match soon("for a message", self.events.recv()).await.unwrap() {
            Event::Message(incoming) => incoming,
            closed @ Event::Closed { .. } => panic!("{closed:?}"),
        }
    }

    pub async fn closed(&mut self) -> (ConnectionId, Option<RpcAddress>, CloseReason) {
        match soon("for a connection's end", self.events.recv())
            .await
            .unwrap()
        {
            Event::Closed {
                connection,
                peer,
                reason,
            } => (connection, peer, reason),
            message @ Event::Message(_) => panic!("{message:?}"),
        }
    }

    /// Serves an ask of `peer`.
    pub async fn serves(&mut self, peer: &mut Peer) -> ConnectionId {
        peer.ask(7, b"are you there?").await;
        let incoming = self.message().await;
        assert_eq!(incoming.body, &b"are you there?"[..]);
        let connection = incoming.connection;
        incoming.reply(&b"yes"[..]);
        let answer = Frame::RpcResponse {
            id: 7,
            body: Bytes::from_static(b"yes"),
        };
        assert_eq!(peer.frame().await, answer);
        connection
    }

    pub async fn waits_until_it_has(&self, connections: usize) {
        let count = async {
            while self.transport.connections() != connections {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon("for the number of connections", count).await;
    }
}

pub struct Peer {
    pub stream: TcpStream,
    pub listens: RpcAddress,
    decoder: Decoder,
    rest: Vec<u8>,
}

impl Peer {
    pub async fn connect(master: &Master) -> Self {
        let stream = TcpStream::connect(master.transport.local_addr())
            .await
            .unwrap();
        Self::on(stream)
    }

    pub fn on(stream: TcpStream) -> Self {
        let listens = RpcAddress::new("127.0.0.1", stream.local_addr().unwrap().port());
        Self {
            stream,
            listens,
            decoder: Decoder::new(64 << 20),
            rest: Vec::new(),
        }
    }

    pub fn body(&self, message: &[u8]) -> Bytes {
        let sender = Some(self.listens.clone());
        let envelope = Envelope {
            sender,
            receiver: None,
            endpoint: "Master".to_owned(),
        };
        envelope.write(message).unwrap()
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        soon("to write", self.stream.write_all(bytes))
            .await
            .unwrap();
    }

    pub async fn ask(&mut self, id: i64, message: &[u8]) {
        let frame = Frame::RpcRequest {
            id,
            body: self.body(message),
        };
        self.write(&frame.encode()).await;
    }

    pub async fn say(&mut self, message: &[u8]) {
        let frame = Frame::OneWay {
            body: self.body(message),
        };
        self.write(&frame.encode()).await;
    }

    pub async fn frame(&mut self) -> Frame {
        loop {
            let mut input = &self.rest[..];
            let decoded = self.decoder.decode(&mut input).unwrap();
            self.rest = input.to_vec();
            if let Some(frame) = decoded {
                return frame;
            }
            let mut chunk = vec![0; 65_536];
            let read = soon("for a frame", self.stream.read(&mut chunk))
                .await
                .unwrap();
            assert!(read > 0, "closed instead of a frame");
            self.rest.extend_from_slice(&chunk[..read]);
        }
    }

    /// What still comes until the connection ends, and whether it ended in good order.
    pub async fn end(&mut self) -> (Vec<u8>, bool) {
        let mut rest = std::mem::take(&mut self.rest);
        let end = soon("for the end", self.stream.read_to_end(&mut rest)).await;
        (rest, end.is_ok())
    }
}

/// An endpoint of the peer.
pub fn worker(peer: &RpcAddress) -> EndpointAddress {
    EndpointAddress::new(peer.clone(), "Worker")
}

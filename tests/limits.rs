//! What is too large or no message at all: refused with the limit and what would be right, and the
//! masters go on.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use uuid::Uuid;
use vesta_client::new_key;
use vesta_client::proto::{ListRequest, Master, SubmitDriverRequest};
use vesta_proto::client::client_client::ClientClient;
use vesta_proto::client_convert;
use vesta_proto::worker::worker_client::WorkerClient;
use vesta_proto::worker::{
    Addresses, Description, FromWorker, Heartbeat, Hello, Instance, Report, from_worker, to_worker,
};
use vesta_types::limits::{HOST_BYTES_MAX, NAMED_RESOURCES_MAX};

use crate::support::{BOUND, Running, options, start, stderr};

/// Who leads, and since which term.
async fn leadership(cluster: &Running) -> (u64, u64, u64) {
    let reply = cluster.client().list_masters(ListRequest::default()).await;
    let leads = |master: &&Master| master.leader;
    let masters = reply.unwrap().masters;
    let leader = masters.iter().find(leads).expect("somebody leads");
    (leader.node_id, leader.term, leader.epoch)
}

/// D25. In Spark a large enough environment makes the leader lose its leadership.
#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_too_large_is_refused_with_the_limit_and_the_leader_leads_on() {
    let cluster = start(options()).await;
    let at = cluster.leader().await;
    let before = leadership(&cluster).await;

    // As large as a command line can be: no argument takes more than 128 KiB.
    let values: Vec<String> = (0..12)
        .map(|n| format!("V{n}={}", "x".repeat(100_000)))
        .collect();
    let mut line = vec!["submit"];
    line.extend(values.iter().flat_map(|value| ["--env", value]));
    line.extend(["--", "/bin/true"]);
    let ended = cluster.vesta(&line).await;
    assert_eq!(ended.status.code(), Some(1), "{}", stderr(&ended));
    let limit = "bytes is not at most 131072 bytes in all (128 KiB)";
    assert!(
        stderr(&ended).contains("launch.env: 12000"),
        "{}",
        stderr(&ended)
    );
    assert!(stderr(&ended).contains(limit), "{}", stderr(&ended));

    // As large as a message can be, and larger, at the leader and at another master.
    let driver = cluster.driver_of("large", 1, "");
    for at in [at, (at + 1) % 3] {
        let address = format!("http://{}", cluster.masters[at].address());
        let stub = ClientClient::connect(address).await.unwrap();
        let send = |mebibytes: usize| {
            let mut request: SubmitDriverRequest =
                client_convert::submission(new_key(), driver.clone());
            let env = &mut request.launch.as_mut().unwrap().env;
            env.insert("LARGE".to_owned(), "x".repeat(mebibytes << 20));
            let mut stub = stub.clone();
            async move { stub.submit_driver(request).await.unwrap_err() }
        };
        let refused = send(5).await;
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(limit), "{}", refused.message());
        assert!(refused.message().len() < 300, "the value is not repeated");
        let refused = send(20).await;
        assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
        assert!(refused.message().contains("8388608"), "{refused:?}");
    }

    assert_eq!(leadership(&cluster).await, before, "the same leader leads");
    let small = cluster.submit(&cluster.driver_of("small", 1, "")).await;
    cluster.driver_in(&small.id, "FINISHED").await;
    let every = ListRequest {
        ended: true,
        ..ListRequest::default()
    };
    assert_eq!(cluster.client().list_drivers(every).await.unwrap().total, 1);
    cluster.finish().await;
}

/// Plain HTTP, garbage and half a request, on each of a master's ports.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_at_all_disturbs_nobody() {
    let cluster = start(options()).await;
    let before = leadership(&cluster).await;
    let garbage = vec![0xa5_u8; 100_000];
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    // A frame that says that it is 16 MiB long.
    let frame = [&preface[..], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat();
    let says: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: vesta\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        &garbage,
        &frame,
        &preface[..9],
    ];
    let mut idle = Vec::new();
    let masters = cluster.client().list_masters(ListRequest::default()).await;
    for master in masters.unwrap().masters {
        for port in [master.client_address.as_str(), &master.raft_address] {
            for said in says {
                let mut stream = TcpStream::connect(port).await.unwrap();
                // It may be closed before everything was sent.
                let _ = stream.write_all(said).await;
                let _ = stream.shutdown().await;
                let answer = read_to_end(stream);
                let bytes = tokio::time::timeout(BOUND, answer).await;
                let bytes = bytes.expect("the connection is closed");
                assert!(bytes < 1_000, "{bytes} bytes for {} bytes", said.len());
            }
            for _ in 0..50 {
                idle.push(TcpStream::connect(port).await.unwrap());
            }
        }
    }
    assert_eq!(leadership(&cluster).await, before, "the same leader leads");
    let driver = cluster.submit(&cluster.driver_of("after", 1, "")).await;
    cluster.driver_in(&driver.id, "FINISHED").await;
    drop(idle);
    cluster.finish().await;
}

async fn read_to_end(mut stream: TcpStream) -> usize {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    bytes.len()
}

fn hello() -> Hello {
    Hello {
        description: Some(Description {
            worker_id: "worker-20261121110000-host-7999".to_owned(),
            store: Uuid::from_u128(1).to_string(),
            boot: Uuid::from_u128(2).to_string(),
            host: "127.0.0.1".to_owned(),
            port: 7999,
            cores: 1,
            memory_mib: 64,
            ..Description::default()
        }),
        session: Uuid::from_u128(3).to_string(),
        protocol: 1,
        order_ttl_ms: 1_500,
        ..Hello::default()
    }
}

/// What a master says to a worker that says this; `None` while it only welcomes it.
async fn refusal_of(
    cluster: &Running,
    says: Vec<from_worker::Message>,
) -> Option<(String, String)> {
    let address = format!("http://{}", cluster.masters[0].address());
    let mut stub = WorkerClient::connect(address).await.unwrap();
    let messages = says.into_iter().map(|message| FromWorker {
        message: Some(message),
    });
    let outgoing = tokio_stream::iter(messages.collect::<Vec<_>>());
    let mut incoming = stub.session(outgoing).await.unwrap().into_inner();
    let listen = async {
        while let Ok(Some(message)) = incoming.message().await {
            if let Some(to_worker::Message::Refused(refused)) = message.message {
                return Some((refused.code, refused.message));
            }
        }
        None
    };
    tokio::time::timeout(BOUND, listen)
        .await
        .expect("the stream ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_says_what_it_must_not_is_refused_by_code_and_told_what_would_be_right() {
    type Spoil = fn(&mut Hello);
    let mut options = options();
    options.masters = 1;
    let cluster = start(options).await;
    let described = |spoil: fn(&mut Description)| {
        let mut hello = hello();
        spoil(hello.description.as_mut().unwrap());
        hello
    };
    let with = |spoil: Spoil| {
        let mut hello = hello();
        spoil(&mut hello);
        hello
    };
    let hellos = [
        (
            with(|h| h.protocol = 2),
            "WRK004",
            "version 2, this master speaks 1",
        ),
        (
            with(|h| h.cluster_id = "a\u{1b}[2J".into()),
            "WRK001",
            r#"cluster "a\u{1b}[2J""#,
        ),
        (
            with(|h| h.session = "x".repeat(5_000)),
            "WRK004",
            "is not the name of a session (a UUID)",
        ),
        (
            with(|h| h.order_ttl_ms = 3_600_000),
            "WRK005",
            "order_ttl must be the masters' own",
        ),
        (
            with(|h| h.description = None),
            "WRK004",
            "description is missing",
        ),
        (
            described(|d| d.worker_id = "../../etc/passwd".into()),
            "WRK004",
            "is not a worker id such as",
        ),
        (
            described(|d| d.cores = 0),
            "WRK004",
            "cores: 0 is not a whole number from 1 to 65536",
        ),
        (
            described(|d| d.memory_mib = u64::MAX),
            "WRK004",
            "1 to 16777216 MiB (16 TiB)",
        ),
        (described(|d| d.port = 70_000), "WRK004", "port: 70000"),
        (
            described(|d| d.host = "h".repeat(HOST_BYTES_MAX + 1)),
            "WRK004",
            "of 1 to 253 bytes",
        ),
        (
            described(|d| {
                d.named = (0..=NAMED_RESOURCES_MAX)
                    .map(|n| (format!("r{n}"), Addresses::default()))
                    .collect();
            }),
            "WRK004",
            "at most 32 kinds of resources",
        ),
    ];
    for (hello, code, words) in hellos {
        let refusal = refusal_of(&cluster, vec![from_worker::Message::Hello(hello)]).await;
        let (found, said) = refusal.unwrap_or_else(|| panic!("it is refused: {words}"));
        assert_eq!(found, code, "{said}");
        assert!(said.contains(words), "{words:?} is not in {said:?}");
        assert!(said.len() < 400 && !said.contains('\u{1b}'), "{said:?}");
    }

    let report = |instances: Vec<Instance>, worker: &str| {
        let mut description = hello().description.unwrap();
        description.worker_id = worker.to_owned();
        from_worker::Message::Report(Report {
            description: Some(description),
            instances,
            ..Report::default()
        })
    };
    let own = "worker-20261121110000-host-7999";
    let after_hello = [
        (
            report(vec![Instance::default(); 10_001], own),
            "at most 10000 instances in one report",
        ),
        (
            report(vec![Instance::default()], own),
            "status: nothing is not accepted, running, ended",
        ),
        (
            report(vec![], "worker-20261121110000-other-1"),
            "a report of worker-20261121110000-other-1 on its stream",
        ),
        (from_worker::Message::Hello(hello()), "a second Hello"),
        (
            from_worker::Message::Report(Report::default()),
            "the description is missing",
        ),
    ];
    for (message, words) in after_hello {
        let says = vec![from_worker::Message::Hello(hello()), message];
        let (code, said) = refusal_of(&cluster, says).await.expect(words);
        assert_eq!(code, "WRK004");
        assert!(said.contains(words), "{words:?} is not in {said:?}");
    }
    let silent = refusal_of(
        &cluster,
        vec![from_worker::Message::Heartbeat(Heartbeat::default())],
    )
    .await;
    let (_, said) = silent.unwrap();
    assert!(
        said.contains("a session begins with Hello, within"),
        "{said}"
    );

    // The worker that is what it should be is not disturbed by any of it.
    let driver = cluster.submit(&cluster.driver_of("after", 1, "")).await;
    cluster.driver_in(&driver.id, "FINISHED").await;
    cluster.finish().await;
}

//! Ports that a launch asks for by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vesta_local::{wait_for, wait_until};
use vesta_types::DriverDescription;

use crate::support::{BOUND, Running, options, program, start, stderr, stdout};

/// A driver that says which ports it got, and becomes a program that listens on both: an agent without
/// masters.
fn binding(cluster: &Running, name: &str) -> DriverDescription {
    let said = cluster.dir().join(name);
    let (said, program) = (said.display(), program());
    let body = format!(
        "echo {{{{PORT:ui}}}} {{{{PORT:rpc}}}} $VESTA_PORT_RPC $VESTA_PORT_UI $OF_UI > {said}.part\n\
         mv {said}.part {said}\n\
         exec {} worker --master vesta://127.0.0.1:1 --dir {said}.dir --cores 1 --memory 64m \
         --listen 127.0.0.1:{{{{PORT:ui}}}} --metrics-listen 127.0.0.1:$VESTA_PORT_RPC",
        program.display()
    );
    let mut description = cluster.driver_of(name, 1, &body);
    description
        .launch
        .env
        .insert("OF_UI".to_owned(), "{{PORT:ui}}".to_owned());
    description
}

/// What a program said of its ports, once it had bound them.
async fn bound(path: &Path) -> Vec<String> {
    let look = wait_for("the ports to be bound", BOUND, async || {
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.split_whitespace().map(str::to_owned).collect())
    });
    let said: Vec<String> = look.await.unwrap();
    for port in &said[..2] {
        let listens = wait_until(format!("{port} to be bound"), BOUND, async || {
            let address = format!("127.0.0.1:{port}");
            tokio::net::TcpStream::connect(address).await.is_ok()
        });
        listens.await.unwrap();
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_on_one_worker_get_ports_of_their_own_and_wait_while_there_are_none() {
    let mut options = options();
    // Room for two drivers of two ports each; far from what systems hand out by themselves.
    options
        .worker_settings
        .insert("ports".to_owned(), "21710-21713".into());
    let cluster = start(options).await;
    let mut all = BTreeSet::new();
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        let driver = cluster.submit(&binding(&cluster, name)).await;
        let said = bound(&cluster.dir().join(name)).await;
        let [ui, rpc, env_rpc, env_ui, of_ui] = &said[..] else {
            panic!("{said:?}");
        };
        assert_eq!((env_rpc, env_ui, of_ui), (rpc, ui, ui));
        let now = cluster.driver(&driver.id).await;
        let ports: BTreeMap<_, _> = now.ports.clone().into_iter().collect();
        let expected = [("rpc", rpc), ("ui", ui)];
        assert_eq!(
            ports,
            expected
                .map(|(name, port)| (name.to_owned(), port.clone()))
                .into()
        );
        let status = stdout(&cluster.vesta(&["status", driver.id.as_str()]).await);
        assert!(status.contains(&format!("rpc={rpc} ui={ui}")), "{status}");
        all.extend([ui.clone(), rpc.clone()]);
        ids.push(driver.id);
    }
    assert_eq!(all.len(), 4, "each has one holder");

    let third = cluster.submit(&binding(&cluster, "c")).await;
    let waits = cluster.driver_that(&third.id, "waiting", |it| {
        it.waiting_because.contains("2 × port")
    });
    waits.await;
    cluster.vesta(&["kill", "--wait", ids[0].as_str()]).await;
    let said = bound(&cluster.dir().join("c")).await;
    assert!(all.contains(&said[0]), "{said:?}");

    let refused = cluster
        .vesta(&["submit", "--", "/bin/echo", "{{PORT:No}}"])
        .await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(stderr(&refused).contains("{{PORT:name}}"), "{refused:?}");
    let served = wait_until("no port to be free", BOUND, async || {
        let worker = cluster.workers_now().await.remove(0);
        worker
            .addresses_used
            .get("port")
            .is_some_and(|it| it.addresses.len() == 4)
    });
    served.await.unwrap();
    cluster.finish().await;
}

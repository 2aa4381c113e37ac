//! The endpoint directory, with drivers that publish through the command line and look each other up over
//! a fail-over.

use vesta_client::proto::ListEndpointsRequest;
use vesta_local::wait_until;

use crate::support::{self, BOUND, FOR_EVER, options, program, start, stderr, stdout, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_driver_publishes_is_found_through_any_master_over_a_fail_over_until_it_ends() {
    let mut cluster = start(options()).await;
    let gate = cluster.dir().join("gate");
    let vesta = program();
    let publish = format!("'{}' endpoint ui --publish", vesta.display());
    let body = format!(
        "{publish} 127.0.0.1:4040/$VESTA_ATTEMPT || exit 7\n{}",
        until(&gate)
    );
    // Somebody waits already when the driver is submitted.
    let url = cluster.master_url();
    let waiting =
        tokio::spawn(async move { support::vesta(&url, &["endpoint", "ui", "--wait"]).await });
    let driver = cluster.submit(&cluster.driver_of("serves", 1, &body)).await;
    let found = waiting.await.unwrap();
    assert_eq!(stdout(&found), "127.0.0.1:4040/1", "{}", stderr(&found));

    let (_, _) = cluster.kill_leader().await;
    let of = driver.id.to_string();
    let asked = cluster.vesta(&["endpoint", "ui", "--of", &of]).await;
    assert_eq!(stdout(&asked), "127.0.0.1:4040/1", "{}", stderr(&asked));
    // A second one of that name makes it unclear which is meant.
    let other = format!("{publish} 127.0.0.1:5050\n{FOR_EVER}");
    let other = cluster
        .submit(&cluster.driver_of("serves too", 1, &other))
        .await;
    let client = cluster.client();
    let both = wait_until("both to be found", BOUND, async || {
        let all = client.list_endpoints(ListEndpointsRequest::default()).await;
        all.is_ok_and(|all| all.total == 2)
    });
    both.await.unwrap();
    let unclear = cluster.vesta(&["endpoint", "ui"]).await;
    assert_eq!(unclear.status.code(), Some(1));
    assert!(
        stderr(&unclear).contains("2 have an endpoint ui: say with --of"),
        "{}",
        stderr(&unclear)
    );
    let listed = cluster.vesta(&["list", "endpoints", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    assert_eq!(listed["endpoints"][0]["state"], "RUNNING");
    assert_eq!(listed["endpoints"][0]["attempt"], 1);
    assert!(stdout(&cluster.vesta(&["list", "endpoints"]).await).contains("127.0.0.1:5050"));
    cluster
        .vesta(&["kill", &other.id.to_string(), "--wait"])
        .await;

    std::fs::write(&gate, "").unwrap();
    cluster.driver_in(&driver.id, "FINISHED").await;
    let gone = cluster.vesta(&["endpoint", "ui"]).await;
    assert_eq!(gone.status.code(), Some(1), "{}", stdout(&gone));
    assert!(
        stderr(&gone).contains("there is no endpoint ui now"),
        "{}",
        stderr(&gone)
    );
    cluster.finish().await;
}

/// Whoever speaks for an earlier run, or for one that was never made, is told so.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_attempt_that_is_still_alive_can_t_lead_clients_to_itself() {
    let cluster = start(options()).await;
    let vesta = program();
    let mut driver = cluster.driver_of("serves", 1, FOR_EVER);
    driver.supervise = true;
    let driver = cluster.submit(&driver).await;
    let now = cluster.running(&driver.id).await;
    let publish = async |instance: &str, restart: &str, address: &str| {
        let mut command = tokio::process::Command::new(&vesta);
        command
            .args(["endpoint", "rpc", "--publish", address])
            .env("VESTA_MASTER", cluster.master_url())
            .env("VESTA_INSTANCE_ID", instance)
            .env("VESTA_RESTART", restart);
        command.output().await.unwrap()
    };
    let first = publish(&now.instance_id, "1", "current:1").await;
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let other = now.instance_id.replacen(".1.", ".2.", 1);
    for (instance, restart) in [(&now.instance_id, "0"), (&other, "0")] {
        let late = publish(instance, restart, "old:1").await;
        assert_eq!(late.status.code(), Some(1), "{}", stderr(&late));
        assert!(stderr(&late).contains("current"), "{}", stderr(&late));
    }
    let found = cluster.vesta(&["endpoint", "rpc"]).await;
    assert_eq!(stdout(&found), "current:1");
    let outside = cluster
        .vesta(&["endpoint", "rpc", "--publish", "x:1"])
        .await;
    assert_eq!(outside.status.code(), Some(1));
    assert!(
        stderr(&outside).contains("VESTA_INSTANCE_ID is not set"),
        "{}",
        stderr(&outside)
    );
    cluster.vesta(&["kill", &driver.id.to_string()]).await;
    cluster
        .driver_that(&driver.id, "ended", |it| it.ended)
        .await;
    let gone = cluster.vesta(&["endpoint", "rpc"]).await;
    assert_eq!(gone.status.code(), Some(1), "{}", stdout(&gone));
    cluster.finish().await;
}

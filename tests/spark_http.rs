//! Spark's REST gateway and `/json`, as its clients and its users' scripts ask them.

use serde_json::{Value, json};
use vesta_client::new_key;
use vesta_local::{Options, SparkDoors, wait_for, wait_until};

use crate::http;
use crate::support::{BOUND, Running, options, start};

/// What nobody may see again.
const SECRET: &str = "hunter2";

async fn cluster() -> Running {
    let options = Options {
        spark: true,
        ..options()
    };
    start(options).await
}

fn doors(cluster: &Running, at: usize) -> SparkDoors {
    cluster.masters[at].spark().expect("it has doors")
}

/// The gateway's answer, once there is one.
async fn rest(cluster: &Running, at: usize, method: &str, action: &str, body: &str) -> Value {
    let address = doors(cluster, at).rest;
    let path = format!("/v1/submissions/{action}");
    let reply = wait_for("an answer", BOUND, async || {
        http::ask(address, method, &path, body).await
    });
    let reply = reply.await.unwrap();
    assert!(
        reply.content_type.starts_with("application/json"),
        "{reply:?}"
    );
    serde_json::from_str(&reply.body).unwrap()
}

/// A submission that no worker here can run, for none has a Spark home.
fn submission(key: Option<&str>) -> String {
    let mut properties =
        json!({"spark.app.name": "pi", "spark.driver.cores": "2", "spark.secret": SECRET});
    if let Some(key) = key {
        properties["spark.vesta.submissionKey"] = key.into();
    }
    json!({
        "action": "CreateSubmissionRequest",
        "clientSparkVersion": "4.0.1",
        "appResource": "file:/pi.jar",
        "mainClass": "org.example.Pi",
        "appArgs": [SECRET],
        "environmentVariables": {"SPARK_SECRET": SECRET},
        "sparkProperties": properties,
    })
    .to_string()
}

/// Submits it once every master has said that it speaks of Spark.
async fn submit(cluster: &Running, at: usize, body: &str) -> String {
    wait_for("it is accepted", BOUND, async || {
        let answer = rest(cluster, at, "POST", "create", body).await;
        Some(answer["submissionId"].as_str()?.to_owned())
    })
    .await
    .unwrap()
}

async fn state(cluster: &Running, at: usize, driver: &str) -> Value {
    let answer = rest(cluster, at, "GET", &format!("status/{driver}"), "").await;
    answer["driverState"].clone()
}

async fn shown(cluster: &Running, at: usize, page: &str) -> Value {
    let reply = http::ask(doors(cluster, at).ui, "GET", page, "").await;
    let reply = reply.unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.content_type.starts_with("text/json"), "{reply:?}");
    assert!(!reply.body.contains(SECRET), "{}", reply.body);
    serde_json::from_str(&reply.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_is_submitted_asked_for_and_killed_through_whichever_master() {
    let cluster = cluster().await;
    let leader = cluster.leader().await;
    let [one, other] = [(leader + 1) % 3, (leader + 2) % 3];
    let driver = submit(&cluster, one, &submission(None)).await;
    for at in 0..3 {
        assert_eq!(state(&cluster, at, &driver).await, "SUBMITTED");
    }
    let killed = rest(&cluster, other, "POST", &format!("kill/{driver}"), "").await;
    assert_eq!(killed["success"], true, "{killed}");
    for at in 0..3 {
        assert_eq!(state(&cluster, at, &driver).await, "KILLED");
    }
    let again = rest(&cluster, leader, "POST", &format!("kill/{driver}"), "").await;
    assert_eq!(again["success"], false);
    let said = again["message"].as_str().unwrap();
    assert!(
        said.ends_with("has already finished or does not exist"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_is_repeated_under_its_key_is_one_driver_after_a_fail_over_too() {
    let mut cluster = cluster().await;
    let leader = cluster.leader().await;
    let key = new_key().to_string();
    let body = submission(Some(&key));
    let first = submit(&cluster, leader, &body).await;
    assert_eq!(submit(&cluster, (leader + 1) % 3, &body).await, first);
    let (_, new) = cluster.kill_leader().await;
    assert_eq!(submit(&cluster, new, &body).await, first);
    let other = body.replace("org.example.Pi", "org.example.E");
    let refused = rest(&cluster, new, "POST", "create", &other).await;
    assert_eq!(refused["success"], false, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_master_alone_says_what_makes_spark_s_clients_try_the_next() {
    let mut cluster = cluster().await;
    let leader = cluster.leader().await;
    submit(&cluster, leader, &submission(None)).await;
    for at in [(leader + 1) % 3, (leader + 2) % 3] {
        cluster.masters[at].kill().unwrap();
    }
    let is_refused = async || {
        let answer = rest(&cluster, leader, "POST", "create", &submission(None)).await;
        let said = answer["message"].as_str().unwrap().to_owned();
        answer["success"] == false && said.starts_with("Current state is not alive")
    };
    wait_until("it says so", BOUND, is_refused).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn json_shows_workers_and_drivers_by_spark_s_names_and_no_secret() {
    let cluster = cluster().await;
    let leader = cluster.leader().await;
    let driver = submit(&cluster, leader, &submission(None)).await;
    let all = shown(&cluster, leader, "/json/").await;
    assert_eq!(all["status"], "ALIVE");
    assert_eq!(
        (&all["aliveworkers"], &all["cores"]),
        (&json!(1), &json!(4))
    );
    let worker = &all["workers"][0];
    assert_eq!(
        (&worker["state"], &worker["cores"]),
        (&json!("ALIVE"), &json!(4))
    );
    let shown_driver = &all["activedrivers"][0];
    assert_eq!(shown_driver["id"], driver.as_str());
    assert_eq!(shown_driver["state"], "SUBMITTED");
    assert_eq!(shown_driver["mainclass"], "org.example.Pi");
    for standby in [(leader + 1) % 3, (leader + 2) % 3] {
        let status = shown(&cluster, standby, "/json/status").await;
        assert_eq!(status, json!({"status": "STANDBY"}));
    }
    let ready = async |at: usize| {
        let reply = http::ask(
            doors(&cluster, at).rest,
            "GET",
            "/v1/submissions/readyz",
            "",
        )
        .await;
        reply.unwrap().status
    };
    assert_eq!(ready(leader).await, 200);
    assert_eq!(ready((leader + 1) % 3).await, 503);
}

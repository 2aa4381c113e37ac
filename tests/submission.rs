//! One key, one answer: through whichever master, however often, whatever is lost on the way.

use futures::future::join_all;
use vesta_client::application_proto::application_client::ApplicationClient as Stub;
use vesta_client::application_proto::{RegisterRequest, UnregisterRequest};
use vesta_client::new_key;
use vesta_client::proto::{FindKeyRequest, ListRequest};
use vesta_local::wait_for;
use vesta_proto::application_convert;
use vesta_types::{ApplicationDescription, ProfileRequest, ResourceProfile};

use crate::support::{self, BOUND, FOR_EVER, Running, options, start};

/// D14. The leader commits, and its answer never arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_submission_whose_answer_is_lost_becomes_one_driver() {
    let mut cluster = support::prepare(options()).await;
    for master in &mut cluster.masters {
        master.set_env("FAILPOINTS", "master.drop_answer=1*return");
    }
    cluster.start_all().await;
    let key = new_key();
    let ledger = format!("VESTA_LEDGER={}", cluster.ledger().display());
    let told = format!("VESTA_LEDGER_KEY={key}");
    let (key_text, launch) = (key.to_string(), cluster.launch(""));
    let submit = [
        "submit", "--env", &ledger, "--env", &told, "--key", &key_text,
    ];
    let program = ["--", "/bin/sh", "-c", &launch.args[1]];

    let first = cluster.vesta(&[&submit[..], &program[..]].concat()).await;
    assert_eq!(first.status.code(), Some(0), "{}", support::stderr(&first));
    let id = support::stdout(&first);
    let said = support::stderr(&first);
    assert!(
        said.contains("this key was used before"),
        "the first answer was lost: {said}"
    );
    let driver = cluster.driver_in(&id.parse().unwrap(), "FINISHED").await;
    assert_eq!(driver.attempt, 1);

    // Again, through one master after another: the same answer. Another body: refused.
    for at in 0..3 {
        let url = cluster.url_of(at);
        let again = support::vesta(&url, &[&submit[..], &program[..]].concat()).await;
        assert_eq!(
            (again.status.code(), support::stdout(&again)),
            (Some(0), id.clone())
        );
        let other = [&submit[..], &["--driver-cores", "2"], &program[..]].concat();
        let other = support::vesta(&url, &other).await;
        assert_eq!(other.status.code(), Some(1), "{}", support::stderr(&other));
        assert_eq!(support::stdout(&other), "");
    }
    let every = ListRequest {
        ended: true,
        consistent: true,
        limit: 0,
        ..ListRequest::default()
    };
    assert_eq!(
        cluster
            .client()
            .list_drivers(every)
            .await
            .unwrap()
            .drivers
            .len(),
        1
    );
    assert_eq!(cluster.started().len(), 1);
    cluster.finish().await;
}

/// D14 over a fail-over: the leader dies with its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_submission_whose_answer_dies_with_the_leader_becomes_one_driver() {
    let mut cluster = support::prepare(options()).await;
    for master in &mut cluster.masters {
        master.set_env("FAILPOINTS", "master.drop_answer=return");
    }
    cluster.start_all().await;
    let leader = cluster.leader().await;
    for at in (0..3).filter(|at| *at != leader) {
        cluster.masters[at].kill().unwrap();
        cluster.masters[at].remove_env("FAILPOINTS");
        cluster.restart_master(at).await;
    }
    let (key, client) = (new_key(), cluster.client());
    let driver = support::with_key(&cluster.driver_of("once", 1, ""), key);
    let submitting = tokio::spawn(async move { client.submit_driver(key, &driver).await });
    // Committed, and nobody has been told.
    let client = cluster.client();
    let committed = wait_for("the submission to be committed", BOUND, async || {
        let request = FindKeyRequest {
            key: key.to_string(),
            consistent: true,
        };
        client
            .find_key(request)
            .await
            .ok()
            .filter(|reply| reply.found)
    });
    let id = committed.await.unwrap().id;
    cluster.kill_leader().await;
    let reply = submitting.await.unwrap().unwrap();
    assert_eq!(
        (reply.driver_id.as_str(), reply.duplicate),
        (id.as_str(), true)
    );
    cluster.driver_in(&id.parse().unwrap(), "FINISHED").await;
    assert_eq!(cluster.started().len(), 1);
    cluster.finish().await;
}

/// D13. In Spark a repeated registration makes a ghost that stays in the store.
#[tokio::test(flavor = "multi_thread")]
async fn one_registration_ten_times_through_three_masters_is_one_application() {
    let mut cluster = start(options()).await;
    let request = registration(&cluster);
    let mut ids = Vec::new();
    // At once, then over a fail-over, then through a master that was away.
    ids.extend(join_all((0..6).map(|round| register(&cluster, round % 3, &request))).await);
    let (killed, next) = cluster.kill_leader().await;
    ids.push(register(&cluster, next, &request).await);
    cluster.restart_master(killed).await;
    ids.extend(join_all((0..3).map(|at| register(&cluster, at, &request))).await);
    assert_eq!(ids.len(), 10);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");

    let client = cluster.client();
    let live = ListRequest {
        consistent: true,
        ..ListRequest::default()
    };
    let apps = client.list_applications(live).await.unwrap().applications;
    assert_eq!(
        apps.iter().map(|app| &app.id).collect::<Vec<_>>(),
        [&ids[0]]
    );
    let number = |id: &str| id.rsplit('-').next().unwrap().to_owned();
    assert_eq!(number(&ids[0]), "0000", "no other number was given out");

    let over = UnregisterRequest {
        key: new_key().to_string(),
        app_id: ids[0].clone(),
        ..UnregisterRequest::default()
    };
    stub(&cluster, next).await.unregister(over).await.unwrap();
    assert_eq!(
        client.list_applications(live).await.unwrap().applications,
        []
    );
    let next_id = register(&cluster, next, &registration(&cluster)).await;
    assert_eq!(number(&next_id), "0001");
    cluster.finish().await;
}

/// A registration under a new key.
fn registration(cluster: &Running) -> RegisterRequest {
    let profile = ResourceProfile {
        id: 0,
        cores: Some(1),
        memory_mib: 64,
        named: Default::default(),
    };
    let description = ApplicationDescription {
        name: "again and again".to_owned(),
        launch: cluster.launch(FOR_EVER),
        max_cores: None,
        profiles: [(
            0,
            ProfileRequest {
                profile,
                target: Some(1),
            },
        )]
        .into(),
        max_executor_retries: 10,
        run_to_completion: false,
        owner: None,
        ui_url: String::new(),
        payload: Vec::new(),
        spark: None,
    };
    application_convert::registration(new_key(), description)
}

/// Registers through the master at `at`; returns the application's id.
async fn register(cluster: &Running, at: usize, request: &RegisterRequest) -> String {
    let what = format!("master {at} to register it");
    let registered = wait_for(what, BOUND, async || {
        let reply = stub(cluster, at).await.register(request.clone()).await;
        reply.ok().map(|reply| reply.into_inner().app_id)
    });
    registered.await.unwrap()
}

async fn stub(cluster: &Running, at: usize) -> Stub<tonic::transport::Channel> {
    let address = format!("http://{}", cluster.masters[at].address());
    Stub::connect(address).await.unwrap()
}

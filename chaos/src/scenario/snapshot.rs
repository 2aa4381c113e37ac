//! A leader that has its state from a snapshot.

use std::collections::BTreeSet;

use vesta_client::proto::{self, ListRequest};
use vesta_client::{ClientError, Refusal, new_key};
use vesta_local::wait_until;

use super::Finding;
use super::books::Books;
use super::finding::must;
use super::stage::{BOUND, FOR_EVER, Setting, Stage, with_key};

/// Entries between two snapshots.
const EVERY: u64 = 50;

/// A follower is away until what it lacks is in no log any more. It gets a snapshot, and is made the leader:
/// numbers go on where they were, every key has its answer, and what is in use is what runs.
pub async fn leader_by_snapshot(setting: Setting) -> Result<(), Finding> {
    let mut options = setting.options();
    options.cores = 8;
    let every = i64::try_from(EVERY).expect("a small number");
    options
        .master_settings
        .insert("snapshot_every".to_owned(), every.into());
    let mut stage = Stage::start(options).await?;
    let (app, _events) = stage.app_of("stays", 3, FOR_EVER).register().await?;
    let app_id = app.app_id().to_string();
    let live = |it: &proto::Application| -> BTreeSet<u32> {
        let live = it.executors.iter().filter(|it| !it.ended && it.pid != 0);
        live.map(|it| it.number).collect()
    };
    stage
        .application_that(&app_id, "running three executors", |it| live(it).len() == 3)
        .await?;

    let leader = stage.leader().await?;
    let away = (leader + 1) % 3;
    stage.masters[away].kill()?;
    // An executor's number that is free again, and must never be given again.
    app.kill_executors(vec![2]).await?;
    let replaced = |it: &proto::Application| live(it) == BTreeSet::from([0, 1, 3]);
    stage
        .application_that(&app_id, "running executors 0, 1 and 3", replaced)
        .await?;
    let mut keys = Vec::new();
    let missing = stage.masters[away].number() as u64;
    let behind = |reply: &proto::ListMastersReply, more: u64| {
        let others = reply.masters.iter().filter(|it| it.node_id != missing);
        others.map(|it| it.purged_index).min().unwrap_or(0) > more
    };
    let has = last_index(&stage, leader).await?;
    loop {
        let (key, driver) = (new_key(), stage.driver_of("keyed", false, ""));
        let id = stage.submit_as(key, &driver).await?;
        stage.driver_in(&id, "FINISHED").await?;
        keys.push((key, driver, id));
        let masters = stage.client().list_masters(ListRequest::default()).await?;
        if behind(&masters, has) {
            break;
        }
        must!(keys.len() < 500, "nothing is purged: {masters:?}");
    }
    let before = Books::of(&stage).await?;

    stage.restart_master(away).await?;
    let masters = stage
        .client()
        .list_masters(ListRequest::default())
        .await?
        .masters;
    let own = masters.iter().find(|it| it.node_id == missing);
    must!(
        own.is_some_and(|it| it.snapshot_index > has),
        "it was to come back by a snapshot, beyond {has}: {own:?}"
    );
    let client = stage.client();
    let moved = wait_until("leadership to be handed to it", BOUND, async || {
        client
            .transfer_leadership(Some(missing))
            .await
            .is_ok_and(|id| id == missing)
    });
    moved.await?;
    must!(stage.leader().await? == away, "another master leads");
    let after = Books::of(&stage).await?;
    must!(
        after == before,
        "the books are {after:?}, and were {before:?}"
    );
    for (key, driver, id) in &keys {
        let again = client.submit_driver(*key, &with_key(driver, *key)).await?;
        must!(
            again.duplicate && again.driver_id == id.to_string(),
            "key {key} had the answer {id}, and now has {again:?}"
        );
        let mut other = with_key(driver, *key);
        other.cores = 2;
        let refused = client.submit_driver(*key, &other).await;
        must!(
            matches!(
                &refused,
                Err(ClientError::Refused {
                    reason: Refusal::Conflict,
                    ..
                })
            ),
            "key {key} with another body: {refused:?}"
        );
    }
    let next = stage.submit(&stage.driver_of("next", false, "")).await?;
    let highest = keys.iter().filter_map(|(.., id)| id.number()).max();
    must!(
        next.number() > highest,
        "{next} is no new number after {highest:?}"
    );
    app.kill_executors(vec![3]).await?;
    let replaced = |it: &proto::Application| live(it) == BTreeSet::from([0, 1, 4]);
    stage
        .application_that(&app_id, "running executors 0, 1 and 4", replaced)
        .await?;
    stage.driver_in(&next, "FINISHED").await?;
    let begun = stage
        .started()?
        .iter()
        .filter(|it| it.key.is_some())
        .count();
    must!(
        begun == keys.len() + 1,
        "{begun} drivers ran of {}",
        keys.len() + 1
    );
    // One that stops over what it lacks leaves the others to answer rightly.
    must!(
        stage.masters[away].is_running() && stage.leader().await? == away,
        "the master that came by a snapshot leads no more"
    );
    app.unregister(false, "done").await?;
    stage.end().await
}

/// How long the log of the master at `at` is.
async fn last_index(stage: &Stage, at: usize) -> Result<u64, Finding> {
    let number = stage.masters[at].number() as u64;
    let masters = stage
        .client()
        .list_masters(ListRequest::default())
        .await?
        .masters;
    let own = masters.iter().find(|it| it.node_id == number);
    let own = own.ok_or_else(|| Finding::Broken(format!("node {number} is no member")))?;
    Ok(own.last_log_index)
}

//! How applications begin and end.

use vesta_types::{ApplicationState, ExecutorState, ProfileRequest, ResourceProfile};

use super::support::*;
use crate::command::Request;
use crate::orders::for_worker;
use crate::reply::{Answer, RejectCode};

#[test]
fn an_ended_application_s_executors_stay_booked_until_their_worker_says_that_they_ended() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let executor = cluster.running_executor(&app, 0);
    let request = Request::UnregisterApplication {
        app: app.clone(),
        failed: false,
        message: "done".into(),
    };
    cluster.ask(request).unwrap();
    assert_eq!(cluster.app(&app).state, ApplicationState::Finished);
    assert_eq!(cluster.worker(0).booked.cores, 1);
    assert!(
        cluster.state.ended_applications.is_empty(),
        "it still holds something"
    );
    assert_eq!(
        for_worker(&cluster.state, &worker_id(0)).stop,
        std::slice::from_ref(&executor)
    );
    cluster.report(0, &[killed(&executor)]);
    assert_eq!(cluster.executor(&app, 0).state, ExecutorState::Killed);
    assert_eq!(cluster.worker(0).booked.cores, 0);
    assert_eq!(cluster.state.ended_applications, [app]);
}

#[test]
fn an_ended_application_whose_worker_is_lost_is_free_at_once() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.running_executor(&app, 0);
    cluster.expire(&app).unwrap();
    cluster.lose(0);
    assert!(cluster.app(&app).executors.is_empty());
    assert_eq!(cluster.state.ended_applications, [app]);
}

#[test]
fn an_end_is_the_first_one_however_many_follow() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    let unregister = |failed, message: &str| Request::UnregisterApplication {
        app: app.clone(),
        failed,
        message: message.to_owned(),
    };
    cluster.ask(unregister(true, "out of luck")).unwrap();
    cluster.wait(1);
    assert_eq!(cluster.ask(unregister(false, "all well")), Ok(Answer::Done));
    cluster.expire(&app).unwrap();
    match cluster.ask(Request::KillApplication { app: app.clone() }) {
        Ok(Answer::Killed { state, .. }) => assert_eq!(state, "FAILED"),
        other => panic!("{other:?}"),
    }
    let ended = cluster.app(&app);
    assert_eq!(
        (ended.state, &*ended.message),
        (ApplicationState::Failed, "out of luck")
    );
    assert_eq!(ended.ended, Some(START));
    assert_eq!(cluster.state.ended_applications.len(), 1);
}

#[test]
fn a_killed_application_is_over_at_once() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.running_executor(&app, 0);
    match cluster.ask(Request::KillApplication { app: app.clone() }) {
        Ok(Answer::Killed { state, .. }) => assert_eq!(state, "KILLED"),
        other => panic!("{other:?}"),
    }
    let placement = cluster.executor_placement(&app, 0);
    assert_eq!(cluster.place(vec![placement]), (0, 1));
}

#[test]
fn an_application_whose_lease_is_over_is_finished() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.expire(&app).unwrap();
    assert_eq!(cluster.app(&app).state, ApplicationState::Finished);
    assert_eq!(cluster.app(&app).message, "its lease was over");
}

#[test]
fn an_ended_or_unknown_application_can_not_be_confirmed_or_changed() {
    let mut cluster = Cluster::with_workers(1);
    let app = cluster.register();
    cluster.expire(&app).unwrap();
    let target = |app: &vesta_types::AppId| Request::SetExecutorTarget {
        app: app.clone(),
        profile: 0,
        target: 1,
    };
    assert_rejected(cluster.confirm(&app), RejectCode::State);
    assert_rejected(cluster.ask(target(&app)), RejectCode::State);
    let unknown = vesta_types::AppId::mint(START, 99);
    assert_rejected(cluster.confirm(&unknown), RejectCode::NotFound);
    for request in [
        target(&unknown),
        Request::KillApplication {
            app: unknown.clone(),
        },
        Request::KillExecutors {
            app: unknown.clone(),
            executors: vec![],
        },
        Request::UnregisterApplication {
            app: unknown,
            failed: false,
            message: String::new(),
        },
    ] {
        assert_rejected(cluster.ask(request), RejectCode::NotFound);
    }
}

#[test]
fn a_target_names_a_profile_that_exists_and_a_number_within_the_limit() {
    let mut cluster = Cluster::new();
    let app = cluster.register();
    let mut set = |profile, target| {
        cluster.ask(Request::SetExecutorTarget {
            app: app.clone(),
            profile,
            target,
        })
    };
    assert_rejected(set(3, 1), RejectCode::Invalid);
    assert_rejected(set(0, u32::MAX), RejectCode::Invalid);
    assert_eq!(set(0, 5), Ok(Answer::Done));
    assert_eq!(cluster.app(&app).description.profiles[&0].target, Some(5));
}

#[test]
fn a_description_that_makes_no_sense_is_refused() {
    let mut cluster = Cluster::new();
    let wanted = |id, cores, memory_mib, target| {
        let profile = ResourceProfile {
            id,
            cores,
            memory_mib,
            named: Default::default(),
        };
        ProfileRequest { profile, target }
    };
    let mut bad = vec![application(None); 8];
    bad[0].profiles.clear();
    bad[1].max_cores = Some(0);
    bad[2].max_executor_retries = -2;
    bad[3].profiles.insert(0, wanted(7, Some(1), 256, None));
    bad[4].profiles.insert(0, wanted(0, Some(0), 256, None));
    bad[5].profiles.insert(0, wanted(0, Some(1), 0, None));
    bad[6]
        .profiles
        .insert(0, wanted(0, Some(1), 256, Some(u32::MAX)));
    for n in 0..40 {
        bad[7].profiles.insert(n, wanted(n, Some(1), 256, None));
    }
    for (n, description) in bad.into_iter().enumerate() {
        let reply = cluster.ask(Request::RegisterApplication { description });
        assert!(reply.is_err(), "description {n}");
        assert_rejected(reply, RejectCode::Invalid);
    }
    assert!(cluster.state.applications.is_empty());
}

#[test]
fn a_new_application_is_confirmed_because_its_client_is_there() {
    let mut cluster = Cluster::with_workers(1);
    cluster.lead();
    let app = cluster.register();
    cluster.attach(0, 0, &[]);
    cluster.place_executor(&app, 0);
    assert_eq!(
        cluster.app(&app).description.payload,
        [1, 2, 3],
        "kept unchanged"
    );
}

#[test]
fn a_long_word_of_a_client_is_cut() {
    let mut cluster = Cluster::new();
    let app = cluster.register();
    let message = "ü".repeat(5_000);
    let request = Request::UnregisterApplication {
        app: app.clone(),
        failed: true,
        message,
    };
    cluster.ask(request).unwrap();
    assert!(cluster.app(&app).message.len() <= 1_024);
}

#[test]
fn a_profile_is_added_once_and_never_changes() {
    let mut cluster = Cluster::with_workers(1);
    let mut description = application(None);
    description.max_cores = Some(4);
    let app = cluster.register_as(description);
    let add = |id, cores, target| Request::AddProfile {
        app: app.clone(),
        wanted: ProfileRequest {
            profile: ResourceProfile {
                id,
                cores: Some(cores),
                memory_mib: 64,
                named: Default::default(),
            },
            target,
        },
    };
    assert_eq!(cluster.ask(add(1, 2, Some(3))), Ok(Answer::Done));
    assert_eq!(cluster.ask(add(1, 2, Some(1))), Ok(Answer::Done));
    let known = &cluster.app(&app).description.profiles[&1];
    assert_eq!(known.target, Some(1), "the same again sets its target");
    for (id, cores) in [(1, 1), (0, 2), (2, 5), (2, 0)] {
        assert_rejected(cluster.ask(add(id, cores, None)), RejectCode::Invalid);
    }
    assert_eq!(cluster.app(&app).description.profiles.len(), 2);
    for id in 2..32 {
        cluster.ask(add(id, 1, Some(0))).unwrap();
    }
    assert_rejected(cluster.ask(add(32, 1, None)), RejectCode::Invalid);
    cluster.expire(&app).unwrap();
    assert_rejected(cluster.ask(add(1, 2, None)), RejectCode::State);
}

//! Workers with homes of Spark, before and after every master speaks of these.

use vesta_core::version::SPARK;
use vesta_types::{SparkRelease, WorkerDescription};

use super::*;

fn with_home() -> WorkerDescription {
    let release = SparkRelease::of_version("4.0.1").unwrap();
    WorkerDescription {
        spark_homes: BTreeMap::from([("4.0.1".to_owned(), release)]),
        ..worker("w1")
    }
}

impl Play {
    fn answer(&mut self, session: SessionId) {
        let report = WorkerReport {
            epoch: self.state.epoch,
            description: with_home(),
            reports: Vec::new(),
            stale_orders: 0,
            leaving: false,
        };
        self.take(Input::WorkerReport(session, report));
        self.act();
    }

    fn asked(&mut self) -> bool {
        let said = std::mem::take(&mut self.said).into_iter();
        let asks = |message| matches!(message, to_worker::Message::MasterChanged(_));
        said.map(|(_, message)| message).any(asks)
    }
}

#[test]
fn a_worker_with_homes_serves_without_them_and_is_asked_again_once_all_masters_speak_of_them() {
    let mut play = Play::new();
    let session: SessionId = 1;
    play.take(Input::WorkerOpened(session, with_home()));
    play.answer(session);
    let homes = |play: &Play| {
        play.state.workers[&with_home().id]
            .description
            .spark_homes
            .len()
    };
    assert_eq!((play.state.workers.len(), homes(&play)), (1, 0));
    play.said.clear();
    play.pass_with(10, &[session]);
    assert!(!play.asked(), "there is nothing that it could say");
    let epoch = play.state.epoch;
    play.commit(Command::RaiseVersion {
        epoch,
        version: SPARK,
    })
    .unwrap();
    play.pass_with(10, &[session]);
    assert!(play.asked());
    play.answer(session);
    assert_eq!(homes(&play), 1);
    play.pass_with(10, &[session]);
    play.said.clear();
    play.pass_with(10, &[session]);
    assert!(!play.asked(), "it has answered");
}

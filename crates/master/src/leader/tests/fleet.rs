//! A hundred workers: elections, one that is gone for good, and the brake on losing many at once.

use std::ops::Range;

use vesta_types::WorkerId;

use super::*;

const FLEET: usize = 100;

/// `w000`, `w001`, ….
fn name(number: usize) -> String {
    format!("w{number:03}")
}

fn id(number: usize) -> WorkerId {
    worker(&name(number)).id
}

/// The session of a worker in the leadership of this term.
fn session(term: u64, number: usize) -> SessionId {
    term * 10_000 + number as u64
}

fn sessions(term: u64, workers: Range<usize>) -> Vec<SessionId> {
    workers.map(|number| session(term, number)).collect()
}

/// As [`Play::pass_with`], in longer steps: a fleet is much to look at.
fn pass(play: &mut Play, seconds: u64, beating: &[SessionId]) {
    for _ in 0..seconds {
        for session in beating {
            play.take(Input::WorkerHeartbeat(*session, play.ms + 1));
        }
        play.ms += 1_000;
        play.act();
    }
}

/// This many workers, registered with the leader of term 1.
fn fleet_of(workers: usize) -> Play {
    let mut play = Play::new();
    for number in 0..workers {
        let (session, description) = (session(1, number), worker(&name(number)));
        play.take(Input::WorkerOpened(session, description.clone()));
        let report = WorkerReport {
            epoch: play.state.epoch,
            description,
            reports: Vec::new(),
            stale_orders: 0,
            leaving: false,
        };
        play.take(Input::WorkerReport(session, report));
    }
    play.act();
    assert_eq!(play.state.workers.len(), workers);
    play
}

/// An application of two executors for each worker and fifty drivers, half of them supervised; all run.
fn busy_fleet() -> (Play, AppId) {
    let mut play = fleet_of(FLEET);
    let app = play.register_with(Some(200), Vec::new());
    for number in 0..50 {
        play.submit_with(number % 2 == 0, None);
    }
    play.act();
    for number in 0..FLEET {
        let has = has(&play, number);
        assert!(has.len() >= 2, "{has:?}");
        play.report(session(1, number), &name(number), has);
    }
    (play, app)
}

/// What a worker runs that was ordered all that is placed on it.
fn has(play: &Play, number: usize) -> Vec<InstanceReport> {
    let placed = play.state.placed_on(&id(number));
    let pids = 1_000 * (number as u32 + 1)..;
    let running = |((instance, _), pid)| InstanceReport {
        instance,
        status: InstanceStatus::Running {
            pid,
            since: Timestamp(START),
        },
        restart: 0,
    };
    placed.into_iter().zip(pids).map(running).collect()
}

/// A worker that came through to the leader of this term says what it has.
fn return_with(play: &mut Play, term: u64, number: usize, has: Vec<InstanceReport>) {
    let session = session(term, number);
    play.take(Input::WorkerOpened(session, worker(&name(number))));
    play.report(session, &name(number), has);
}

fn dead(play: &Play) -> Vec<&str> {
    let workers = play.state.workers.values();
    let dead = workers.filter(|worker| !worker.is_alive());
    dead.map(|worker| worker.description.host.as_str())
        .collect()
}

fn names(workers: Range<usize>) -> Vec<String> {
    workers.map(name).collect()
}

/// All that runs, where, and as which process: what a fail-over must not change.
fn work(state: &ClusterState) -> Vec<String> {
    let executors = state
        .applications
        .values()
        .flat_map(|app| app.executors.values().map(move |it| (&app.id, it)));
    let executors = executors.map(|(app, it)| {
        format!(
            "{app}/{} {:?} on {} as {:?}",
            it.number, it.state, it.worker, it.pid
        )
    });
    let drivers = state.drivers.values().map(|it| {
        let placement = it.placement.as_ref();
        let place = placement.map(|placement| (&placement.worker, placement.pid));
        format!("{} {:?} attempt {} {place:?}", it.id, it.state, it.attempt)
    });
    executors.chain(drivers).collect()
}

/// Everything that workers were told to stop.
fn stops(play: &mut Play) -> Vec<String> {
    let orders = play.orders().into_iter();
    orders.flat_map(|(_, orders)| orders.stop).collect()
}

/// D4 and D10. Nobody led for an hour; the first leader after it died young; the second one waits for
/// its own time to be over before it judges anybody.
#[test]
fn a_fleet_that_nobody_heard_for_an_hour_and_two_elections_loses_nothing() {
    let (mut play, app) = busy_fleet();
    let before = work(&play.state);
    play.ms += 3_600_000;
    play.fail_over(2);
    // Half of them came through to the first, who did not live to judge anybody.
    for number in 0..FLEET / 2 {
        let has = has(&play, number);
        return_with(&mut play, 2, number, has);
    }
    pass(&mut play, 40, &sessions(2, 0..FLEET / 2));
    play.ms += 40_000;
    play.fail_over(3);
    play.said.clear();
    // 59 s after its beginning, and 139 s after the first election, it has heard of none of them.
    pass(&mut play, 59, &[]);
    assert_eq!(dead(&play), [""; 0], "spur #624");
    assert!(
        play.proposed
            .iter()
            .all(|it| !matches!(it, Command::LoseWorkers { .. }))
    );
    play.take(Input::AppOpened(1, app));
    play.take(Input::AppAcknowledged(1, Epoch(3)));
    for number in 0..FLEET {
        let has = has(&play, number);
        return_with(&mut play, 3, number, has);
    }
    assert!(play.state.recovered);
    pass(&mut play, 120, &sessions(3, 0..FLEET));
    assert_eq!(dead(&play), [""; 0]);
    assert_eq!(work(&play.state), before);
    assert_eq!(stops(&mut play), [""; 0]);
}

/// D36. Spark waits with everything until its recovery is over, which one worker that is gone for good
/// delays to its end.
#[test]
fn while_one_of_a_hundred_is_gone_for_good_the_others_get_work_before_recovery_ends() {
    let (mut play, app) = busy_fleet();
    play.fail_over(2);
    play.take(Input::AppOpened(1, app));
    play.take(Input::AppAcknowledged(1, Epoch(2)));
    for number in 1..FLEET {
        let has = has(&play, number);
        return_with(&mut play, 2, number, has);
    }
    play.orders();
    let gone = has(&play, 0).len();
    let begun = play.ms;
    for _ in 0..99 {
        play.submit();
    }
    play.act();
    let waiting = play.state.driver_queue.len();
    assert_eq!((waiting, play.ms - begun), (0, 0), "placed at once");
    let ordered = play.orders();
    let run: usize = ordered.iter().map(|(_, orders)| orders.run.len()).sum();
    assert_eq!(run, 99);
    assert!(!play.state.recovered);
    assert_eq!(
        play.state.placed_on(&id(0)).len(),
        gone,
        "what it holds stays booked, and nothing new is placed on it"
    );
    pass(&mut play, 61, &sessions(2, 1..FLEET));
    assert!(play.state.recovered);
    assert_eq!(dead(&play), ["w000"], "and it alone was given up");
}

/// D40. It comes back a second before the verdict, on a new connection, and keeps all that it has.
#[test]
fn a_worker_that_returns_before_the_verdict_keeps_everything() {
    let (mut play, app) = busy_fleet();
    let before = work(&play.state);
    let has = has(&play, 7);
    play.take(Input::AppOpened(1, app));
    play.take(Input::WorkerClosed(session(1, 7)));
    let mut others = sessions(1, 0..FLEET);
    others.remove(7);
    pass(&mut play, 59, &others);
    play.orders();
    return_with(&mut play, 2, 7, has);
    others.push(session(2, 7));
    pass(&mut play, 120, &others);
    assert_eq!(dead(&play), [""; 0]);
    assert_eq!(work(&play.state), before);
    assert_eq!(stops(&mut play), [""; 0]);
}

/// D40, a moment too late: what was lost with it was replaced, so it is told to stop that, and that only.
#[test]
fn a_worker_that_returns_after_the_verdict_is_told_to_stop_what_was_lost_with_it() {
    let (mut play, app) = busy_fleet();
    let has = has(&play, 7);
    play.take(Input::AppOpened(1, app.clone()));
    let mut others = sessions(1, 0..FLEET);
    others.remove(7);
    pass(&mut play, 62, &others);
    assert_eq!(dead(&play), ["w007"]);
    let executors = &play.state.applications[&app].executors;
    assert_eq!(executors.len(), 200, "replaced elsewhere");
    assert!(executors.values().all(|executor| executor.worker != id(7)));
    play.orders();
    let lost: BTreeSet<String> = has.iter().map(|it| it.instance.to_string()).collect();
    return_with(&mut play, 2, 7, has);
    let stopped: BTreeSet<String> = stops(&mut play).into_iter().collect();
    assert_eq!(stopped, lost);
    assert_eq!(dead(&play), [""; 0], "it may have new work");
}

/// Passes so many seconds in which the first workers of a fleet are silent and the others are not.
fn pass_without(play: &mut Play, seconds: u64, silent: usize, workers: usize) {
    pass(play, seconds, &sessions(1, silent..workers));
}

/// The brake is for *over* 20 % and *at least* 5: at these edges it holds nothing back.
#[test]
fn a_fifth_of_the_workers_or_four_of_them_are_lost_after_one_timeout() {
    for (silent, workers) in [(20, 100), (5, 25), (4, 5), (4, 4)] {
        let mut play = fleet_of(workers);
        pass_without(&mut play, 59, silent, workers);
        assert_eq!(dead(&play), [""; 0], "{silent} of {workers}");
        pass_without(&mut play, 3, silent, workers);
        assert_eq!(dead(&play), names(0..silent), "{silent} of {workers}");
    }
}

/// And one worker more is too many: one further timeout.
#[test]
fn more_than_a_fifth_of_the_workers_and_at_least_five_are_lost_after_two_timeouts() {
    for (silent, workers) in [(21, 100), (5, 24), (5, 5)] {
        let mut play = fleet_of(workers);
        pass_without(&mut play, 119, silent, workers);
        assert_eq!(dead(&play), [""; 0], "{silent} of {workers}");
        pass_without(&mut play, 4, silent, workers);
        assert_eq!(dead(&play), names(0..silent), "{silent} of {workers}");
    }
}

/// One comes back while the brake holds: what is left is a fifth, no sign of a fault of the masters.
#[test]
fn those_that_stay_away_are_lost_as_soon_as_they_are_few() {
    let mut play = fleet_of(FLEET);
    pass_without(&mut play, 80, 21, FLEET);
    assert_eq!(dead(&play), [""; 0]);
    play.take(Input::WorkerHeartbeat(session(1, 20), play.ms));
    pass_without(&mut play, 1, 20, FLEET);
    assert_eq!(dead(&play), names(0..20));
}

/// All come back while the brake holds, and later as many go again: that is judged anew, with a whole
/// further timeout.
#[test]
fn a_brake_that_was_released_is_put_on_anew() {
    let mut play = fleet_of(FLEET);
    pass_without(&mut play, 80, 30, FLEET);
    pass_without(&mut play, 60, 0, FLEET);
    assert_eq!(dead(&play), [""; 0]);
    pass_without(&mut play, 118, 30, FLEET);
    assert_eq!(dead(&play), [""; 0]);
    pass_without(&mut play, 5, 30, FLEET);
    assert_eq!(dead(&play), names(0..30));
}

/// The next to fall silent have a further timeout of their own, though those before them had theirs. And
/// the DEAD are no part of the fleet: of 30 that are left, 7 are too many.
#[test]
fn those_that_fall_silent_after_a_verdict_over_many_are_judged_anew() {
    let mut play = fleet_of(FLEET);
    pass_without(&mut play, 130, 70, FLEET);
    assert_eq!(dead(&play).len(), 70);
    pass_without(&mut play, 119, 77, FLEET);
    assert_eq!(dead(&play).len(), 70);
    pass_without(&mut play, 4, 77, FLEET);
    assert_eq!(dead(&play).len(), 77);
}

/// One verdict names a thousand workers at most; those that are left over don't wait for another timeout.
#[test]
fn a_fleet_larger_than_one_verdict_is_lost_as_a_whole() {
    let mut play = fleet_of(1_100);
    pass(&mut play, 119, &[]);
    assert_eq!(dead(&play).len(), 0);
    pass(&mut play, 6, &[]);
    assert_eq!(dead(&play).len(), 1_100);
}

/// Recovery condemns no more at once than the ordinary timer would: the rest of the fleet gets work, and
/// the silent have one more timeout.
#[test]
fn recovery_holds_back_a_verdict_over_a_third_of_the_fleet() {
    let (mut play, app) = busy_fleet();
    play.fail_over(2);
    play.take(Input::AppOpened(1, app));
    play.take(Input::AppAcknowledged(1, Epoch(2)));
    for number in 33..FLEET {
        let has = has(&play, number);
        return_with(&mut play, 2, number, has);
    }
    pass(&mut play, 62, &sessions(2, 33..FLEET));
    assert!(play.state.recovered, "recovery is over, on time");
    pass(&mut play, 55, &sessions(2, 33..FLEET));
    assert_eq!(dead(&play), [""; 0]);
    // Three return at the last moment, with all that they had.
    let has: Vec<_> = (0..3).map(|number| has(&play, number)).collect();
    for (number, has) in has.into_iter().enumerate() {
        return_with(&mut play, 2, number, has);
    }
    let beating: Vec<SessionId> = [sessions(2, 0..3), sessions(2, 33..FLEET)].concat();
    pass(&mut play, 6, &beating);
    assert_eq!(dead(&play), names(3..33));
}

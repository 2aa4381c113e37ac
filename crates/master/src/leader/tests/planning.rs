//! Plans in flight.

use super::*;

#[test]
fn at_most_one_plan_is_in_flight() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    let now = play.now();
    let plans = |outputs: Vec<Output>| {
        let plan = |it: &&Output| matches!(it, Output::Propose(_, Command::Place { .. }));
        outputs.iter().filter(plan).count()
    };
    assert_eq!(plans(play.leader.act(now, &play.state)), 1);
    play.submit();
    assert_eq!(plans(play.leader.act(now, &play.state)), 0);
}

#[test]
fn a_plan_of_unknown_fate_is_settled_by_a_barrier_before_the_next() {
    let mut play = Play::new();
    play.attach(1, "a");
    play.submit();
    let now = play.now();
    let outputs = play.leader.act(now, &play.state);
    let ticket = outputs.iter().find_map(|output| match output {
        Output::Propose(ticket, Command::Place { .. }) => Some(*ticket),
        _ => None,
    });
    play.take(Input::Proposed(ticket.unwrap(), None));
    let outputs = play.leader.act(now, &play.state);
    let barrier = outputs.iter().any(|output| {
        matches!(output, Output::Propose(_, Command::Place { placements, .. }) if placements.is_empty())
    });
    assert!(barrier);
}

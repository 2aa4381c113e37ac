//! Any order, doubling and loss of messages.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Masters of the model; master `n` leads epochs `n`, `n + 3`, `n + 6`, …
const MASTERS: u64 = 3;

#[derive(Clone, Debug)]
enum Step {
    Open {
        master: u64,
    },
    Close {
        master: u64,
    },
    /// A message of an epoch, sent by the master that leads it, on its current session or on an older.
    Lead {
        epoch: u64,
        late: bool,
    },
    Confirm {
        epoch: u64,
        late: bool,
    },
    Order {
        epoch: u64,
        index: u64,
        late: bool,
        runs: Vec<u64>,
        stops: Vec<u64>,
    },
    Acknowledge {
        epoch: u64,
        instance: u64,
    },
    End {
        instance: u64,
    },
    Pass {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let epoch = || 1..9_u64;
    let late = || prop::bool::weighted(0.2);
    let some = || prop::collection::vec(0..6_u64, 0..4);
    prop_oneof![
        1 => (0..MASTERS).prop_map(|master| Step::Open { master }),
        1 => (0..MASTERS).prop_map(|master| Step::Close { master }),
        1 => (epoch(), late()).prop_map(|(epoch, late)| Step::Lead { epoch, late }),
        3 => (epoch(), late()).prop_map(|(epoch, late)| Step::Confirm { epoch, late }),
        4 => (epoch(), 0..30_u64, late(), some(), some()).prop_map(
            |(epoch, index, late, runs, stops)| Step::Order { epoch, index, late, runs, stops }
        ),
        1 => (epoch(), 0..6_u64).prop_map(|(epoch, instance)| Step::Acknowledge { epoch, instance }),
        1 => (0..6_u64).prop_map(|instance| Step::End { instance }),
        1 => (0..12_u64).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// The current session number of each master; `late` speaks on the one before.
struct Sessions([u128; MASTERS as usize]);

impl Sessions {
    fn of(&self, master: u64, late: bool) -> Source {
        let number = self.0[master as usize] - u128::from(late);
        session(&format!("m{master}:1"), number * 10 + u128::from(master))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_id_is_executed_twice_or_stale_or_under_a_lower_epoch(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut world = World::new();
        let mut sessions = Sessions([1; MASTERS as usize]);
        let mut open = [false; MASTERS as usize];
        let mut met = 0;
        let mut last_index = 0;
        let mut executed = BTreeSet::new();
        for step in steps {
            world.done.clear();
            let heard = |sessions: &Sessions, open: &[bool], epoch: u64, late: bool| {
                let master = epoch % MASTERS;
                (sessions.of(master, late), open[master as usize] && !late)
            };
            let mut orders = None;
            match step {
                Step::Open { master } => {
                    sessions.0[master as usize] += 1;
                    open[master as usize] = true;
                    world.open(&sessions.of(master, false));
                }
                Step::Close { master } => {
                    open[master as usize] = false;
                    world.input(Input::SessionClosed { from: sessions.of(master, false) });
                }
                Step::Lead { epoch, late } => {
                    let (from, counts) = heard(&sessions, &open, epoch, late);
                    world.lead(&from, epoch);
                    if counts { met = met.max(epoch); }
                }
                Step::Confirm { epoch, late } => {
                    let (from, _) = heard(&sessions, &open, epoch, late);
                    for sequence in 1..4 { world.confirm_number(&from, epoch, sequence); }
                }
                Step::Order { epoch, index, late, runs, stops } => {
                    let (from, counts) = heard(&sessions, &open, epoch, late);
                    world.order(&from, epoch, index, &runs, &stops);
                    orders = Some((epoch, index, counts, stops));
                    if counts { met = met.max(epoch); }
                }
                Step::Acknowledge { epoch, instance } => {
                    let (from, _) = heard(&sessions, &open, epoch, false);
                    world.acknowledge(&from, epoch, &[instance]);
                }
                Step::End { instance: number } => {
                    if world.reconciler.status(&instance(number)).is_some() {
                        world.observe(number, ended());
                    }
                }
                Step::Pass { seconds } => world.pass(Duration::from_secs(seconds)),
            }
            let started = world.started();
            for instance in &started {
                prop_assert!(executed.insert(instance.clone()), "executed twice");
                let sent = world.reconciler.confirmed.expect("started unconfirmed");
                prop_assert!(world.now.since(sent) <= TTL, "started on an old confirmation");
            }
            if let Some((epoch, index, counts, stops)) = orders {
                let obeyed = counts && epoch == met && index >= last_index;
                if obeyed { last_index = index; }
                prop_assert!(started.is_empty() || obeyed, "obeyed a stale set");
                prop_assert!(world.stopped().is_empty() || obeyed, "obeyed a stale set");
                let ended: Vec<_> = stops.into_iter().map(instance).collect();
                prop_assert!(started.iter().all(|one| !ended.contains(one)), "started what ended");
            }
            prop_assert_eq!(world.reconciler.allegiance().epoch, Epoch(met));
        }
    }
}

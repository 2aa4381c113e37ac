//! Runs of a few seeds, and of those that once showed something.

use vesta_sim::run::{How, seed};

fn short(traced: bool) -> How {
    How {
        seconds: 60,
        traced,
        ..How::default()
    }
}

#[test]
fn one_seed_gives_the_same_run_byte_for_byte() {
    for one in [1, 7] {
        let (first, second) = (seed(one, short(true)), seed(one, short(true)));
        assert!(!first.lines.is_empty());
        assert_eq!(first, second);
        let untraced = seed(one, short(false));
        assert_eq!(
            (untraced.events, untraced.broken),
            (first.events, first.broken)
        );
    }
}

#[test]
fn another_seed_gives_another_run() {
    assert_ne!(seed(1, short(true)).lines, seed(2, short(true)).lines);
}

#[test]
fn seeds_that_once_showed_something_show_nothing_any_more() {
    let lines = include_str!("../regressions.txt").lines();
    let seeds = lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in seeds {
        let number = line
            .split_whitespace()
            .next()
            .and_then(|it| it.parse().ok());
        let number = number.expect("each line begins with a seed");
        let verdict = seed(number, How::default());
        assert_eq!(verdict.broken, None, "seed {line}");
    }
}

//! What a client does next.

use rand::Rng;

use crate::record::Manner;
use vesta_types::OnDisconnect;

/// How often each kind of step is taken, in parts of the sum of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// A short unsupervised driver that exits with 0.
    pub short: u32,
    /// One that exits with another code.
    pub failing: u32,
    /// A supervised driver that runs until it is killed.
    pub keep: u32,
    /// The same, that stops when it is cut off.
    pub stop: u32,
    /// An unsupervised driver that runs until it is killed.
    pub long: u32,
    /// One that has to be killed with SIGKILL.
    pub deaf: u32,
    /// One that leaves a process behind.
    pub forks: u32,
    /// An application with executors.
    pub application: u32,
    /// A kill of an own driver.
    pub kill: u32,
    /// A status read of an own driver.
    pub status: u32,
    /// A list.
    pub list: u32,
    /// The same submission through two masters at once.
    pub twice: u32,
    /// A submission whose client dies in its midst.
    pub dies: u32,
}

impl Default for Mix {
    fn default() -> Mix {
        Mix {
            short: 14,
            failing: 3,
            keep: 4,
            stop: 4,
            long: 3,
            deaf: 1,
            forks: 2,
            application: 2,
            kill: 10,
            status: 45,
            list: 4,
            twice: 4,
            dies: 4,
        }
    }
}

/// What a driver does, and under which terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What it does.
    pub manner: Manner,
    /// Whether it is supervised.
    pub supervised: bool,
    /// What becomes of it when its worker is cut off.
    pub on_disconnect: OnDisconnect,
}

/// One step of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Submit, and try again with the same key when the outcome is unknown.
    Submit(Wish),
    /// Submit through two masters at once.
    SubmitTwice(Wish),
    /// Submit, and die before the answer, or after it.
    SubmitAndDie(Wish),
    /// Kill an own driver that runs until it is killed.
    Kill,
    /// Read the status of an own driver.
    Status,
    /// List.
    List,
}

impl Mix {
    /// A step by chance.
    pub fn step(&self, random: &mut impl Rng) -> Step {
        let parts = [
            self.short,
            self.failing,
            self.keep,
            self.stop,
            self.long,
            self.deaf,
            self.forks,
            self.application,
            self.kill,
            self.status,
            self.list,
            self.twice,
            self.dies,
        ];
        let sum: u32 = parts.iter().sum();
        let mut at = random.random_range(0..sum.max(1));
        let kind = parts.iter().position(|part| {
            let here = at < *part;
            at = at.wrapping_sub(if here { 0 } else { *part });
            here
        });
        match kind.unwrap_or(9) {
            0 => Step::Submit(short(random, 0)),
            1 => Step::Submit(short(random, 7)),
            2 => Step::Submit(lasting(Manner::Forever, true, OnDisconnect::Keep)),
            3 => Step::Submit(lasting(Manner::Forever, true, OnDisconnect::Stop)),
            4 => Step::Submit(lasting(Manner::Forever, false, OnDisconnect::Keep)),
            5 => Step::Submit(lasting(Manner::IgnoresTerm, true, OnDisconnect::Keep)),
            6 => Step::Submit(lasting(
                Manner::ForksAway { child_ms: 600_000 },
                false,
                OnDisconnect::Keep,
            )),
            7 => Step::Submit(lasting(
                Manner::Application {
                    executors: random.random_range(1..=2),
                    after_ms: None,
                },
                true,
                OnDisconnect::Keep,
            )),
            8 => Step::Kill,
            10 => Step::List,
            11 => Step::SubmitTwice(short(random, 0)),
            12 => Step::SubmitAndDie(short(random, 0)),
            _ => Step::Status,
        }
    }
}

fn short(random: &mut impl Rng, code: u8) -> Wish {
    let after_ms = random.random_range(0..1_500);
    lasting(Manner::Exits { after_ms, code }, false, OnDisconnect::Keep)
}

fn lasting(manner: Manner, supervised: bool, on_disconnect: OnDisconnect) -> Wish {
    Wish {
        manner,
        supervised,
        on_disconnect,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn every_kind_of_step_is_taken_about_as_often_as_its_part_says() {
        let mut random = StdRng::seed_from_u64(1);
        let steps: Vec<Step> = (0..10_000)
            .map(|_| Mix::default().step(&mut random))
            .collect();
        let count = |which: fn(&Step) -> bool| steps.iter().filter(|step| which(step)).count();
        assert!((4_200..4_800).contains(&count(|step| *step == Step::Status)));
        assert!((300..500).contains(&count(|step| *step == Step::List)));
        assert!((300..500).contains(&count(|step| matches!(step, Step::SubmitTwice(_)))));
        assert!((300..500).contains(&count(|step| matches!(step, Step::SubmitAndDie(_)))));
        assert!((850..1_150).contains(&count(|step| *step == Step::Kill)));
        let forks = |step: &Step| matches!(step, Step::Submit(it) if matches!(it.manner, Manner::ForksAway { .. }));
        assert!((130..280).contains(&count(forks)));
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        let steps = |seed| {
            let mut random = StdRng::seed_from_u64(seed);
            [0; 50].map(|_| Mix::default().step(&mut random))
        };
        assert_eq!(steps(7), steps(7));
        assert_ne!(steps(7), steps(8));
    }
}

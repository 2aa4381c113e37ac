//! Verdicts come by time led, never by less: counted from outside.

use std::collections::BTreeMap;

use vesta_core::Command;
use vesta_types::{Epoch, RecoveryState, WorkerId};

use super::Master;
use crate::clock::{MS, Nanos, SECOND};
use crate::world::World;

/// The time that a leadership has led, as seen from outside, and what it heard when.
#[derive(Debug, Default)]
pub(super) struct Led {
    time: Nanos,
    at: Nanos,
    leads: bool,
    heard: BTreeMap<WorkerId, Nanos>,
}

/// By so much its own count may differ: it looks more often.
const LED_SLACK: Nanos = 600 * MS;

impl Master {
    /// Counts as the leader does: at each of its steps, by its own clock. A gap of nearly a second counts there,
    /// which by true time is one too long where its clock is slow.
    pub(super) fn count_led(&mut self, now: Nanos) {
        let now = self.clock.boot(now);
        let leads = self.shown() != RecoveryState::Standby;
        let passed = now.saturating_sub(self.led.at);
        if leads && self.led.leads && passed <= SECOND {
            self.led.time += passed;
        }
        (self.led.leads, self.led.at) = (leads, now);
    }

    pub(super) fn hears(&mut self, worker: &WorkerId) {
        self.led.heard.insert(worker.clone(), self.led.time);
    }
}

impl World {
    /// Verdicts come by time led, never by less.
    pub(super) fn judge_verdict(&mut self, m: usize, command: &Command) {
        let (epoch, lost): (Epoch, Vec<WorkerId>) = match command {
            Command::LoseWorkers {
                epoch,
                workers,
                cause,
            } if !cause.contains("in order") => {
                (*epoch, workers.iter().map(|it| it.0.clone()).collect())
            }
            Command::CompleteRecovery { epoch, condemned } => (*epoch, condemned.clone()),
            _ => return,
        };
        let timeout = crate::clock::nanos(self.options.worker_timeout());
        let least = (timeout / 100 * 95).saturating_sub(LED_SLACK);
        let led = &self.masters[m].led;
        for worker in lost {
            // What is proposed again was judged when it was proposed first.
            if !self.truth.is_new_verdict(epoch, &worker) {
                continue;
            }
            let silent = led.time - led.heard.get(&worker).copied().unwrap_or(0);
            if silent < least {
                let ms = silent / MS;
                self.broken(format!(
                    "m{} gives {worker} up after {ms} ms of silence while it led",
                    m + 1
                ));
                return;
            }
        }
    }
}

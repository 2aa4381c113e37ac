//! What is measured as it happens; what can be read from the state is read when it is asked for
//! ([`crate::observe`]).

use std::time::{Duration, Instant};

use vesta_observe::prometheus::core::Collector;
use vesta_observe::prometheus::proto::MetricFamily;
use vesta_observe::prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, exponential_buckets,
};

use tonic::Status;
use vesta_proto::answer;

/// Counters and histograms of one master, since it started.
pub struct Meters {
    /// How long a write of a client took here, until its answer.
    pub write: Histogram,
    /// Writes of clients that were answered here, by outcome.
    writes: IntCounterVec,
    /// How long the leader took to decide: one step of its loop, planning among it.
    pub decision: Histogram,
    /// Leaderships that this master began.
    pub leaderships: IntCounter,
    /// Workers that were refused, by code.
    refused: IntCounterVec,
}

impl Meters {
    /// Nothing measured yet.
    pub fn new() -> Meters {
        let named = "the names are metrics' and labels'";
        let histogram = |name: &str, help: &str, first| {
            let buckets =
                exponential_buckets(first, 2.0, 16).expect("they grow from above nothing");
            let options = HistogramOpts::new(name, help).buckets(buckets);
            Histogram::with_opts(options).expect(named)
        };
        let counters = |name: &str, help: &str, label: &str| {
            IntCounterVec::new(Opts::new(name, help), &[label]).expect(named)
        };
        let leaderships = "Leaderships that this master began since it started.";
        Meters {
            write: histogram(
                "vesta_write_seconds",
                "How long a client's write took at this master, until its answer.",
                0.000_5,
            ),
            writes: counters(
                "vesta_writes_total",
                "Clients' writes that this master answered or sent on.",
                "outcome",
            ),
            decision: histogram(
                "vesta_leader_decision_seconds",
                "How long one step of the leader's decisions took, planning among it.",
                0.000_01,
            ),
            leaderships: IntCounter::new("vesta_leaderships_total", leaderships).expect(named),
            refused: counters(
                "vesta_refused_workers_total",
                "Workers' sessions that this master refused or ended, by code.",
                "code",
            ),
        }
    }

    /// A write was answered: whether with a refusal, and how long it took.
    pub fn answered<T>(&self, began: Instant, answer: &Result<T, Status>) {
        self.write.observe(began.elapsed().as_secs_f64());
        let outcome = answer.as_ref().err().map_or("done", outcome);
        self.writes.with_label_values(&[outcome]).inc();
    }

    /// A worker's session was refused.
    pub fn refused(&self, code: &str) {
        self.refused.with_label_values(&[code]).inc();
    }

    /// How long a step took.
    pub fn decided(&self, took: Duration) {
        self.decision.observe(took.as_secs_f64());
    }

    /// All of it.
    pub fn collect(&self) -> Vec<MetricFamily> {
        let all: [&dyn Collector; 5] = [
            &self.write,
            &self.writes,
            &self.decision,
            &self.leaderships,
            &self.refused,
        ];
        all.iter().flat_map(|it| it.collect()).collect()
    }
}

impl Default for Meters {
    fn default() -> Meters {
        Meters::new()
    }
}

fn outcome(status: &Status) -> &'static str {
    if answer::busy_for(status).is_some() {
        return "busy";
    }
    match status.code() {
        tonic::Code::Unavailable => "unavailable",
        tonic::Code::Unknown | tonic::Code::Internal => "unknown",
        _ => "refused",
    }
}

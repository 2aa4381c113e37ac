//! Metrics whose values are read when they are asked for.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, IntCounter, Opts};

/// A gauge with this value. `name` and `help` are the caller's own constants.
pub fn gauge(name: &str, help: &str, value: f64) -> Vec<MetricFamily> {
    let gauge = Gauge::new(name, help).expect("the name is a metric's");
    gauge.set(value);
    gauge.collect()
}

/// A counter that stands at this value; it never goes down while the process lives. `name` and `help` are
/// the caller's own constants.
pub fn counter(name: &str, help: &str, value: u64) -> Vec<MetricFamily> {
    let counter = IntCounter::new(name, help).expect("the name is a metric's");
    counter.inc_by(value);
    counter.collect()
}

/// A gauge by one label. `name`, `help` and `label` are the caller's own constants.
pub fn by_state<'a>(
    name: &str,
    help: &str,
    label: &str,
    values: impl IntoIterator<Item = (&'a str, f64)>,
) -> Vec<MetricFamily> {
    let gauges = GaugeVec::new(Opts::new(name, help), &[label]);
    let gauges = gauges.expect("the names are a metric's and a label's");
    for (state, value) in values {
        gauges.with_label_values(&[state]).set(value);
    }
    gauges.collect()
}

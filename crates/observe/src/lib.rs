//! The port on which metrics, readiness and liveness are asked: `/metrics` (Prometheus text), `/ready`
//! and `/live`. A port of its own, so that it can be closed to others than the one for clients, and
//! answers while that is busy.

mod accept;
mod serve;
mod states;

pub use accept::accept;
pub use prometheus;
pub use serve::{Observed, serve};
pub use states::{by_state, counter, gauge};

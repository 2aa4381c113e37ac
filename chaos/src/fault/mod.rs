//! The faults, the plan that a seed makes of them, and the account of those that took effect.
//!
//! A [`Plan`] says which fault, on whom, when and for how long; an [`Active`] fault is one that has begun. It
//! ends with what shows that it happened: a dead process, packets that were dropped. One that shows nothing
//! did not happen, and a run with such a fault proves nothing about it.

mod active;
mod data;
mod kind;
mod links;
mod plan;
mod points;
mod processes;
mod surroundings;
mod view;

pub use active::{Active, Ground};
pub use kind::{Kind, Needs, NoSuchFault};
pub use plan::{Plan, Planned};
pub use view::{Seen, View};

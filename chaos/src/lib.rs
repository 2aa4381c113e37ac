//! Faults against a cluster of real processes, and the judgement of what it did under them.
//!
//! A run puts masters and workers on a [`site`], has them do [`work`] that a [`load`] asks for, injects
//! faults ([`fault`]) by a plan that its seed decides ([`run`]), and leaves a directory ([`record`]) from
//! which alone it is judged ([`check`]) and told ([`report`]). A [`scenario`] is a run that is written out.

pub mod check;
pub mod fault;
pub mod load;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod site;
pub mod work;

//! What a run leaves in its directory: the formats that the run writes and the checker reads.
//!
//! | file | holds | written by |
//! |---|---|---|
//! | `options.json` | [`Options`]: what was run | the run, at its start |
//! | `events.jsonl` | [`Event`]s: phases, faults, observations, samples | the run |
//! | `history.jsonl` | [`Entry`]s: every call, a line when it is sent and a line when it is answered | the load |
//! | `ledger.jsonl` | [`vesta_local::ledger::Record`]s: what really ran | the work under test itself |
//! | `state.json` | [`FinalState`]: what every master says at the end | the run |
//! | `nodes/<name>/` | logs and data directories of each node | the nodes |
//! | `verdict.json`, `report.txt`, `report.svg` | the judgement | the checker |
//!
//! All times are [`Moment`]s: microseconds since the run's start on CLOCK_BOOTTIME, which every process of a
//! machine shares and no jump of a wall clock moves.

mod clock;
mod dir;
mod event;
mod history;
mod lines;
mod options;
mod state;
mod verdict;

pub use clock::{Clock, Moment};
pub use dir::RunDir;
pub use event::{Event, Letter, NodeSample, Observation, Phase, What};
pub use history::{Answer, CallId, Entry, Manner, Op, Outcome, Submit, What as CallPart};
pub use lines::{Appender, Lines, RecordError, read_json, read_lines, write_json};
pub use options::{NetMode, Options, Timings};
pub use state::{
    AppState, DriverState, ExecutorState, FailoverState, FinalState, MasterState, WorkerState,
};
pub use verdict::{CheckResult, Figures, Finding, Judgement, Verdict};

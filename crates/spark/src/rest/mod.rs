//! Spark's REST gateway for submissions: what is asked, and the answers. No IO: whoever serves HTTP hands in the
//! method, the path and the body, and sends what comes out.
//!
//! Field names and messages are Spark's, as its own master of 4.0.1 was seen to answer; a refusal says what was
//! wrong instead of carrying the stack of a JVM.

mod answer;
mod call;
mod create;
mod json;
mod module_options;
mod values;

pub use answer::{Answer, MALFORMED, STANDBY, Status};
pub use call::{Call, Method, call};
pub use create::{Create, Masters, SUBMISSION_KEY};
pub use json::text;

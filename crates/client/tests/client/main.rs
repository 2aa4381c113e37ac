//! The client against masters that are made to fail on purpose.
#![allow(clippy::unwrap_used, clippy::panic)]

mod calls;
mod fake;
mod logs;
mod sessions;

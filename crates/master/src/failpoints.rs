//! Places where tests make a master stumble. Compiled in under `debug_assertions` only.

/// Set to a path: an order to a worker is held back while that file exists.
pub const HOLD_DISPATCH: &str = "master.hold_dispatch";

/// An order to a worker is never sent.
pub const DROP_DISPATCH: &str = "master.drop_dispatch";

/// Announcements of a new leader are dropped, the first N of each process.
pub const DROP_ANNOUNCEMENT: &str = "master.drop_announcement";

/// A client's write is committed and its answer never sent.
pub const DROP_ANSWER: &str = "master.drop_answer";

/// Set to a number: the version of the rules that this master says it speaks, and takes.
pub const SPEAKS: &str = "master.speaks";

/// The leader writes an entry to the log that no release knows, once.
pub const WRITE_UNKNOWN: &str = "master.write_unknown";

/// The number that a fail point's argument is, if it is on.
#[cfg(debug_assertions)]
pub fn number_of(name: &str) -> Option<u32> {
    fail::eval(name, |argument| argument.and_then(|text| text.parse().ok())).flatten()
}

/// Never, in a release build.
#[cfg(not(debug_assertions))]
pub const fn number_of(_name: &str) -> Option<u32> {
    None
}

/// The path that a fail point's argument names, if it is on.
#[cfg(debug_assertions)]
pub fn path_of(name: &str) -> Option<std::path::PathBuf> {
    fail::eval(name, |argument| argument.map(std::path::PathBuf::from)).flatten()
}

/// Whether a fail point is on. Each look counts, so `3*return` is on three times.
#[cfg(debug_assertions)]
pub fn is_on(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

/// Never, in a release build.
#[cfg(not(debug_assertions))]
pub const fn is_on(_name: &str) -> bool {
    false
}

/// Never, in a release build.
#[cfg(not(debug_assertions))]
pub const fn path_of(_name: &str) -> Option<std::path::PathBuf> {
    None
}

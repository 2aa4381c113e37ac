//! Places where tests make a master stumble. Compiled into debug builds, and into builds with the
//! feature `faults`, only. All is inlined, so that not even the names are left in another build.

/// An order to a worker is held back: while the file that it is set to exists, or without one until
/// this is switched off.
pub const HOLD_DISPATCH: &str = "master.hold_dispatch";

/// An order to a worker is never sent.
pub const DROP_DISPATCH: &str = "master.drop_dispatch";

/// Announcements of a new leader are dropped, the first N of each process.
pub const DROP_ANNOUNCEMENT: &str = "master.drop_announcement";

/// A client's write is committed and its answer never sent.
pub const DROP_ANSWER: &str = "master.drop_answer";

/// A client's write is committed, and the leader is killed before it answers.
pub const CRASH_BEFORE_ANSWER: &str = "master.crash_before_answer";

/// Set to a number: the version of the rules that this master says it speaks, and takes.
pub const SPEAKS: &str = "master.speaks";

/// The leader writes an entry to the log that no release knows, once.
pub const WRITE_UNKNOWN: &str = "master.write_unknown";

/// The number that a fail point's argument is, if it is on.
#[inline(always)]
pub fn number_of(name: &str) -> Option<u32> {
    argument_of(name)??.parse().ok()
}

/// Whether a fail point is on. Each look counts, so `3*return` is on three times.
#[inline(always)]
pub fn is_on(name: &str) -> bool {
    argument_of(name).is_some()
}

/// Whether a fail point is on, and the file that it names, if it names one, exists.
#[inline(always)]
pub fn is_on_while_there(name: &str) -> bool {
    argument_of(name).is_some_and(|path| path.is_none_or(|it| std::path::Path::new(&it).exists()))
}

/// The end of this process, as by `kill -9`, where a fail point says so.
#[inline(always)]
pub fn crash_at(name: &str) {
    if is_on(name) {
        tracing::warn!(name, "a failpoint kills this process");
        let own = rustix::process::getpid();
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

/// What a fail point is to return, if it is set to that.
#[cfg(any(debug_assertions, feature = "faults"))]
fn argument_of(name: &str) -> Option<Option<String>> {
    fail::eval(name, |argument| argument)
}

/// Nothing, in this build.
#[cfg(not(any(debug_assertions, feature = "faults")))]
#[inline(always)]
const fn argument_of(_name: &str) -> Option<Option<String>> {
    None
}

//! Failpoints that hold an asynchronous task without blocking its thread, or end the process. There are
//! none but in debug builds and in builds with the feature `faults`. All is inlined, so that not even the
//! names are left in another build.

/// Holds the caller at the failpoint `name`: `return` until it is switched off, `return(MS)` for so many
/// milliseconds, `N*return` for N steps of 20 ms. Blocking actions (`pause`, `sleep`) are for
/// [`point`].
#[cfg(any(debug_assertions, feature = "faults"))]
pub(crate) async fn hold(name: &'static str) {
    use std::time::Duration;
    const STEP: Duration = Duration::from_millis(20);
    while let Some(millis) = value(name) {
        match millis.and_then(|text| text.parse().ok()) {
            Some(millis) => return tokio::time::sleep(Duration::from_millis(millis)).await,
            None => tokio::time::sleep(STEP).await,
        }
    }
}

/// Nothing, in this build. (Not `async`: its future would keep the name.)
#[cfg(not(any(debug_assertions, feature = "faults")))]
#[inline(always)]
pub(crate) fn hold(_name: &'static str) -> std::future::Ready<()> {
    std::future::ready(())
}

/// What the failpoint `name` is to `return`, if it is set to that.
#[inline(always)]
pub(crate) fn value(name: &'static str) -> Option<Option<String>> {
    #[cfg(any(debug_assertions, feature = "faults"))]
    fail::fail_point!(name, Some);
    #[cfg(not(any(debug_assertions, feature = "faults")))]
    let _ = name;
    None
}

/// Whether the failpoint `name` is set to `return`, or to `return(PATH)` of a file that is there.
#[inline(always)]
pub(crate) fn is_on_while_there(name: &'static str) -> bool {
    value(name).is_some_and(|path| path.is_none_or(|path| std::path::Path::new(&path).exists()))
}

/// The end of this process, as by `kill -9`, where the failpoint `name` says so.
#[inline(always)]
pub(crate) fn crash(name: &'static str) {
    if value(name).is_some() {
        // Not by tracing, which a supervisor has not set up.
        note!("a failpoint kills this process: {name}");
        let own = rustix::process::getpid();
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

/// The failpoint `name` where a thread may block.
#[inline(always)]
pub(crate) fn point(name: &'static str) {
    #[cfg(any(debug_assertions, feature = "faults"))]
    fail::fail_point!(name);
    #[cfg(not(any(debug_assertions, feature = "faults")))]
    let _ = name;
}

/// Sets what the environment variable `FAILPOINTS` asks for (`name=actions;…`), for a process whose
/// `main` may not have done so.
pub(crate) fn from_environment() {
    #[cfg(any(debug_assertions, feature = "faults"))]
    for setting in std::env::var("FAILPOINTS").unwrap_or_default().split(';') {
        if let Some((name, actions)) = setting.split_once('=')
            && let Err(error) = fail::cfg(name.trim(), actions.trim())
        {
            tracing::warn!(name, actions, error, "failpoint not set");
        }
    }
}

#[cfg(all(test, any(debug_assertions, feature = "faults")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hold_ends_by_itself_or_when_it_is_switched_off() {
        fail::cfg("worker.test_hold", "3*return").unwrap();
        hold("worker.test_hold").await;
        fail::cfg("worker.test_hold", "return(1)").unwrap();
        hold("worker.test_hold").await;
        fail::cfg("worker.test_hold", "return").unwrap();
        let held = tokio::spawn(hold("worker.test_hold"));
        tokio::task::yield_now().await;
        assert!(!held.is_finished());
        fail::remove("worker.test_hold");
        held.await.unwrap();
    }
}

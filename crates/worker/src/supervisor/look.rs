//! The last look before an instance is executed, without IO.

use std::time::Duration;

/// What the last look says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is executed now.
    Execute,
    /// It is looked again.
    Wait,
    /// It was never executed and never will be, for this reason.
    NeverRan(String),
    /// It was told to end between two runs.
    End,
}

/// Whether restart `restart` is executed now. Its last confirmed heartbeat must be younger than
/// `order_ttl` (`is_fresh`), and it must not have been told to end. The agent writes that an instance is
/// to end before the confirmation that came with it; so what was told is looked at last: who sees the
/// confirmation sees that, too.
pub fn last_look(
    restart: u32,
    order_ttl: Duration,
    is_fresh: impl FnOnce() -> bool,
    is_told_to_end: impl FnOnce() -> bool,
) -> Look {
    let fresh = is_fresh();
    match (is_told_to_end(), restart) {
        (true, 0) => Look::NeverRan("it was stopped before it was started".to_owned()),
        (true, _) => Look::End,
        (false, _) if fresh => Look::Execute,
        // Another one can be started in its place, where a heartbeat is confirmed.
        (false, 0) => Look::NeverRan(format!(
            "too late: no heartbeat of the last {order_ttl:?} is confirmed"
        )),
        (false, _) => Look::Wait,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const TTL: Duration = Duration::from_secs(15);

    #[test]
    fn a_restart_waits_for_a_confirmation_and_a_first_run_does_not() {
        assert_eq!(last_look(1, TTL, || true, || false), Look::Execute);
        assert_eq!(last_look(1, TTL, || false, || false), Look::Wait);
        assert_eq!(last_look(0, TTL, || true, || false), Look::Execute);
        let late = last_look(0, TTL, || false, || false);
        assert!(matches!(late, Look::NeverRan(reason) if reason.contains("15s")));
    }

    #[test]
    fn what_was_told_to_end_together_with_a_confirmation_is_not_executed() {
        let told = Cell::new(false);
        let both = || {
            told.set(true);
            true
        };
        assert_eq!(last_look(3, TTL, both, || told.get()), Look::End);
        told.set(false);
        let first = last_look(0, TTL, both, || told.get());
        assert!(matches!(first, Look::NeverRan(reason) if reason.contains("stopped")));
    }
}

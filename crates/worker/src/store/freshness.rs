//! The file by which an agent lets its supervisors know that the leader still counts on this worker.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Boottime;
use crate::files;
use crate::reconcile;

#[derive(Serialize, Deserialize)]
struct Confirmed {
    /// A stamp of another boot says nothing.
    boot: Uuid,
    stamp: Boottime,
}

/// Lets supervisors know that a heartbeat sent at `stamp` is confirmed.
///
/// # Errors
/// When the file can't be written.
pub fn confirm(dir: &Path, boot: Uuid, stamp: Boottime) -> io::Result<()> {
    // Not synced: after a power cut the boot is another one.
    files::write_visible(
        &dir.join("confirmed"),
        &files::json(&Confirmed { boot, stamp })?,
    )
}

/// Whether something may be executed now, by the latest confirmation in the worker's directory `dir`.
pub fn is_fresh(dir: &Path, boot: Uuid, order_ttl: Duration) -> bool {
    reconcile::is_fresh(last(dir, boot), Boottime::now(), order_ttl)
}

/// When the latest heartbeat that was confirmed in this boot was sent.
pub(crate) fn last(dir: &Path, boot: Uuid) -> Option<Boottime> {
    let confirmed = files::read_json::<Confirmed>(&dir.join("confirmed")).value();
    confirmed
        .filter(|confirmed| confirmed.boot == boot)
        .map(|found| found.stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_young_confirmation_of_this_boot_is_fresh() {
        let dir = tempfile::tempdir().unwrap();
        let (boot, ttl) = (Uuid::from_u128(1), Duration::from_secs(15));
        let second = Duration::from_secs(1);
        let ago = |time: Duration| {
            let nanos = u64::try_from(time.as_nanos()).unwrap();
            Boottime(Boottime::now().0.saturating_sub(nanos))
        };
        assert!(!is_fresh(dir.path(), boot, ttl));
        confirm(dir.path(), boot, ago(second)).unwrap();
        assert!(is_fresh(dir.path(), boot, ttl));
        assert!(!is_fresh(dir.path(), Uuid::from_u128(2), ttl));
        confirm(dir.path(), boot, ago(ttl + second)).unwrap();
        assert!(!is_fresh(dir.path(), boot, ttl));
        confirm(dir.path(), boot, Boottime::now().plus(ttl)).unwrap();
        assert!(!is_fresh(dir.path(), boot, ttl), "a stamp of the future");
    }
}

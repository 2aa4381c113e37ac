//! Canaries: deliberate bugs, switched on from outside, that show that the tests which guard against
//! them can fail. They exist in debug builds, and in builds with the feature `faults`; in any other
//! build every one is `false`, and nothing of them is left in the binary.
//!
//! `scripts/canaries` lists them all, with what must find each.

/// Environment variable that names the canaries to let loose, separated by commas.
pub const VARIABLE: &str = "VESTA_CANARY";

/// Whether the canary `name` is let loose in this process. The variable is read once; while none is
/// named, this is one look at a value that is there.
#[cfg(any(debug_assertions, feature = "faults"))]
#[inline(never)]
pub fn is_on(name: &str) -> bool {
    use std::sync::LazyLock;
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let list = std::env::var(VARIABLE).unwrap_or_default();
        let names = list.split(',').map(|name| name.trim().to_owned());
        names.filter(|name| !name.is_empty()).collect()
    });
    NAMES.iter().any(|on| on == name)
}

/// Whether the canary `name` is let loose in this process: never, in this build.
#[cfg(not(any(debug_assertions, feature = "faults")))]
pub const fn is_on(_name: &str) -> bool {
    false
}

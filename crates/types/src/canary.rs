//! Canaries: deliberate bugs, switched on from outside, that show that the tests which guard against
//! them can fail. They exist in debug builds only; in a release build every one is `false`.

/// Environment variable that names the canaries to let loose, separated by commas.
pub const VARIABLE: &str = "VESTA_CANARY";

/// Whether the canary `name` is let loose in this process.
#[cfg(debug_assertions)]
pub fn is_on(name: &str) -> bool {
    use std::sync::OnceLock;
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let list = std::env::var(VARIABLE).unwrap_or_default();
        list.split(',').map(|name| name.trim().to_owned()).collect()
    });
    names.iter().any(|on| on == name)
}

/// Whether the canary `name` is let loose in this process: never, in a release build.
#[cfg(not(debug_assertions))]
pub const fn is_on(_name: &str) -> bool {
    false
}

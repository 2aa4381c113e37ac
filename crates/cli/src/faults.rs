//! Failpoints set from outside: `FAILPOINTS` for as long as the process lasts, and a file whose settings
//! follow what is written there while it runs. There are none but in debug builds and in builds with the
//! feature `faults`.

/// Environment variable that names the file. In it: `name=actions;name=actions`, actions as the `fail`
/// crate knows them (`return`, `3*return(28)`, `5%sleep(200)`, …). It is read every 100 ms; a setting
/// that is no longer there is switched off, one whose text changed begins (and counts) anew. Replace
/// the file by renaming another onto it, or half of it may be taken for the whole.
#[cfg(any(debug_assertions, feature = "faults"))]
const FILE: &str = "VESTA_FAILPOINTS_FILE";

/// Sets what the environment and the file ask for, and follows the file from then on.
pub fn begin() {
    #[cfg(any(debug_assertions, feature = "faults"))]
    switched::begin();
}

#[cfg(any(debug_assertions, feature = "faults"))]
mod switched {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    /// How often the file is looked at.
    const EVERY: Duration = Duration::from_millis(100);

    pub(super) fn begin() {
        std::mem::forget(fail::FailScenario::setup());
        let Some(path) = std::env::var_os(super::FILE).map(PathBuf::from) else {
            return;
        };
        let mut settings = Settings::default();
        // Before anything else runs: a process may pass its failpoint in its first milliseconds.
        settings.follow(&path);
        let following = std::thread::Builder::new().name("failpoints".to_owned());
        let following = following.spawn(move || {
            loop {
                std::thread::sleep(EVERY);
                settings.follow(&path);
            }
        });
        if let Err(error) = following {
            tracing::warn!(%error, "failpoints stay as they are now");
        }
    }

    /// What is set from the file: name → actions.
    #[derive(Default)]
    pub(super) struct Settings(BTreeMap<String, String>);

    impl Settings {
        /// Makes the failpoints as the file says. A file that is not there sets none.
        pub(super) fn follow(&mut self, path: &Path) {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let wanted: BTreeMap<String, String> = text
                .split([';', '\n'])
                .filter_map(|setting| setting.split_once('='))
                .map(|(name, actions)| (name.trim().to_owned(), actions.trim().to_owned()))
                .collect();
            for name in self.0.keys().filter(|name| !wanted.contains_key(*name)) {
                tracing::warn!(name, "failpoint off");
                fail::remove(name);
            }
            for (name, actions) in &wanted {
                if self.0.get(name) == Some(actions) {
                    continue;
                }
                match fail::cfg(name.as_str(), actions) {
                    Ok(()) => tracing::warn!(name, actions, "failpoint on"),
                    Err(error) => tracing::warn!(name, actions, error, "failpoint not understood"),
                }
            }
            self.0 = wanted;
        }
    }
}

#[cfg(all(test, any(debug_assertions, feature = "faults")))]
mod tests {
    use super::switched::Settings;

    fn is_on(name: &str) -> bool {
        fail::eval(name, |_| ()).is_some()
    }

    #[test]
    fn failpoints_follow_a_file_while_the_process_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("failpoints");
        let mut settings = Settings::default();
        settings.follow(&path);
        assert!(!is_on("cli.a"));

        std::fs::write(&path, "cli.a=1*return; cli.b = return;\n").unwrap();
        settings.follow(&path);
        assert!(is_on("cli.a") && is_on("cli.b"));
        // It was used up, and an unchanged text does not begin anew.
        settings.follow(&path);
        assert!(!is_on("cli.a") && is_on("cli.b"));

        std::fs::write(&path, "cli.a=2*return;cli.c=nonsense(").unwrap();
        settings.follow(&path);
        assert!(is_on("cli.a") && !is_on("cli.b") && !is_on("cli.c"));

        std::fs::remove_file(&path).unwrap();
        settings.follow(&path);
        assert!(!is_on("cli.a"));
    }
}

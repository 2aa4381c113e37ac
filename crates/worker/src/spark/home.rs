//! Spark homes, and which of them runs what.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vesta_types::{SparkCommand, SparkRelease};

/// By this variable of a command's environment a worker with several versions that can run it knows which
/// one its user means. Drivers that Vesta's workers run pass their own on to their executors.
pub const VERSION_VARIABLE: &str = "VESTA_SPARK_VERSION";

/// A directory with a Spark in it, and the Java that runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparkHome {
    /// The directory, without links: it stays what it was found to be.
    pub path: PathBuf,
    /// Its version, such as `4.0.1`.
    pub version: String,
    /// The releases that read its messages.
    pub release: SparkRelease,
    /// The program `java`.
    pub java: PathBuf,
}

/// What of these homes masters are told.
pub fn versions(homes: &[SparkHome]) -> BTreeMap<String, SparkRelease> {
    let told = homes
        .iter()
        .map(|home| (home.version.clone(), home.release));
    told.collect()
}

/// The home that runs `command`: of those that can, the version that its environment asks for
/// ([`VERSION_VARIABLE`]), else the newest of the same major and minor version, else the newest.
///
/// # Errors
/// What is asked for and what there is, if none can.
pub fn choose<'a>(homes: &'a [SparkHome], command: &SparkCommand) -> Result<&'a SparkHome, String> {
    let asked = command.environment.get(VERSION_VARIABLE);
    let can = homes
        .iter()
        .filter(|home| home.release.reads(&command.release));
    can.max_by_key(|home| fit(home, asked)).ok_or_else(|| {
        let has: Vec<_> = homes.iter().map(|home| home.version.as_str()).collect();
        let has = match has.as_slice() {
            [] => "no Spark home".to_owned(),
            some => format!("only Spark {}", some.join(", ")),
        };
        format!("it needs {}, and this worker has {has}", command.release)
    })
}

/// The greater, the better: it is what was asked for, or near to it, or newer.
fn fit<'a>(home: &'a SparkHome, asked: Option<&String>) -> (bool, bool, Version<'a>) {
    let own = Version::of(&home.version);
    let same = asked.is_some_and(|asked| *asked == home.version);
    let near = asked.is_some_and(|asked| own.is_near(&Version::of(asked)));
    (same, near, own)
}

/// A version by age: its numbers, then what is final, then the rest of its text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Version<'a> {
    numbers: Vec<u64>,
    rest: Reverse<Option<&'a str>>,
}

impl Version<'_> {
    fn of(text: &str) -> Version<'_> {
        let plain = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (numbers, rest) = text.split_at(plain);
        let numbers = numbers.split('.').map_while(|number| number.parse().ok());
        Version {
            numbers: numbers.collect(),
            // What has a suffix is older than what has none, as 4.1.0-preview1 is older than 4.1.0.
            rest: Reverse((!rest.is_empty()).then_some(rest)),
        }
    }

    /// Whether major and minor version are the same.
    fn is_near(&self, other: &Version<'_>) -> bool {
        self.numbers.len() >= 2 && self.numbers.get(..2) == other.numbers.get(..2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spark::tests::command;

    fn homes(versions: &[&str]) -> Vec<SparkHome> {
        let home = |version: &&str| SparkHome {
            path: format!("/opt/spark-{version}").into(),
            version: (*version).to_owned(),
            release: SparkRelease::of_version(version).unwrap(),
            java: "/usr/bin/java".into(),
        };
        versions.iter().map(home).collect()
    }

    fn chosen<'a>(homes: &'a [SparkHome], command: &SparkCommand) -> &'a str {
        &choose(homes, command).unwrap().version
    }

    #[test]
    fn the_newest_version_that_reads_the_command_runs_it() {
        let homes = homes(&[
            "3.5.9",
            "3.5.10",
            "4.0.1",
            "4.1.4",
            "4.3.0-preview1",
            "4.2.10",
        ]);
        assert_eq!(chosen(&homes, &command("3.5.1")), "3.5.10");
        assert_eq!(chosen(&homes, &command("4.0.0")), "4.0.1");
        assert_eq!(chosen(&homes, &command("4.1.0")), "4.3.0-preview1");
        let preview = self::homes(&["4.1.0", "4.1.0-preview1"]);
        assert_eq!(chosen(&preview, &command("4.1.0")), "4.1.0");
    }

    #[test]
    fn a_command_may_say_which_of_the_versions_that_read_it_it_means() {
        let homes = homes(&["4.1.0", "4.1.4", "4.3.0", "3.5.6"]);
        let mut command = command("4.1.0");
        for (asked, expected) in [
            ("4.1.0", "4.1.0"),
            ("4.1.2", "4.1.4"),
            ("4.2.0", "4.3.0"),
            // It does not read the command.
            ("3.5.6", "4.3.0"),
            ("", "4.3.0"),
        ] {
            let asked = (VERSION_VARIABLE.to_owned(), asked.to_owned());
            command.environment = BTreeMap::from([asked.clone()]);
            assert_eq!(chosen(&homes, &command), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_command_that_no_home_reads_is_answered_with_what_there_is() {
        let error = choose(&homes(&["3.5.6", "4.1.0"]), &command("4.0.1")).unwrap_err();
        assert_eq!(
            error,
            "it needs Spark 4.0 (Scala 2.13), and this worker has only Spark 3.5.6, 4.1.0"
        );
        let error = choose(&[], &command("4.0.1")).unwrap_err();
        assert!(error.ends_with("has no Spark home"), "{error}");
    }
}

//! Configuration of masters and workers: a TOML file, the environment and flags, in growing weight.
//!
//! The same names are keys in the file and flags (`data_dir` is `--data-dir`); each role's struct says
//! what they mean, `config/master.toml` and `config/worker.toml` are annotated samples.

pub mod checks;
pub mod master;
pub mod spark_home;
pub mod worker;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{DeserializeOwned, Deserializer, Visitor};

use crate::units;

/// Largest configuration file that is read, in bytes: a bound against a wrong path.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration file {path} can't be read: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not a configuration: the message has line and column.
    #[error("the configuration file {path}: {message}", path = .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what would be right.
        message: String,
    },
    /// A setting that must be there is not.
    #[error("{key} is not set: {wanted}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
    /// A setting can't be used.
    #[error("{key}: {found} is not {wanted}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What would be right.
        wanted: String,
    },
    /// Two settings contradict each other; the text has both with their values.
    #[error("{0}")]
    Contradiction(String),
}

/// The settings in the file at `path`.
///
/// # Errors
/// When it can't be read or understood; an unknown key is an error that lists the valid ones.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let wrong = |message| ConfigError::Toml {
        path: path.to_owned(),
        message,
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(format!(
            "{size} bytes are not a configuration, which has at most 1 MiB"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    toml::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// A length of time in a file: text with its unit.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    parsed(
        deserializer,
        "a length of time with its unit, such as \"60s\" or \"500ms\"",
        units::duration,
    )
}

/// An amount of memory in a file: text with its unit.
fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    parsed(
        deserializer,
        "an amount of memory with its unit, such as \"4g\" or \"512m\"",
        units::memory,
    )
}

fn parsed<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    struct Text<T>(&'static str, fn(&str) -> Result<T, String>);

    impl<T> Visitor<'_> for Text<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<T>, E> {
            (self.1)(text).map(Some).map_err(E::custom)
        }
    }

    deserializer.deserialize_any(Text(expected, parse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        #[serde(deserialize_with = "time")]
        pause: Option<Duration>,
        #[serde(deserialize_with = "memory")]
        room: Option<u64>,
    }

    fn parse(text: &str) -> Result<Sample, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bare_number_is_refused_with_what_would_be_right() {
        let sample = parse("pause = \"500ms\"\nroom = \"2g\"").unwrap();
        assert_eq!(
            (sample.pause, sample.room),
            (Some(Duration::from_millis(500)), Some(2048))
        );
        let error = parse("pause = 60").unwrap_err();
        assert!(error.contains("with its unit, such as \"60s\""), "{error}");
        let error = parse("room = \"10\"").unwrap_err();
        assert!(error.contains("no unit"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_valid_ones_and_its_line() {
        let error = parse("\npauze = \"1s\"").unwrap_err();
        for words in ["line 2", "pauze", "`pause`", "`room`"] {
            assert!(error.contains(words), "{words}: {error}");
        }
        assert!(
            parse("pause = \"1s\"\npause = \"2s\"").is_err(),
            "a key twice"
        );
    }

    #[test]
    fn a_file_that_can_t_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("absent.toml")] {
            let error = read::<Sample>(&path).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
        let binary = dir.path().join("binary");
        std::fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(read::<Sample>(&binary).is_err());
    }
}

//! Between what the conversations say of Spark and Vesta's own types.
//!
//! A Spark command carries the environment of whoever submitted it: no error here shows any of its texts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use vesta_types::limits::{
    ARGS_MAX, CLASS_NAME_BYTES_MAX, HOST_BYTES_MAX, LAUNCH_BYTES_MAX, NAME_BYTES_MAX,
    SPARK_HOMES_MAX, SPARK_VERSION_BYTES_MAX,
};
use vesta_types::{Dialect, SparkCommand, SparkPeer, SparkRelease};

use crate::error::ConvertError;
use crate::spark;

const SCALA_2_12: u32 = 212;
const SCALA_2_13: u32 = 213;

/// Counts only.
impl fmt::Debug for spark::Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("release", &self.release)
            .field("arguments", &self.arguments.len())
            .field("environment", &self.environment.len())
            .finish_non_exhaustive()
    }
}

impl From<SparkRelease> for spark::Release {
    fn from(release: SparkRelease) -> spark::Release {
        spark::Release {
            scala: match release.dialect {
                Dialect::Scala212 => SCALA_2_12,
                Dialect::Scala213 => SCALA_2_13,
            },
            reference_uid: release.reference_uid,
        }
    }
}

impl TryFrom<spark::Release> for SparkRelease {
    type Error = ConvertError;

    fn try_from(wire: spark::Release) -> Result<SparkRelease, ConvertError> {
        let dialect = match wire.scala {
            SCALA_2_12 => Dialect::Scala212,
            SCALA_2_13 => Dialect::Scala213,
            other => {
                let wanted = "212 (Spark 3.4 and 3.5) or 213 (Spark 4.x)";
                return Err(ConvertError::value("spark.scala", other, wanted));
            }
        };
        Ok(SparkRelease {
            dialect,
            reference_uid: wire.reference_uid,
        })
    }
}

impl From<&SparkCommand> for spark::Command {
    fn from(command: &SparkCommand) -> spark::Command {
        spark::Command {
            release: Some(command.release.into()),
            main_class: command.main_class.clone(),
            arguments: command.arguments.clone(),
            environment: command.environment.clone().into_iter().collect(),
            class_path: command.class_path.clone(),
            library_path: command.library_path.clone(),
            java_opts: command.java_opts.clone(),
        }
    }
}

impl TryFrom<spark::Command> for SparkCommand {
    type Error = ConvertError;

    fn try_from(wire: spark::Command) -> Result<SparkCommand, ConvertError> {
        let release = wire.release.ok_or_else(|| {
            ConvertError::missing("spark.release", "the releases that can run it")
        })?;
        let command = SparkCommand {
            release: release.try_into()?,
            main_class: wire.main_class,
            arguments: wire.arguments,
            environment: wire.environment.into_iter().collect(),
            class_path: wire.class_path,
            library_path: wire.library_path,
            java_opts: wire.java_opts,
        };
        check_command(&command)?;
        Ok(command)
    }
}

/// Whether a process can be started from this command, wherever it came from.
///
/// # Errors
/// The first value that can't be taken, without its text, and what would be right.
pub fn check_command(command: &SparkCommand) -> Result<(), ConvertError> {
    let class = &command.main_class;
    let plain = !class.chars().any(|c| c.is_control() || c.is_whitespace());
    if class.is_empty() || class.len() > CLASS_NAME_BYTES_MAX || !plain {
        let found = format!("{} bytes", class.len());
        let wanted =
            format!("the name of a class: 1 to {CLASS_NAME_BYTES_MAX} bytes without blanks");
        return Err(ConvertError::value("spark.main_class", found, wanted));
    }
    for (field, texts) in [
        ("spark.arguments", &command.arguments),
        ("spark.class_path", &command.class_path),
        ("spark.library_path", &command.library_path),
        ("spark.java_opts", &command.java_opts),
    ] {
        if texts.len() > ARGS_MAX {
            let found = format!("{} texts", texts.len());
            return Err(ConvertError::value(
                field,
                found,
                format!("at most {ARGS_MAX} of them"),
            ));
        }
        no_nul(field, texts)?;
        bytes_at_most(field, texts.iter().map(|text| text.len() + 1).sum())?;
    }
    const ENVIRONMENT: &str = "spark.environment";
    let environment = &command.environment;
    if environment
        .keys()
        .any(|name| name.is_empty() || name.contains('='))
    {
        let wanted = "a name that is not empty and without `=`, for each variable";
        return Err(ConvertError::value(ENVIRONMENT, "a name", wanted));
    }
    no_nul(ENVIRONMENT, environment.keys().chain(environment.values()))?;
    let pairs = environment.iter();
    let bytes = pairs
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    bytes_at_most(ENVIRONMENT, bytes)
}

fn no_nul<'a>(
    field: &'static str,
    texts: impl IntoIterator<Item = &'a String>,
) -> Result<(), ConvertError> {
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(ConvertError::value(field, "a text with NUL", "without NUL"));
    }
    Ok(())
}

fn bytes_at_most(field: &'static str, bytes: usize) -> Result<(), ConvertError> {
    if bytes <= LAUNCH_BYTES_MAX {
        return Ok(());
    }
    let wanted = format!("at most {LAUNCH_BYTES_MAX} bytes in all (128 KiB)");
    Err(ConvertError::value(field, format!("{bytes} bytes"), wanted))
}

/// Whether a Spark process can be dialled and shown by what it says of itself.
///
/// # Errors
/// When its host, port or endpoint can't be taken.
pub fn check_peer(peer: &SparkPeer) -> Result<(), ConvertError> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
    if peer.host.is_empty() || peer.host.len() > HOST_BYTES_MAX || !plain(&peer.host) {
        let wanted = format!("a host name or address of 1 to {HOST_BYTES_MAX} bytes");
        return Err(ConvertError::text("spark.host", &peer.host, wanted));
    }
    if peer.port == 0 {
        return Err(ConvertError::value(
            "spark.port",
            0,
            "a port from 1 to 65535",
        ));
    }
    let endpoint = &peer.endpoint;
    if endpoint.is_empty() || endpoint.len() > NAME_BYTES_MAX || !plain(endpoint) {
        let wanted = format!("the name of an endpoint: 1 to {NAME_BYTES_MAX} bytes without blanks");
        return Err(ConvertError::text("spark.endpoint", endpoint, wanted));
    }
    Ok(())
}

/// The homes of Spark that a worker names.
///
/// # Errors
/// When there are too many, or a version or a release can't be taken.
pub(crate) fn homes(
    wire: HashMap<String, spark::Release>,
) -> Result<BTreeMap<String, SparkRelease>, ConvertError> {
    const FIELD: &str = "spark_homes";
    if wire.len() > SPARK_HOMES_MAX {
        let wanted = format!("at most {SPARK_HOMES_MAX} homes of Spark");
        return Err(ConvertError::value(FIELD, wire.len(), wanted));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut homes = BTreeMap::new();
    for (version, release) in wire {
        let fits = (1..=SPARK_VERSION_BYTES_MAX).contains(&version.len());
        if !fits || !version.chars().all(plain) {
            let wanted = format!("a version of 1 to {SPARK_VERSION_BYTES_MAX} bytes such as 4.0.1");
            return Err(ConvertError::text(FIELD, &version, wanted));
        }
        homes.insert(version, release.try_into()?);
    }
    Ok(homes)
}

/// The homes of Spark, as they go over the wire.
pub(crate) fn homes_to_wire(
    homes: &BTreeMap<String, SparkRelease>,
) -> HashMap<String, spark::Release> {
    let wire = homes.iter();
    wire.map(|(version, release)| (version.clone(), (*release).into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> SparkCommand {
        let list = |text: &str| vec![text.to_owned()];
        SparkCommand {
            release: SparkRelease::of_version("4.0.1").unwrap(),
            main_class: "org.example.Main".to_owned(),
            arguments: list("{{WORKER_URL}}"),
            environment: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
            class_path: list("/a.jar"),
            library_path: list("/lib"),
            java_opts: list("-Xss1m"),
        }
    }

    #[test]
    fn a_command_comes_back_as_it_went_out_and_shows_none_of_its_texts() {
        let unknown = SparkRelease {
            dialect: Dialect::Scala212,
            reference_uid: None,
        };
        for release in [command().release, unknown] {
            let command = SparkCommand {
                release,
                ..command()
            };
            let wire = spark::Command::from(&command);
            let shown = format!("{wire:?}");
            for text in ["WORKER_URL", "\"b\"", "/a.jar"] {
                assert!(!shown.contains(text), "{shown}");
            }
            assert_eq!(SparkCommand::try_from(wire), Ok(command));
        }
    }

    #[test]
    fn a_command_that_can_t_be_taken_is_refused_by_field_and_shows_no_text() {
        let large = || "secret".repeat(LAUNCH_BYTES_MAX / 6 + 1);
        let spoilt = |spoil: &dyn Fn(&mut SparkCommand)| {
            let mut command = command();
            spoil(&mut command);
            SparkCommand::try_from(spark::Command::from(&command)).unwrap_err()
        };
        let many = || vec!["secret".to_owned(); ARGS_MAX + 1];
        let nul = || "secret\0".to_owned();
        for (field, error) in [
            ("spark.main_class", spoilt(&|c| c.main_class.clear())),
            (
                "spark.main_class",
                spoilt(&|c| c.main_class = "secret x".to_owned()),
            ),
            ("spark.main_class", spoilt(&|c| c.main_class = large())),
            ("spark.arguments", spoilt(&|c| c.arguments = many())),
            ("spark.arguments", spoilt(&|c| c.arguments.push(nul()))),
            ("spark.class_path", spoilt(&|c| c.class_path.push(large()))),
            (
                "spark.library_path",
                spoilt(&|c| c.library_path.push(nul())),
            ),
            ("spark.java_opts", spoilt(&|c| c.java_opts.push(nul()))),
            (
                "spark.environment",
                spoilt(&|c| drop(c.environment.insert(nul(), nul()))),
            ),
            (
                "spark.environment",
                spoilt(&|c| drop(c.environment.insert(String::new(), large()))),
            ),
            (
                "spark.environment",
                spoilt(&|c| drop(c.environment.insert("a=secret".into(), nul()))),
            ),
            (
                "spark.environment",
                spoilt(&|c| drop(c.environment.insert("a".into(), large()))),
            ),
        ] {
            assert_eq!(error.field, field, "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let none = spark::Command {
            release: None,
            ..spark::Command::from(&command())
        };
        let error = SparkCommand::try_from(none).unwrap_err();
        assert_eq!(error.field, "spark.release");
    }

    #[test]
    fn a_release_of_another_scala_is_refused() {
        let wire = spark::Release {
            scala: 211,
            reference_uid: None,
        };
        let error = SparkRelease::try_from(wire).unwrap_err();
        assert_eq!(error.field, "spark.scala");
    }

    #[test]
    fn a_peer_that_can_t_be_dialled_is_refused_by_field() {
        let peer = SparkPeer {
            host: "h".to_owned(),
            port: 1,
            endpoint: "Worker".to_owned(),
            release: command().release,
        };
        check_peer(&peer).unwrap();
        let spoilt = |spoil: &dyn Fn(&mut SparkPeer)| {
            let mut peer = peer.clone();
            spoil(&mut peer);
            check_peer(&peer).unwrap_err().field
        };
        assert_eq!(spoilt(&|peer| peer.host.clear()), "spark.host");
        assert_eq!(spoilt(&|peer| peer.host = "a b".to_owned()), "spark.host");
        assert_eq!(spoilt(&|peer| peer.port = 0), "spark.port");
        assert_eq!(
            spoilt(&|peer| peer.endpoint = "\n".to_owned()),
            "spark.endpoint"
        );
    }
}

//! What the cluster knows of Apache Spark's own workers, applications and programs.
//!
//! Which numbers belong to which release was read from the class files of Spark 3.4.4 to 4.3.0.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The `serialVersionUID` of Spark's `RpcEndpointRef` in 3.4 and 3.5.
const UID_3_4: i64 = -2_184_441_956_866_814_275;
/// In 4.0.
const UID_4_0: i64 = 3_898_290_494_905_438_830;
/// In 4.1 and what came after it so far.
const UID_4_1: i64 = -6_062_078_299_962_416_402;

/// The Scala that a Spark is built with. It decides how collections and singletons are written, and
/// with that which messages a peer can read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// Scala 2.12: Spark 3.4 and 3.5.
    Scala212,
    /// Scala 2.13: Spark 4.x.
    Scala213,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::Scala212 => "Scala 2.12",
            Dialect::Scala213 => "Scala 2.13",
        })
    }
}

/// Releases of Spark that read each other's messages, as far as they can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SparkRelease {
    /// What they are built with.
    pub dialect: Dialect,
    /// The `serialVersionUID` of their `RpcEndpointRef`; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_uid: Option<i64>,
}

impl SparkRelease {
    /// The releases that `version` belongs to, such as `4.0.1`; `None` for one that Vesta does not
    /// speak with. Releases of 4.x that are yet to come are taken to be as 4.1 to 4.3 are.
    pub fn of_version(version: &str) -> Option<SparkRelease> {
        let mut parts = version.split('.');
        let mut number = || parts.next()?.parse::<u32>().ok();
        let (dialect, uid) = match (number()?, number()?) {
            (3, 4 | 5) => (Dialect::Scala212, UID_3_4),
            (4, 0) => (Dialect::Scala213, UID_4_0),
            (4, _) => (Dialect::Scala213, UID_4_1),
            _ => return None,
        };
        Some(SparkRelease {
            dialect,
            reference_uid: Some(uid),
        })
    }

    /// Whether these releases and `other` read each other's messages. One whose
    /// [`reference_uid`](Self::reference_uid) is not known is taken to read all of its dialect.
    pub fn reads(&self, other: &SparkRelease) -> bool {
        let known = self.reference_uid.zip(other.reference_uid);
        self.dialect == other.dialect && known.is_none_or(|(own, other)| own == other)
    }
}

impl fmt::Display for SparkRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = self.dialect;
        match (dialect, self.reference_uid) {
            (Dialect::Scala212, Some(UID_3_4)) => write!(f, "Spark 3.4-3.5 ({dialect})"),
            (Dialect::Scala213, Some(UID_4_0)) => write!(f, "Spark 4.0 ({dialect})"),
            (Dialect::Scala213, Some(UID_4_1)) => write!(f, "Spark 4.1 or later ({dialect})"),
            (_, Some(uid)) => write!(f, "Spark ({dialect}, RpcEndpointRef uid {uid})"),
            (_, None) => write!(f, "Spark ({dialect})"),
        }
    }
}

/// An endpoint of a Spark process, as the reference that it sent names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SparkPeer {
    /// The host that it says it is reached under.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The endpoint's name, such as `Worker` or `AppClient`.
    pub endpoint: String,
    /// What it runs.
    pub release: SparkRelease,
}

impl SparkPeer {
    /// How long its texts are together, in bytes.
    pub fn bytes(&self) -> usize {
        self.host.len() + self.endpoint.len()
    }

    /// Whether `other` is the same endpoint of the same process. Hosts and ports are used again by
    /// later processes.
    pub fn is_at(&self, other: &SparkPeer) -> bool {
        (&self.host, self.port, &self.endpoint) == (&other.host, other.port, &other.endpoint)
    }
}

impl fmt::Display for SparkPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spark://{}@{}:{}", self.endpoint, self.host, self.port)
    }
}

/// What a worker of Spark's own has beside that of every worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparkWorker {
    /// How it is reached.
    pub peer: SparkPeer,
    /// Its web pages; empty if it has none.
    pub web_ui: String,
}

/// What an application of Spark's has beside that of every application. Its description, as its driver
/// sent it, is the application's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparkApplication {
    /// How its driver is reached.
    pub peer: SparkPeer,
    /// Who runs it, by its own word.
    pub user: String,
}

impl SparkApplication {
    /// How long its texts are together, in bytes.
    pub fn bytes(&self) -> usize {
        self.peer.bytes() + self.user.len()
    }
}

/// What Spark starts: its `Command`. The worker makes the command line of it, from a Spark home that it
/// has.
///
/// It carries the environment of whoever submitted it, so [`Debug`](fmt::Debug) shows the main class and
/// counts only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparkCommand {
    /// The releases that can run it.
    pub release: SparkRelease,
    /// The class whose `main` is called.
    pub main_class: String,
    /// Its arguments; `{{…}}` is replaced by the worker where it is a whole argument.
    pub arguments: Vec<String>,
    /// The environment that it asks for.
    pub environment: BTreeMap<String, String>,
    /// Its class path, before the home's own.
    pub class_path: Vec<String>,
    /// Where it looks for native libraries.
    pub library_path: Vec<String>,
    /// Options of its JVM.
    pub java_opts: Vec<String>,
}

impl SparkCommand {
    /// How long its texts are together, in bytes.
    pub fn bytes(&self) -> usize {
        let lists = [
            &self.arguments,
            &self.class_path,
            &self.library_path,
            &self.java_opts,
        ];
        let lists = lists.into_iter().flatten().map(String::len);
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| name.len() + value.len());
        self.main_class.len() + lists.chain(environment).sum::<usize>()
    }
}

impl fmt::Debug for SparkCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparkCommand")
            .field("release", &self.release)
            .field("main_class", &self.main_class)
            .field("arguments", &self.arguments.len())
            .field("environment", &self.environment.len())
            .field("class_path", &self.class_path.len())
            .field("library_path", &self.library_path.len())
            .field("java_opts", &self.java_opts.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str) -> SparkRelease {
        SparkRelease::of_version(version).unwrap()
    }

    #[test]
    fn releases_are_told_apart_by_version_and_only_those_alike_read_each_other() {
        assert_eq!(release("3.4.4"), release("3.5.6"));
        assert_eq!(release("4.1.0"), release("4.3.0"));
        let kinds = ["3.5.6", "4.0.1", "4.1.4"].map(release);
        for (a, one) in kinds.iter().enumerate() {
            for (b, other) in kinds.iter().enumerate() {
                assert_eq!(one.reads(other), a == b, "{one} and {other}");
            }
        }
        for version in ["", "3", "3.3.4", "5.0.0", "2.4.8", "four.0", "4"] {
            assert_eq!(SparkRelease::of_version(version), None, "{version:?}");
        }
    }

    #[test]
    fn one_whose_uid_is_not_known_reads_all_of_its_dialect() {
        let unknown = SparkRelease {
            dialect: Dialect::Scala213,
            reference_uid: None,
        };
        for version in ["4.0.1", "4.1.0"] {
            assert!(unknown.reads(&release(version)) && release(version).reads(&unknown));
        }
        assert!(!unknown.reads(&release("3.5.6")) && !release("3.5.6").reads(&unknown));
    }

    #[test]
    fn debug_shows_nothing_of_a_command_but_its_class_and_counts() {
        let secret = || "hunter2".to_owned();
        let command = SparkCommand {
            release: release("4.0.1"),
            main_class: "org.example.Main".to_owned(),
            arguments: vec![secret()],
            environment: BTreeMap::from([(secret(), secret())]),
            class_path: vec![secret()],
            library_path: vec![secret()],
            java_opts: vec![secret()],
        };
        let shown = format!("{command:?} {command:#?}");
        assert!(shown.contains("org.example.Main"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(command.bytes(), "org.example.Main".len() + 6 * 7);
    }
}

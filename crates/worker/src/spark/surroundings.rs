//! What a Spark program's command line depends on beside the command itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use vesta_types::SparkCommand;

use super::SparkHome;
use super::find::{is_executable, java_in};

/// What Spark programs get of the worker's own environment beside what every program gets: what Spark's
/// documentation has set for its own workers, and means for what they run.
pub const INHERITED: [&str; 15] = [
    "SPARK_CONF_DIR",
    "SPARK_LOCAL_DIRS",
    "SPARK_LOCAL_IP",
    "SPARK_LOCAL_HOSTNAME",
    "SPARK_PUBLIC_DNS",
    "SPARK_DIST_CLASSPATH",
    "HADOOP_HOME",
    "HADOOP_CONF_DIR",
    "YARN_CONF_DIR",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "PYSPARK_PYTHON",
    "PYSPARK_DRIVER_PYTHON",
    "PYTHONPATH",
    "PYTHONHASHSEED",
];

/// What a Spark program's command line depends on beside the command itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What counts of the worker's own environment.
    pub environment: BTreeMap<String, String>,
    /// The directory with Spark's configuration, if there is one.
    pub conf_dir: Option<PathBuf>,
    /// The home's jars of SLF4J's interface.
    pub slf4j_jars: Vec<PathBuf>,
    /// The `java` that the command asks for by its `JAVA_HOME`, if it is here.
    pub java: Option<PathBuf>,
}

impl Surroundings {
    /// Looks at what is around `command` in `home`. `own` gives the variables of the worker's environment.
    pub fn look(
        command: &SparkCommand,
        home: &SparkHome,
        own: impl Fn(&str) -> Option<String>,
    ) -> Surroundings {
        let names = INHERITED.into_iter().chain(["LD_LIBRARY_PATH"]);
        let environment = names.filter_map(|name| Some((name.to_owned(), own(name)?)));
        let environment: BTreeMap<_, _> = environment.collect();
        // Those of another machine, whose environment came with a driver, are not here.
        let asked = |name: &str| command.environment.get(name).map(PathBuf::from);
        let own_conf = environment.get("SPARK_CONF_DIR").map(PathBuf::from);
        let conf_dirs = [
            asked("SPARK_CONF_DIR"),
            own_conf,
            Some(home.path.join("conf")),
        ];
        let conf_dir = conf_dirs.into_iter().flatten().find(|dir| dir.is_dir());
        let java = asked("JAVA_HOME").map(|home| java_in(&home));
        Surroundings {
            conf_dir,
            slf4j_jars: slf4j_jars(&home.path.join("jars")),
            java: java.filter(|java| is_executable(java)),
            environment,
        }
    }
}

fn slf4j_jars(jars: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(jars).into_iter().flatten().flatten();
    let is_slf4j = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("slf4j-api-") && name.ends_with(".jar"))
    };
    let mut found: Vec<_> = entries.map(|it| it.path()).filter(is_slf4j).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::spark::tests::command;

    #[test]
    fn what_a_command_names_counts_only_if_it_is_here() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let text = |name: &str| path(name).display().to_string();
        fs::create_dir_all(path("spark/jars")).unwrap();
        for jar in ["slf4j-api-2.jar", "slf4j-api-2.txt", "jul-to-slf4j-2.jar"] {
            fs::write(path("spark/jars").join(jar), "").unwrap();
        }
        let home = SparkHome {
            path: path("spark"),
            version: "4.0.1".to_owned(),
            release: vesta_types::SparkRelease::of_version("4.0.1").unwrap(),
            java: "java".into(),
        };
        let mut command = command("4.0.1");
        let mut set = |name: &str, value: String| command.environment.insert(name.into(), value);
        set("SPARK_CONF_DIR", text("asked"));
        set("JAVA_HOME", text("jdk"));
        let own = |name: &str| match name {
            "SPARK_CONF_DIR" => Some(text("own")),
            "PYSPARK_PYTHON" => Some("python3".to_owned()),
            "LD_LIBRARY_PATH" => Some("/lib".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("hunter2".to_owned()),
            _ => None,
        };
        let look = || Surroundings::look(&command, &home, own);
        let none = look();
        assert_eq!((none.conf_dir, none.java), (None, None));
        assert_eq!(none.slf4j_jars, [path("spark/jars/slf4j-api-2.jar")]);
        let names: Vec<_> = none.environment.keys().collect();
        assert_eq!(
            names,
            ["LD_LIBRARY_PATH", "PYSPARK_PYTHON", "SPARK_CONF_DIR"]
        );
        for name in ["spark/conf", "own", "asked"] {
            fs::create_dir(path(name)).unwrap();
            assert_eq!(look().conf_dir, Some(path(name)));
        }
        fs::create_dir_all(path("jdk/bin")).unwrap();
        fs::write(path("jdk/bin/java"), "").unwrap();
        assert_eq!(look().java, None);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path("jdk/bin/java"), executable).unwrap();
        assert_eq!(look().java, Some(path("jdk/bin/java")));
    }
}

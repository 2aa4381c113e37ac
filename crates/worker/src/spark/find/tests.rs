use tempfile::TempDir;

use super::*;

/// A directory with Spark homes and Javas in it.
struct Machine {
    dir: TempDir,
    java_home: Option<OsString>,
    path: OsString,
}

impl Machine {
    /// One whose `PATH` has a `java`.
    fn new() -> Machine {
        let dir = TempDir::new().unwrap();
        let machine = Machine {
            java_home: None,
            path: dir.path().join("jdk/bin").into_os_string(),
            dir,
        };
        machine.java("jdk");
        machine
    }

    fn write(&self, path: &str) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        path
    }

    fn java(&self, home: &str) {
        let java = self.write(&format!("{home}/bin/java"));
        fs::set_permissions(java, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn setting(&self, home: &str) -> HomeSetting {
        HomeSetting {
            path: self.dir.path().join(home),
            java_home: None,
        }
    }

    /// A Spark home with these jars.
    fn spark(&self, home: &str, jars: &[&str]) -> HomeSetting {
        for jar in jars {
            self.write(&format!("{home}/jars/{jar}"));
        }
        self.setting(home)
    }

    fn find(&self, settings: &[HomeSetting]) -> Result<Vec<SparkHome>, String> {
        let variable = |name: &str| match name {
            "JAVA_HOME" => self.java_home.clone(),
            "PATH" => Some(self.path.clone()),
            _ => None,
        };
        find(settings, variable).map_err(|error| error.to_string())
    }

    fn refusal(&self, settings: &[HomeSetting]) -> String {
        self.find(settings).unwrap_err()
    }
}

#[test]
fn homes_are_known_by_their_core_jar() {
    let machine = Machine::new();
    let old = machine.spark("old", &["spark-core_2.12-3.5.6.jar", "x.jar"]);
    let new = machine.spark(
        "new",
        &[
            "spark-core_2.13-4.0.1.jar",
            "spark-core_2.13-4.0.1-tests.jar",
            "spark-core.txt",
        ],
    );
    let homes = machine.find(&[old, new]).unwrap();
    let root = machine.dir.path().canonicalize().unwrap();
    let found: Vec<_> = homes.iter().map(|it| (&it.path, &*it.version)).collect();
    assert_eq!(
        found,
        [(&root.join("old"), "3.5.6"), (&root.join("new"), "4.0.1")]
    );
    let release = |version| SparkRelease::of_version(version).unwrap();
    let told = crate::spark::versions(&homes);
    let expected = ["3.5.6", "4.0.1"].map(|it| (it.to_owned(), release(it)));
    assert_eq!(told, BTreeMap::from(expected));
}

#[test]
fn a_home_behind_a_link_stays_what_it_was_when_the_link_moves() {
    let machine = Machine::new();
    machine.spark("spark-4.0.1", &["spark-core_2.13-4.0.1.jar"]);
    let root = machine.dir.path().canonicalize().unwrap();
    std::os::unix::fs::symlink("spark-4.0.1", root.join("current")).unwrap();
    let homes = machine.find(&[machine.setting("current")]).unwrap();
    assert_eq!(homes[0].path, root.join("spark-4.0.1"));
}

#[test]
fn a_home_that_can_t_be_used_is_named_with_what_was_found_and_what_would_be_right() {
    let machine = Machine::new();
    let several = ["spark-core_2.13-4.0.1.jar", "spark-core_2.12-3.5.6.jar"];
    for (setting, words) in [
        (machine.setting("nowhere"), "No such file"),
        (machine.setting("jdk"), "jars/spark-core_2.13-4.0.1.jar"),
        (
            machine.spark("empty", &["x.jar"]),
            "there is no spark-core jar",
        ),
        (
            machine.spark("two", &several),
            "only one of them can be meant",
        ),
        (
            machine.spark("older", &["spark-core_2.12-3.3.4.jar"]),
            "it is Spark 3.3.4 built with Scala 2.12; this worker runs",
        ),
        (
            machine.spark("mixed", &["spark-core_2.13-3.5.6.jar"]),
            "it is Spark 3.5.6 built with Scala 2.13; this worker runs",
        ),
        (
            machine.spark("a:b", &["spark-core_2.13-4.0.1.jar"]),
            "without \":\"",
        ),
    ] {
        let error = machine.refusal(std::slice::from_ref(&setting));
        let path = setting.path.display().to_string();
        assert!(error.contains(&path) && error.contains(words), "{error}");
    }
}

#[test]
fn two_homes_of_one_version_are_refused() {
    let machine = Machine::new();
    let one = machine.spark("one", &["spark-core_2.13-4.0.1.jar"]);
    let other = machine.spark("other", &["spark-core_2.13-4.0.1.jar"]);
    let error = machine.refusal(&[one.clone(), other.clone()]);
    for words in [&one.path, &other.path].map(|path| path.display().to_string()) {
        assert!(error.contains(&words), "{error}");
    }
    assert!(error.contains("Spark 4.0.1"), "{error}");
}

#[test]
fn java_is_the_home_s_own_then_that_of_java_home_then_that_of_path() {
    let mut machine = Machine::new();
    let mut setting = machine.spark("spark", &["spark-core_2.13-4.0.1.jar"]);
    let root = machine.dir.path().to_owned();
    let java = |machine: &Machine, setting: &HomeSetting| {
        let homes = machine.find(std::slice::from_ref(setting))?;
        Ok::<_, String>(homes[0].java.clone())
    };
    assert_eq!(java(&machine, &setting), Ok(root.join("jdk/bin/java")));
    machine.java("own");
    machine.java_home = Some(root.join("own").into_os_string());
    assert_eq!(java(&machine, &setting), Ok(root.join("own/bin/java")));
    machine.java("special");
    setting.java_home = Some(root.join("special"));
    assert_eq!(java(&machine, &setting), Ok(root.join("special/bin/java")));
    // One that was said to be there and is not is never replaced by another.
    setting.java_home = Some(root.join("gone"));
    let error = java(&machine, &setting).unwrap_err();
    assert!(
        error.contains("java_home is") && error.contains("gone"),
        "{error}"
    );
    setting.java_home = None;
    machine.write("plain/bin/java");
    machine.java_home = Some(root.join("plain").into_os_string());
    let error = java(&machine, &setting).unwrap_err();
    assert!(error.contains("JAVA_HOME is"), "{error}");
    machine.java_home = Some(OsString::new());
    machine.path = root.join("plain/bin").into_os_string();
    let error = java(&machine, &setting).unwrap_err();
    assert!(error.contains("there is no java"), "{error}");
}

//! Looking at the Spark homes that a worker is told of, at its start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use vesta_types::{Dialect, SparkRelease};

use super::SparkHome;

/// A Spark home as a worker is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeSetting {
    /// The directory that has Spark's `jars` in it.
    pub path: PathBuf,
    /// The directory that has `bin/java` in it; by default the worker's `JAVA_HOME`, else `java` is
    /// looked up in its `PATH`.
    pub java_home: Option<PathBuf>,
}

/// Why a Spark home can't be used.
#[derive(Debug, thiserror::Error)]
#[error("spark home {path}: {problem}", path = .path.display())]
pub struct HomeError {
    /// The home as it was told.
    pub path: PathBuf,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

/// Looks at every home. `environment` is the worker's own, of which `JAVA_HOME` and `PATH` count.
///
/// # Errors
/// The first that is no Spark home, is of a version that Vesta does not know or that another one has, or
/// has no Java.
pub fn find(
    settings: &[HomeSetting],
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<SparkHome>, HomeError> {
    let mut versions: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut homes = Vec::new();
    for setting in settings {
        let path = setting.path.clone();
        let home = look(setting, &environment).map_err(|problem| HomeError {
            path: path.clone(),
            problem,
        })?;
        if let Some(other) = versions.insert(home.version.clone(), path.clone()) {
            let problem = format!(
                "it is Spark {}, and so is {}: give one home per version",
                home.version,
                other.display()
            );
            return Err(HomeError { path, problem });
        }
        homes.push(home);
    }
    Ok(homes)
}

fn look(
    setting: &HomeSetting,
    environment: &impl Fn(&str) -> Option<OsString>,
) -> Result<SparkHome, String> {
    let path = fs::canonicalize(&setting.path).map_err(|error| error.to_string())?;
    if path.to_str().is_none_or(|path| path.contains(':')) {
        return Err(
            "its path must be UTF-8 without \":\", which separates the entries of a class path"
                .to_owned(),
        );
    }
    let (scala, version) = core_jar(&path.join("jars"))?;
    let known = SparkRelease::of_version(&version);
    let release = known.filter(|release| scala == scala_of(release.dialect));
    let release = release.ok_or_else(|| {
        format!(
            "it is Spark {version} built with Scala {scala}; this worker runs Spark 3.4 and 3.5 (Scala \
             2.12) and 4.x (Scala 2.13)"
        )
    })?;
    Ok(SparkHome {
        java: java(setting.java_home.as_deref(), environment)?,
        path,
        version,
        release,
    })
}

/// The Scala that releases of this dialect are built with, as Spark's jars name it.
pub(super) fn scala_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Scala212 => "2.12",
        Dialect::Scala213 => "2.13",
    }
}

/// The versions of Scala and of Spark, from the name of the one `spark-core_SCALA-VERSION.jar`. Each home
/// has it, while `RELEASE` is not in what comes by `pip`.
fn core_jar(jars: &Path) -> Result<(String, String), String> {
    let wanted = "a Spark home has jars/spark-core_2.13-4.0.1.jar or the like in it";
    let unreadable =
        |error: io::Error| format!("cannot read {}: {error}; {wanted}", jars.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(jars).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let version = name.to_str().and_then(|name| {
            let rest = name.strip_prefix("spark-core_")?.strip_suffix(".jar")?;
            let (scala, version) = rest.split_once('-')?;
            Some((scala.to_owned(), version.to_owned()))
        });
        // Beside it there may be its tests' or sources' jar.
        found.extend(version.filter(|(_, version)| {
            !["-tests", "-sources", "-javadoc"]
                .iter()
                .any(|kind| version.ends_with(kind))
        }));
    }
    found.sort();
    match <[_; 1]>::try_from(found) {
        Ok([version]) => Ok(version),
        Err(none) if none.is_empty() => Err(format!(
            "there is no spark-core jar in {}; {wanted}",
            jars.display()
        )),
        Err(several) => {
            let several: Vec<_> = several
                .iter()
                .map(|(scala, version)| format!("spark-core_{scala}-{version}.jar"))
                .collect();
            Err(format!(
                "there are {} in {}, and only one of them can be meant",
                several.join(" and "),
                jars.display()
            ))
        }
    }
}

fn java(
    java_home: Option<&Path>,
    environment: &impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, String> {
    let own = environment("JAVA_HOME").filter(|home| !home.is_empty());
    let own = own.as_ref().map(|home| ("JAVA_HOME", Path::new(home)));
    let given = java_home.map(|home| ("its java_home", home));
    if let Some((name, home)) = given.or(own) {
        let java = java_in(home);
        return is_executable(&java).then_some(java).ok_or_else(|| {
            let home = home.display();
            format!("{name} is {home}, and there is no program bin/java in it")
        });
    }
    let path = environment("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|dir| dir.join("java"));
    candidates.find(|java| is_executable(java)).ok_or_else(|| {
        "there is no java to run it with: set java_home for it, or JAVA_HOME or PATH for this worker"
            .to_owned()
    })
}

/// Where a Java that is installed in `home` has its program.
pub(super) fn java_in(home: &Path) -> PathBuf {
    home.join("bin").join("java")
}

pub(super) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;

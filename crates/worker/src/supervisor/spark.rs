//! One of Spark's own programs: its command line, and what it finds around it.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use vesta_types::{SparkCommand, Work};

use crate::spark::{
    self, CommandLine, INHERITED, Kind, Run, Surroundings, command_line, resources_file,
};
use crate::store::{InstanceDir, InstanceOrder, local_dirs};

/// What Spark's programs get of the agent's environment beside what every process gets.
pub(super) const ALSO_INHERITED: [&str; 15] = INHERITED;

/// How `command` is started from a home of this worker, for which its directories and files are made here;
/// why it can't be.
pub(super) fn line(
    dir: &InstanceDir,
    order: &InstanceOrder,
    command: &SparkCommand,
    artifacts: &[PathBuf],
) -> Result<CommandLine, String> {
    let run = &order.run;
    let home = spark::choose(&order.spark_homes, command)?;
    note!(
        "it runs from Spark {} in {}",
        home.version,
        home.path.display()
    );
    let surroundings = Surroundings::look(command, home, |name| std::env::var(name).ok());
    let app;
    let dirs;
    let kind = match &run.instance.work {
        Work::Driver { .. } => Kind::Driver {
            user_jar: artifacts.first().map(PathBuf::as_path),
        },
        Work::Executor { app: id, number } => {
            app = id.to_string();
            dirs = local_dirs(dir, &run.instance);
            for dir in &dirs {
                make_private(dir)?;
            }
            Kind::Executor {
                app: &app,
                number: *number,
                profile: run.profile,
                local_dirs: &dirs,
            }
        }
    };
    let resources = resources_file(&run.booking.named, matches!(kind, Kind::Executor { .. }));
    let resources = resources
        .map(|text| write(&dir.spark_path(), &text))
        .transpose()?;
    let line = Run {
        home,
        surroundings: &surroundings,
        kind,
        memory_mib: run.booking.memory_mib,
        cores: run.booking.cores,
        host: &order.host,
        resources: resources.as_deref(),
    };
    Ok(command_line(command, &line))
}

/// Nobody else is to read what is shuffled.
fn make_private(path: &Path) -> Result<(), String> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|error| {
        format!(
            "cannot make the local directory {}: {error}",
            path.display()
        )
    })
}

fn write(path: &Path, text: &str) -> Result<PathBuf, String> {
    let written = fs::write(path, text);
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path.to_owned())
}

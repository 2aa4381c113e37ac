//! What is started: the program and what goes with it, as flags name it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use vesta_types::{Artifact, Launch};

use crate::exit::Failure;
use crate::output;
use crate::units;

/// What is started on a worker.
#[derive(Args, Clone, Debug)]
pub struct Process {
    /// Set an environment variable of the process; may be repeated.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = units::pair)]
    pub env: Vec<(String, String)>,
    /// Put a file beside the process before it starts; may be repeated. A path is read on the worker; a
    /// relative one counts from here. An http(s) URL, or a file: one, may end in #sha256= and the digest
    /// that the file must have. `{{USER_JAR}}` stands for the first one's path.
    #[arg(long = "artifact", value_name = "PATH|URL")]
    pub artifacts: Vec<PathBuf>,
    /// The program and its arguments. A name is looked up in the worker's PATH; a relative path
    /// counts from here, unless an artifact has that name. No shell sees them.
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub command: Vec<String>,
}

impl Process {
    /// The launch that these flags describe, for somebody who stands in `here`.
    ///
    /// # Errors
    /// When a path is not UTF-8: it can't be sent.
    pub fn launch(&self, here: &Path) -> Result<Launch, Failure> {
        let artifacts = self.artifacts.iter().map(|path| absolute(here, path));
        let artifacts = artifacts.collect::<Result<Vec<_>, _>>()?;
        for path in &artifacts {
            if !is_uri(path) && !Path::new(path).is_file() {
                output::say(&format!(
                    "warning: {path} is not a file on this machine; it is read on the worker"
                ));
            }
        }
        let (program, args) = self.program_and_arguments()?;
        let program = self.program(here, program)?;
        Ok(Launch {
            program,
            args: args.to_vec(),
            env: self.env.iter().cloned().collect::<BTreeMap<_, _>>(),
            artifacts: artifacts.into_iter().map(|uri| Artifact { uri }).collect(),
            spark: None,
        })
    }

    /// What stands behind `--`.
    ///
    /// # Errors
    /// `Usage` when there is no program.
    pub fn program_and_arguments(&self) -> Result<(&str, &[String]), Failure> {
        match self.command.split_first() {
            Some((program, args)) if !program.is_empty() => Ok((program, args)),
            Some(_) => Err(Failure::Usage(
                "PROGRAM is empty: write a path or a name behind `--`".to_owned(),
            )),
            None => Err(Failure::Usage(
                "PROGRAM is missing: write it behind `--`".to_owned(),
            )),
        }
    }

    fn program(&self, here: &Path, program: &str) -> Result<String, Failure> {
        let path = Path::new(program);
        let is_name = !program.contains('/') || program.contains("{{");
        let is_artifact = || {
            let file = path.file_name().and_then(|name| name.to_str());
            let mut artifacts = self.artifacts.iter();
            path.parent() == Some(Path::new("."))
                && artifacts.any(|artifact| name(artifact).as_deref() == file)
        };
        if is_name || is_artifact() {
            Ok(program.to_owned())
        } else {
            absolute(here, path)
        }
    }

    /// The program's file name: what the driver or application is called if nothing else is said.
    pub fn name(&self) -> String {
        let program = self.command.first().map_or("", String::as_str);
        let name = Path::new(program)
            .file_name()
            .and_then(|name| name.to_str());
        name.unwrap_or(program).to_owned()
    }
}

fn is_uri(text: &str) -> bool {
    ["file:", "http://", "https://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
}

/// What the file is called beside the process.
fn name(artifact: &Path) -> Option<String> {
    let text = artifact.to_str()?.to_owned();
    if is_uri(&text) {
        return Artifact { uri: text }
            .source()
            .ok()
            .map(|source| source.name);
    }
    artifact.file_name()?.to_str().map(str::to_owned)
}

fn absolute(here: &Path, path: &Path) -> Result<String, Failure> {
    let text = path.to_str().ok_or_else(|| {
        Failure::Refused(format!(
            "{} is not UTF-8, so it can't be sent to a worker",
            path.display()
        ))
    })?;
    if path.is_absolute() || is_uri(text) {
        return Ok(text.to_owned());
    }
    let path = std::path::absolute(here.join(path))
        .map_err(|error| Failure::Refused(format!("{text} can't be made absolute: {error}")))?;
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::Refused(format!(
            "{} is not UTF-8, so it can't be sent",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(command: &str, artifacts: &[&str]) -> Launch {
        let process = Process {
            env: vec![],
            artifacts: artifacts.iter().map(PathBuf::from).collect(),
            command: vec![command.to_owned()],
        };
        process.launch(Path::new("/home/me")).unwrap()
    }

    #[test]
    fn a_relative_path_counts_from_where_the_user_stands_and_a_name_does_not() {
        assert_eq!(launch("wc", &[]).program, "wc");
        assert_eq!(launch("./count", &[]).program, "/home/me/count");
        assert_eq!(launch("bin/count", &[]).program, "/home/me/bin/count");
        assert_eq!(launch("/bin/wc", &[]).program, "/bin/wc");
        assert_eq!(launch("{{USER_JAR}}", &[]).program, "{{USER_JAR}}");
    }

    #[test]
    fn an_empty_program_is_called_that() {
        let process = Process {
            env: vec![],
            artifacts: vec![],
            command: vec![String::new(), "x".into()],
        };
        match process.launch(Path::new("/")) {
            Err(Failure::Usage(said)) => assert!(said.contains("PROGRAM is empty"), "{said}"),
            other => panic!("a usage error was wanted: {other:?}"),
        }
    }

    #[test]
    fn a_program_that_comes_as_an_artifact_is_started_beside_it() {
        let launch = launch("./count", &["bin/count", "/data/x", "file:///data/y"]);
        assert_eq!(launch.program, "./count");
        let uris: Vec<_> = launch
            .artifacts
            .iter()
            .map(|artifact| artifact.uri.as_str())
            .collect();
        assert_eq!(uris, ["/home/me/bin/count", "/data/x", "file:///data/y"]);
    }
}

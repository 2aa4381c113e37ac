//! Hearing of a process from itself, at once: it writes its name into a pipe that this process reads.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe::{OpenOptions, Receiver};
use vesta_types::DriverDescription;

use super::site::driver;

/// What every process writes of itself; short enough that no two mix.
pub struct Heard {
    path: PathBuf,
    lines: Lines<BufReader<Receiver>>,
}

impl Heard {
    /// A new pipe in `dir`.
    pub fn new(dir: &Path) -> anyhow::Result<Heard> {
        let path = dir.join("started");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Open for writing too: it does not end when one writer has gone.
        let receiver = OpenOptions::new().read_write(true).open_receiver(&path)?;
        Ok(Heard {
            path,
            lines: BufReader::new(receiver).lines(),
        })
    }

    /// A driver that says `name` as soon as it runs, and ends.
    pub fn driver(&self, name: &str) -> DriverDescription {
        let path = self.path.to_string_lossy();
        driver(1, "/bin/sh", &["-c", r#"echo "$0" > "$1""#, name, &path])
    }

    /// When `name` was heard; what else is said is passed over.
    ///
    /// # Errors
    /// When it is not heard within `bound`.
    pub async fn of(&mut self, name: &str, bound: Duration) -> anyhow::Result<Instant> {
        let heard = async {
            while let Some(line) = self.lines.next_line().await? {
                if line == name {
                    return anyhow::Ok(Instant::now());
                }
            }
            anyhow::bail!("the pipe was closed")
        };
        let heard = tokio::time::timeout(bound, heard).await;
        heard.with_context(|| format!("no process of {name} within {bound:?}"))?
    }
}

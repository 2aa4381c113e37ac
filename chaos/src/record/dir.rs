//! Where what lies in a run's directory.

use std::io;
use std::path::{Path, PathBuf};

/// The directory of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// The run directory at `path`, whether it is there or not.
    pub fn at(path: impl Into<PathBuf>) -> RunDir {
        RunDir { path: path.into() }
    }

    /// Makes it, with what is above it.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<RunDir> {
        let dir = RunDir::at(path);
        std::fs::create_dir_all(dir.nodes())?;
        Ok(dir)
    }

    /// Itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `options.json`.
    pub fn options(&self) -> PathBuf {
        self.path.join("options.json")
    }

    /// `events.jsonl`.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// `history.jsonl`.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// `ledger.jsonl`.
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.jsonl")
    }

    /// `state.json`.
    pub fn state(&self) -> PathBuf {
        self.path.join("state.json")
    }

    /// `nodes`, with a folder or files per node.
    pub fn nodes(&self) -> PathBuf {
        self.path.join("nodes")
    }

    /// `nodes/<name>`: where the node's data directory is, at the end at the latest.
    pub fn node(&self, name: &str) -> PathBuf {
        self.nodes().join(name)
    }

    /// `verdict.json`.
    pub fn verdict(&self) -> PathBuf {
        self.path.join("verdict.json")
    }

    /// `report.txt`.
    pub fn report_text(&self) -> PathBuf {
        self.path.join("report.txt")
    }

    /// `report.svg`.
    pub fn report_plot(&self) -> PathBuf {
        self.path.join("report.svg")
    }
}

//! The files in the demo's directory through which the demo and its driver know of each other's work.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::words::Counts;

/// How far the driver is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Parts of the text.
    pub parts: usize,
    /// Those that are counted.
    pub counted: usize,
    /// Executors that are connected.
    pub executors: usize,
}

/// What the driver found, and by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// How often each word occurs.
    pub counts: Counts,
    /// Parts of the text.
    pub parts: usize,
    /// How often a part was taken from an executor that was lost.
    pub parts_taken_back: u64,
    /// By instance id, every executor that ever connected.
    pub executors: BTreeMap<String, ExecutorShare>,
    /// The attempt of the driver that finished.
    pub attempt: u32,
    /// The restart of the driver that finished.
    pub restart: u32,
}

/// An executor's share of the job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecutorShare {
    /// The worker it ran on.
    pub worker: String,
    /// The parts that it counted.
    pub parts: u64,
}

/// The text.
pub fn text(dir: &Path) -> PathBuf {
    dir.join("text")
}

/// Exists as soon as the last parts may be handed out.
pub fn release(dir: &Path) -> PathBuf {
    dir.join("release")
}

/// The driver's [`Progress`].
pub fn progress(dir: &Path) -> PathBuf {
    dir.join("progress.json")
}

/// The driver's [`JobResult`].
pub fn result(dir: &Path) -> PathBuf {
    dir.join("result.json")
}

/// Writes a document so that whoever reads it finds all of it or the one before.
///
/// # Errors
/// When it can't be written.
pub fn write(path: &Path, document: &impl Serialize) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(document)?)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("can't write {}", path.display()))
}

/// Reads a document.
///
/// # Errors
/// When it is not there or not one of this kind.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("can't understand {}", path.display()))
}

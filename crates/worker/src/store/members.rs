//! The masters that were last named: where to ask when those of the configuration are gone, and what
//! processes are told.

use std::path::{Path, PathBuf};

use crate::files;

/// The masters' addresses that were last named to the worker in `dir`; none if there is no such record.
pub(crate) fn read_members(dir: &Path) -> Vec<String> {
    files::read_json(&path(dir)).value().unwrap_or_default()
}

/// Keeps the masters' addresses.
pub(crate) fn write_members(dir: &Path, masters: &[String]) -> std::io::Result<()> {
    files::write_synced(&path(dir), &files::json(&masters)?)
}

fn path(dir: &Path) -> PathBuf {
    dir.join("members.json")
}

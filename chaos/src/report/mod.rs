//! What a run came to, for people: a short text, and a plot over its time.

mod plot;
mod text;

use std::path::Path;

use anyhow::{Context, Result};

use crate::check::{Run, judge_run};
use crate::record::{RunDir, Verdict, write_json};

/// Judges a run and writes its `verdict.json`, `report.txt` and `report.svg`.
///
/// # Errors
/// When the directory can't be read or understood, or the reports can't be written.
pub fn conclude(dir: &RunDir) -> Result<Verdict> {
    let run = Run::read(dir)?;
    let verdict = judge_run(&run);
    write_json(&dir.verdict(), &verdict)?;
    write(&dir.report_text(), text::of(&run.options, &verdict))?;
    write(&dir.report_plot(), plot::of(&run, &verdict))?;
    Ok(verdict)
}

/// The text of a report, as `report.txt` has it.
pub use text::of as text_of;

fn write(path: &Path, text: String) -> Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

//! Rows under a heading, for wide and narrow terminals.

use comfy_table::{Table, presets};

use super::words::cut;
use crate::output::plain;

/// What stands before the second line of a row.
const INDENT: &str = "     ";

/// The narrowest that a column may become which gives way to the others, in characters.
const FLEXIBLE_MIN: usize = 6;

/// A table with a heading line and no frame: it reads well and can be searched by line.
#[derive(Debug)]
pub(super) struct Rows<const N: usize> {
    heading: [&'static str; N],
    cells: Vec<[String; N]>,
}

impl<const N: usize> Rows<N> {
    pub(super) fn new(heading: [&'static str; N], cells: Vec<[String; N]>) -> Rows<N> {
        let plain_row = |row: [String; N]| row.map(|cell| plain(&cell));
        Rows {
            heading,
            cells: cells.into_iter().map(plain_row).collect(),
        }
    }

    /// Its lines, none of them wrapped: the heading, and one for each row.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(self.heading);
        table.add_rows(&self.cells);
        let line = |line: String| line.trim_end().to_owned();
        table.lines().map(line).collect()
    }

    /// The characters that column `at` takes.
    pub(super) fn width(&self, at: usize) -> usize {
        let cells = self.cells.iter().map(|row| row[at].chars().count());
        cells.fold(self.heading[at].len(), usize::max)
    }

    /// Its lines in `width` characters: column `flexible` gives way, and the notes, one for each row,
    /// stand below it.
    pub(super) fn lines_in(
        mut self,
        width: usize,
        flexible: Option<usize>,
        notes: Vec<String>,
    ) -> Vec<String> {
        if let Some(flexible) = flexible {
            // Each column has a space on either side.
            let others = (0..N).filter(|at| *at != flexible);
            let others: usize = others.map(|at| self.width(at) + 2).sum();
            let most = width.saturating_sub(others + 2).max(FLEXIBLE_MIN);
            for row in &mut self.cells {
                row[flexible] = cut(&row[flexible], most);
            }
        }
        let mut notes = notes.into_iter();
        let mut lines = Vec::new();
        for (number, line) in self.lines().into_iter().enumerate() {
            lines.push(line);
            let note = if number == 0 { None } else { notes.next() };
            if let Some(note) = note.filter(|note| !note.is_empty()) {
                lines.push(cut(&format!("{INDENT}{}", plain(&note)), width));
            }
        }
        lines
    }
}

/// `wide` if it fits into `width` characters (or nobody's terminal bounds it), else what `narrow` makes
/// of it: a wrapped table can't be read, and an id that is cut in two can't be copied.
pub(super) fn fitting<const N: usize>(
    wide: &Rows<N>,
    width: Option<usize>,
    narrow: impl FnOnce(usize) -> Vec<String>,
) -> String {
    let lines = wide.lines();
    let widest = lines.iter().map(|line| line.chars().count()).max();
    match width {
        Some(width) if widest > Some(width) => narrow(width).join("\n"),
        _ => lines.join("\n"),
    }
}

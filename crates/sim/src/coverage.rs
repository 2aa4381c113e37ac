//! Which faults were met in which phases. A fault that never came proves nothing.

use std::fmt;

use crate::fault::{Fault, PHASES};

/// Counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    cells: [[u64; PHASES.len()]; Fault::ALL.len()],
    /// Faults in all.
    pub faults: u64,
    /// Snapshots that were installed on a member that lagged.
    pub snapshots: u64,
}

impl Coverage {
    /// A fault came, in these phases.
    pub fn met(&mut self, fault: Fault, phases: u16) {
        self.faults += 1;
        let row = &mut self.cells[fault as usize];
        for (at, cell) in row.iter_mut().enumerate() {
            *cell += u64::from(phases >> at & 1);
        }
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Coverage) {
        self.faults += other.faults;
        self.snapshots += other.snapshots;
        for (row, more) in self.cells.iter_mut().zip(&other.cells) {
            for (cell, more) in row.iter_mut().zip(more) {
                *cell += more;
            }
        }
    }

    /// The cells that a large run must have met and this one has not.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for fault in Fault::ALL {
            for (at, (letter, _)) in PHASES.iter().enumerate() {
                if fault.must_meet().contains(*letter) && self.cells[fault as usize][at] == 0 {
                    missing.push(format!("{} in {letter}", fault.name()));
                }
            }
        }
        missing
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<17}", "fault \\ phase")?;
        for (letter, _) in PHASES {
            write!(f, "{letter:>8}")?;
        }
        writeln!(f)?;
        for fault in Fault::ALL {
            write!(f, "{:<17}", fault.name())?;
            for (at, (letter, _)) in PHASES.iter().enumerate() {
                let count = self.cells[fault as usize][at];
                let wanted = fault.must_meet().contains(*letter);
                match (count, wanted) {
                    (0, true) => write!(f, "{:>8}", "MISSING")?,
                    (0, false) => write!(f, "{:>8}", ".")?,
                    (count, _) => write!(f, "{count:>8}")?,
                }
            }
            writeln!(f)?;
        }
        for (letter, meaning) in PHASES {
            writeln!(f, "{letter}: {meaning}")?;
        }
        write!(
            f,
            "{} faults, {} snapshots installed",
            self.faults, self.snapshots
        )
    }
}

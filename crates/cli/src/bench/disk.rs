//! What the disk itself takes, beside what Vesta takes on it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::fdatasync;

const TIMES: usize = 200;

/// About what one submission adds to the log.
const BYTES: usize = 512;

/// How long it takes to append to a file in `dir` and have that on the disk, each time.
///
/// # Errors
/// When it can't be written.
pub fn syncs(dir: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file = tempfile::tempfile_in(dir)?;
    (0..TIMES).map(|_| sync(&mut file)).collect()
}

fn sync(file: &mut File) -> std::io::Result<Duration> {
    let begun = Instant::now();
    file.write_all(&[7; BYTES])?;
    fdatasync(file)?;
    Ok(begun.elapsed())
}

//! Files of one JSON value per line, and files of one JSON value.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file of a run that can't be written, read or understood.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system said no.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A text that is not what belongs there.
    #[error("{path}, line {line}: {found:?} is not what belongs there: {why}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Its text, cut.
        found: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Appends lines to a file, each with one write, so that many processes can share it and one that is
/// killed leaves whole lines.
#[derive(Debug)]
pub struct Appender<T> {
    path: PathBuf,
    file: File,
    of: PhantomData<fn(&T)>,
}

impl<T: Serialize> Appender<T> {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When that fails.
    pub fn open(path: &Path) -> Result<Appender<T>, RecordError> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        Ok(Appender {
            file: file.map_err(failed(path))?,
            path: path.to_owned(),
            of: PhantomData,
        })
    }

    /// Appends one line. It can be called by many threads at once.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn append(&self, value: &T) -> Result<(), RecordError> {
        let mut line = serde_json::to_vec(value).map_err(|e| failed(&self.path)(e.into()))?;
        line.push(b'\n');
        (&self.file).write_all(&line).map_err(failed(&self.path))
    }
}

/// Reads a file of lines, one at a time. A last line that is not complete is left out: whoever wrote it was
/// killed.
///
/// # Errors
/// When it can't be opened. Each item: when it can't be read, or is not what belongs there.
pub fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Lines<T>, RecordError> {
    let file = File::open(path).map_err(failed(path))?;
    Ok(Lines {
        path: path.to_owned(),
        file: BufReader::new(file),
        line: 0,
        of: PhantomData,
    })
}

/// The lines of a file; see [`read_lines`].
#[derive(Debug)]
pub struct Lines<T> {
    path: PathBuf,
    file: BufReader<File>,
    line: usize,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = Vec::new();
        match self.file.read_until(b'\n', &mut text) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(failed(&self.path)(error))),
        }
        self.line += 1;
        let text = text.strip_suffix(b"\n")?;
        Some(
            serde_json::from_slice(text).map_err(|error| RecordError::Line {
                path: self.path.clone(),
                line: self.line,
                found: String::from_utf8_lossy(text).chars().take(160).collect(),
                why: error.to_string(),
            }),
        )
    }
}

/// Writes a file of one value, whole or not at all.
///
/// # Errors
/// When it can't be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RecordError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| failed(path)(e.into()))?;
    text.push(b'\n');
    let beside = path.with_extension("json.new");
    std::fs::write(&beside, text).map_err(failed(&beside))?;
    std::fs::rename(&beside, path).map_err(failed(path))
}

/// Reads a file of one value.
///
/// # Errors
/// When it can't be read, or is not what belongs there.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let text = std::fs::read(path).map_err(failed(path))?;
    serde_json::from_slice(&text).map_err(|error| RecordError::Line {
        path: path.to_owned(),
        line: error.line(),
        found: String::from_utf8_lossy(&text).chars().take(160).collect(),
        why: error.to_string(),
    })
}

fn failed(path: &Path) -> impl Fn(io::Error) -> RecordError {
    let path = path.to_owned();
    move |source| RecordError::File {
        path: path.clone(),
        source,
    }
}

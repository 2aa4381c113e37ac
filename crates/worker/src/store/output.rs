//! What an instance prints: one stream of bytes in files that roll, so that it can't fill the disk
//! (SPARK-36252: Spark's drivers do).
//!
//! ```text
//! stdout              what was printed last
//! stdout.<offset>     what was before it; named by the place of its first byte in the whole stream
//! ```
//!
//! So an offset means the same byte for ever, whatever was dropped before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// In how many files the most that is kept lies.
const FILES: u64 = 4;

/// One stream's files.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    dir: PathBuf,
    name: &'static str,
}

/// A part of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The bytes.
    pub(crate) data: Vec<u8>,
    /// Where the first of them is in the whole stream.
    pub(crate) offset: u64,
    /// How long the whole stream is, with what was dropped of it.
    pub(crate) size: u64,
}

impl Output {
    /// Of the instance whose directory this is.
    pub(crate) fn stdout(dir: &Path) -> Output {
        let dir = dir.to_owned();
        Output {
            dir,
            name: "stdout",
        }
    }

    /// Of the instance whose directory this is.
    pub(crate) fn stderr(dir: &Path) -> Output {
        let dir = dir.to_owned();
        Output {
            dir,
            name: "stderr",
        }
    }

    fn current(&self) -> PathBuf {
        self.dir.join(self.name)
    }

    fn rolled_path(&self, start: u64) -> PathBuf {
        self.dir.join(format!("{}.{start}", self.name))
    }

    /// Starts and lengths of the files before the current one, in order.
    fn rolled(&self) -> Vec<(u64, u64)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let found = entries.filter_map(|entry| {
            let name = entry.file_name();
            let start = name.to_str()?.strip_prefix(self.name)?.strip_prefix('.')?;
            Some((start.parse().ok()?, entry.metadata().ok()?.len()))
        });
        let mut found: Vec<(u64, u64)> = found.collect();
        found.sort_unstable();
        found
    }

    /// Reads at most `most` bytes from `offset` on, or the last ones. What is asked for and was dropped
    /// is left out.
    ///
    /// # Errors
    /// When a file can't be read, or is none: the process could have put anything in its place.
    pub(crate) fn read(&self, offset: u64, most: u64, tail: bool) -> io::Result<Part> {
        // The current one is opened first: if it is rolled meanwhile, it is listed too and not read twice.
        let current = open_to_read(&self.current())?;
        let rolled = self.rolled();
        let base = rolled.last().map_or(0, |(start, length)| start + length);
        let length = match &current {
            Some(file) => file.metadata()?.len(),
            None => 0,
        };
        let rolled_meanwhile = match (&current, rolled.last()) {
            (Some(file), Some((start, _))) => is_same(file, &self.rolled_path(*start)),
            _ => false,
        };
        let size = if rolled_meanwhile {
            base
        } else {
            base + length
        };
        let oldest = rolled.first().map_or(base, |(start, _)| *start);
        let from = match tail {
            true => size.saturating_sub(most),
            false => offset.min(size),
        };
        let from = from.max(oldest.min(size));
        let mut data = Vec::new();
        for (start, length) in &rolled {
            let at = from + data.len() as u64;
            let left = most - data.len() as u64;
            if at >= *start && at < start + length && left > 0 {
                let Some(file) = open_to_read(&self.rolled_path(*start))? else {
                    // Dropped meanwhile: the next call starts behind it.
                    continue;
                };
                read_at(&file, at - start, left, &mut data)?;
            }
        }
        let at = from + data.len() as u64;
        if let Some(file) = current.filter(|_| !rolled_meanwhile && at >= base) {
            read_at(&file, at - base, most - data.len() as u64, &mut data)?;
        }
        // It may have grown meanwhile.
        let size = size.max(from + data.len() as u64);
        Ok(Part {
            data,
            offset: from,
            size,
        })
    }
}

fn read_at(file: &File, at: u64, most: u64, data: &mut Vec<u8>) -> io::Result<()> {
    let mut file = file;
    file.seek(SeekFrom::Start(at))?;
    file.take(most).read_to_end(data).map(drop)
}

fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// A link is not followed, and a pipe not waited for.
fn flags() -> io::Result<i32> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    i32::try_from(flags).map_err(io::Error::other)
}

fn open_to_read(path: &Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags()?)
        .open(path);
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a stream; one process at a time.
#[derive(Debug)]
pub(crate) struct Writer {
    output: Output,
    file: File,
    /// Where the current file's first byte is in the stream, and how long it is.
    base: u64,
    length: u64,
    /// The most that is kept, in bytes.
    most: u64,
    /// What could not be written.
    lost: u64,
}

impl Writer {
    /// Goes on where the stream ends. Of it at most `most` bytes are kept.
    ///
    /// # Errors
    /// When the current file can't be opened.
    pub(crate) fn open(output: Output, most: u64) -> io::Result<Writer> {
        let file = open_to_append(&output.current())?;
        let length = file.metadata()?.len();
        let rolled = output.rolled();
        let base = rolled.last().map_or(0, |(start, length)| start + length);
        Ok(Writer {
            output,
            file,
            base,
            length,
            most: most.max(FILES),
            lost: 0,
        })
    }

    /// Adds to it. What can't be written, because the disk is full say, is dropped and counted: the
    /// process that prints must not wait for it, nor end by it.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) {
        if self.lost > 0 {
            let note = format!("\n[{} bytes could not be written here]\n", self.lost);
            if self.append(note.as_bytes()).is_ok() {
                self.lost = 0;
            }
        }
        while !bytes.is_empty() {
            let room = (self.most / FILES).saturating_sub(self.length);
            let now = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
            let (first, rest) = bytes.split_at(now);
            if self.append(first).is_err() {
                self.lost += first.len() as u64;
            }
            bytes = rest;
            if self.length >= self.most / FILES && self.roll().is_err() {
                // Written on in the same file: its end is worth more than the bound.
                self.lost += bytes.len() as u64;
                return;
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        self.length = self.file.metadata().map_or(self.length, |it| it.len());
        written
    }

    fn roll(&mut self) -> io::Result<()> {
        let current = self.output.current();
        // The next one is there before the current one moves, or nothing happens.
        let next = self.output.dir.join(format!(".{}.next", self.output.name));
        let file = open_to_append(&next)?;
        fs::rename(&current, self.output.rolled_path(self.base))?;
        fs::rename(&next, &current)?;
        self.base += self.length;
        self.file = file;
        self.length = 0;
        let rolled = self.output.rolled();
        let mut kept: u64 = rolled.iter().map(|(_, length)| length).sum();
        for (start, length) in rolled {
            if kept + self.most / FILES <= self.most {
                break;
            }
            fs::remove_file(self.output.rolled_path(start))?;
            kept -= length;
        }
        Ok(())
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .custom_flags(flags()?)
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other("not a regular file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path) -> Vec<(String, u64)> {
        let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
        let mut files: Vec<_> = entries
            .map(|it| {
                let length = it.metadata().unwrap().len();
                (it.file_name().into_string().unwrap(), length)
            })
            .collect();
        files.sort();
        files
    }

    fn text(part: &Part) -> &str {
        std::str::from_utf8(&part.data).unwrap()
    }

    #[test]
    fn what_is_kept_is_bounded_and_its_end_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::stdout(dir.path());
        let mut writer = Writer::open(output.clone(), 400).unwrap();
        for number in 0..1000 {
            writer.write(format!("{number:09}\n").as_bytes());
        }
        let kept: u64 = files(dir.path()).iter().map(|(_, length)| length).sum();
        assert!((300..=400).contains(&kept), "{:?}", files(dir.path()));
        let end = output.read(0, 25, true).unwrap();
        assert_eq!((end.size, end.offset), (10_000, 9_975));
        assert_eq!(text(&end), "0997\n000000998\n000000999\n");
    }

    #[test]
    fn an_offset_means_the_same_byte_whatever_was_rolled_or_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::stdout(dir.path());
        let mut writer = Writer::open(output.clone(), 40).unwrap();
        writer.write(b"0123456789");
        assert_eq!(text(&output.read(3, 4, false).unwrap()), "3456");
        writer.write(b"abcdefghij");
        writer.write(b"ABCDE");
        // Over the edges of files, in one.
        let part = output.read(8, 100, false).unwrap();
        assert_eq!(
            (text(&part), part.offset, part.size),
            ("89abcdefghijABCDE", 8, 25)
        );
        // A process that is started again writes on.
        let mut writer = Writer::open(output.clone(), 40).unwrap();
        writer.write(b"FGHIJ0123456789");
        let part = output.read(0, 100, false).unwrap();
        assert_eq!(
            (part.offset, part.size),
            (10, 40),
            "{:?}",
            files(dir.path())
        );
        assert_eq!(text(&part), "abcdefghijABCDEFGHIJ0123456789");
        assert_eq!(text(&output.read(35, 3, false).unwrap()), "567");
        assert_eq!(output.read(99, 3, false).unwrap().offset, 40);
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_empty_and_what_is_no_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let output = Output::stderr(dir.path());
        let nothing = Part {
            data: Vec::new(),
            offset: 0,
            size: 0,
        };
        assert_eq!(output.read(7, 7, false).unwrap(), nothing);
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("stderr")).unwrap();
        assert!(output.read(0, 7, false).is_err());
        assert!(Writer::open(output, 100).is_err());
    }
}

//! What a run prints: copied from pipes to files that roll.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::store::output::{Output, Writer};

/// How long after the end of all its processes the rest of the pipes may take to be copied. What holds
/// one open longer can't be killed either.
const REST: Duration = Duration::from_secs(5);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// As much as a pipe holds.
const BUFFER_BYTES: usize = 64 * 1024;

/// The copying of one run's outputs.
#[derive(Debug)]
pub(super) struct Printed(Vec<JoinHandle<()>>);

impl Printed {
    /// Begins to copy, and gives the ends that the process writes to: stdout and stderr.
    ///
    /// # Errors
    /// Why it can't.
    pub(super) fn begin(dir: &Path, most: u64) -> Result<(Printed, [PipeWriter; 2]), String> {
        let begin = |output: Output| -> io::Result<_> {
            let writer = Writer::open(output, most)?;
            let (reader, end) = io::pipe()?;
            let copying = thread::Builder::new().spawn(move || copy(reader, writer))?;
            Ok((copying, end))
        };
        let failed =
            |name| move |error| format!("cannot write its {name} to {}: {error}", dir.display());
        let (out, stdout) = begin(Output::stdout(dir)).map_err(failed("stdout"))?;
        let (err, stderr) = begin(Output::stderr(dir)).map_err(failed("stderr"))?;
        Ok((Printed(vec![out, err]), [stdout, stderr]))
    }

    /// Waits until everything is copied, after all that could write has ended.
    pub(super) async fn finish(self) {
        let begun = Instant::now();
        while !self.0.iter().all(JoinHandle::is_finished) && begun.elapsed() < REST {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

fn copy(mut reader: PipeReader, mut writer: Writer) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(bytes) => writer.write(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return note!("cannot read what it prints: {error}"),
        }
    }
}

//! Reading what an instance printed, for whoever asks through a master.

use vesta_proto::worker::{LogChunk, ReadLog};
use vesta_types::WorkerId;
use vesta_types::limits::LOG_CHUNK_BYTES;

use crate::store::InstanceDir;
use crate::store::output::{Output, Part};

/// Reads what is asked for. `found` is the instance's directory and whether the instance has ended;
/// `None` if it was never accepted here.
pub(super) fn read(
    found: Option<(bool, InstanceDir)>,
    request: &ReadLog,
    worker: &WorkerId,
) -> LogChunk {
    let answer = LogChunk {
        request: request.request,
        ..LogChunk::default()
    };
    let Some((ended, dir)) = found else {
        let instance: String = request.instance_id.chars().take(120).collect();
        let error = format!(
            "{worker} has nothing of {instance:?}: it was never here, or was over for so long that its \
             directory was removed (work_dir_ttl)"
        );
        return LogChunk {
            error,
            ended: true,
            ..answer
        };
    };
    let (name, output) = match request.stderr {
        true => ("stderr", Output::stderr(dir.path())),
        false => ("stdout", Output::stdout(dir.path())),
    };
    let most = match request.bytes_max {
        0 => LOG_CHUNK_BYTES as u64,
        bytes => u64::from(bytes).min(LOG_CHUNK_BYTES as u64),
    };
    match output.read(request.offset, most, request.tail) {
        Ok(Part { data, offset, size }) => LogChunk {
            data,
            offset,
            size,
            ended,
            ..answer
        },
        Err(error) => LogChunk {
            error: format!("{name}: {error}"),
            ended,
            ..answer
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn ask(offset: u64, bytes_max: u32, tail: bool) -> ReadLog {
        ReadLog {
            request: 7,
            offset,
            bytes_max,
            tail,
            ..ReadLog::default()
        }
    }

    fn worker() -> WorkerId {
        "worker-1".parse().unwrap()
    }

    fn answer(dir: &Path, request: &ReadLog) -> LogChunk {
        read(Some((true, InstanceDir::at(dir))), request, &worker())
    }

    #[test]
    fn any_part_of_a_log_can_be_read_and_never_more_than_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(answer(dir.path(), &ask(5, 3, false)).size, 0);
        fs::write(dir.path().join("stdout"), b"0123456789").unwrap();
        let part = |request| {
            let chunk = answer(dir.path(), &request);
            assert_eq!(
                (chunk.request, chunk.size, chunk.error.as_str()),
                (7, 10, "")
            );
            (chunk.offset, String::from_utf8(chunk.data).unwrap())
        };
        assert_eq!(part(ask(2, 3, false)), (2, "234".into()));
        assert_eq!(part(ask(0, 3, true)), (7, "789".into()));
        assert_eq!(part(ask(0, 99, true)), (0, "0123456789".into()));
        assert_eq!(part(ask(u64::MAX, 3, false)), (10, String::new()));
        fs::write(dir.path().join("stdout"), vec![b'x'; 2 * LOG_CHUNK_BYTES]).unwrap();
        for bytes_max in [0, u32::MAX] {
            let chunk = answer(dir.path(), &ask(0, bytes_max, false));
            assert_eq!(chunk.data.len(), LOG_CHUNK_BYTES);
        }
    }

    #[test]
    fn a_log_that_was_replaced_by_a_link_or_a_directory_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("stdout")).unwrap();
        fs::create_dir(dir.path().join("stderr")).unwrap();
        let link = answer(dir.path(), &ask(0, 9, false));
        assert!(
            link.data.is_empty() && link.error.starts_with("stdout: "),
            "{link:?}"
        );
        let directory = answer(
            dir.path(),
            &ReadLog {
                stderr: true,
                ..ask(0, 9, false)
            },
        );
        assert!(
            directory.error.contains("not a regular file"),
            "{directory:?}"
        );
    }

    #[test]
    fn an_instance_that_is_not_here_is_named_in_the_answer() {
        let request = ReadLog {
            instance_id: "../../etc".into(),
            ..ask(0, 9, false)
        };
        let chunk = read(None, &request, &worker());
        let error = &chunk.error;
        assert!(
            error.starts_with("worker-1 has nothing of \"../../etc\""),
            "{error}"
        );
    }
}

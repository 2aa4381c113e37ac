//! Putting an instance's files beside it.

mod download;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use vesta_types::{Artifact, ArtifactPlace, ArtifactSource};

/// Puts every artifact into `work`; their paths there, or which one can't be had and why. None may be
/// larger than `most` bytes.
pub(super) fn place(
    artifacts: &[Artifact],
    work: &Path,
    most: u64,
) -> Result<Vec<PathBuf>, String> {
    fs::create_dir_all(work).map_err(|error| format!("cannot make {}: {error}", work.display()))?;
    let place = |artifact: &Artifact| {
        let named = |problem: String| format!("artifact {:?}: {problem}", artifact.uri);
        let source = artifact
            .source()
            .map_err(|wanted| format!("it is not {wanted}"));
        source
            .and_then(|source| place_one(&source, work, most))
            .map_err(named)
    };
    artifacts.iter().map(place).collect()
}

/// It appears under its name only when it is whole and what it should be.
fn place_one(source: &ArtifactSource, work: &Path, most: u64) -> Result<PathBuf, String> {
    let target = work.join(&source.name);
    let part = work.join(format!(".{}.part", source.name));
    let fetched = match &source.place {
        ArtifactPlace::File(path) => copy(Path::new(path), &part, most),
        ArtifactPlace::Web(url) => download::to_file(url, &part, most),
    };
    let placed = fetched.and_then(|found| {
        match &source.sha256 {
            Some(wanted) if *wanted != found => {
                return Err(format!("its sha256 is {found}, and {wanted} was wanted"));
            }
            _ => note!("artifact {}: sha256 {found}", target.display()),
        }
        fs::rename(&part, &target).map_err(|error| format!("{}: {error}", target.display()))
    });
    if placed.is_err() {
        let _ = fs::remove_file(&part);
    }
    placed.map(|()| target)
}

/// Copies a file with its permissions; its digest.
fn copy(path: &Path, part: &Path, most: u64) -> Result<String, String> {
    let found = fs::metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let digest = save(file, part, most)?;
    fs::set_permissions(part, found.permissions())
        .map_err(|error| format!("{}: {error}", part.display()))?;
    Ok(digest)
}

/// Writes all that comes to the file `part`; its digest, in hex.
fn save(mut from: impl Read, part: &Path, most: u64) -> Result<String, String> {
    let cannot_write = |error: io::Error| format!("cannot write {}: {error}", part.display());
    let mut to = File::create(part).map_err(cannot_write)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0_u64;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("after {bytes} bytes: {error}")),
        };
        bytes += count as u64;
        if bytes > most {
            return Err(too_large(most));
        }
        digest.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(cannot_write)?;
    }
    Ok(digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn too_large(most: u64) -> String {
    format!("it is larger than {most} bytes, the most that this worker takes (artifact_max)")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const MOST: u64 = 1_000;

    fn artifact(uri: impl Into<String>) -> [Artifact; 1] {
        [Artifact { uri: uri.into() }]
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
        entries
            .map(|it| it.file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn an_artifact_is_copied_with_its_permissions() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("run me");
        fs::write(&source, "x").unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).unwrap();
        let work = dir.path().join("work");
        let placed = place(&artifact(source.display().to_string()), &work, MOST).unwrap();
        assert_eq!(placed, [work.join("run me")]);
        let mode = fs::metadata(&placed[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(names(&work), ["run me"]);
    }

    #[test]
    fn what_can_t_be_had_is_named_with_the_reason_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("work");
        let large = dir.path().join("large");
        fs::write(&large, vec![0; 1_001]).unwrap();
        let large = large.display().to_string();
        let missing = dir.path().join("missing.jar").display().to_string();
        let wrong = format!("file:{large}#sha256={}", "0".repeat(64));
        let table = [
            (missing.as_str(), 10_000, "No such file"),
            ("/proc", 10_000, "not a regular file"),
            ("/", 10_000, "the absolute path of a file"),
            ("ftp://h/x.jar", 10_000, "the absolute path of a file"),
            (large.as_str(), MOST, "larger than 1000 bytes"),
            (wrong.as_str(), 10_000, "and 0000000000"),
        ];
        for (uri, most, reason) in table {
            let error = place(&artifact(uri), &work, most).unwrap_err();
            assert!(error.contains(uri) && error.contains(reason), "{error}");
            assert!(names(&work).is_empty(), "{uri}");
        }
    }

    #[test]
    fn a_digest_that_is_as_wanted_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("x");
        fs::write(&source, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let uri = format!("file:{}#sha256={digest}", source.display());
        let work = dir.path().join("work");
        assert_eq!(place(&artifact(uri), &work, MOST), Ok(vec![work.join("x")]));
    }
}

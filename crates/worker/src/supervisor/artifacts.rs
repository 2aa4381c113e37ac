//! Putting an instance's files beside it.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use vesta_types::Artifact;

/// Copies every artifact into `work`; their paths there, or which one can't be had and why.
pub(super) fn place(artifacts: &[Artifact], work: &Path) -> Result<Vec<PathBuf>, String> {
    fs::create_dir_all(work).map_err(|error| format!("cannot make {}: {error}", work.display()))?;
    artifacts
        .iter()
        .map(|artifact| place_one(&artifact.uri, work))
        .collect()
}

fn place_one(uri: &str, work: &Path) -> Result<PathBuf, String> {
    let wrong = |problem: &str| Err(format!("artifact {uri:?}: {problem}"));
    let Some(source) = local_path(uri) else {
        return wrong("only an absolute path on the worker, or a file: URI of one, can be read");
    };
    // `file_name` is one plain part: never `..`, never with a slash.
    let Some(name) = source.file_name() else {
        return wrong("it names no file");
    };
    match fs::metadata(&source) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return wrong("it is not a regular file"),
        Err(error) => return wrong(&error.to_string()),
    }
    let target = work.join(name);
    if let Err(error) = fs::copy(&source, &target) {
        return wrong(&format!("cannot copy it to {}: {error}", target.display()));
    }
    Ok(target)
}

/// The absolute path that is meant: itself, or that of a `file:` URI (RFC 8089), percent-decoded.
fn local_path(uri: &str) -> Option<PathBuf> {
    let path = match uri.strip_prefix("file:") {
        None => PathBuf::from(uri),
        Some(rest) => {
            let rest = match rest.strip_prefix("//") {
                Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                None => rest,
            };
            PathBuf::from(std::ffi::OsString::from_vec(percent_decoded(rest)?))
        }
    };
    path.is_absolute().then_some(path)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        };
        decoded.push(byte);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_uri_and_a_path_name_the_same_file() {
        for uri in [
            "/a b/c.jar",
            "file:/a%20b/c.jar",
            "file:///a%20b/c.jar",
            "file://localhost/a b/c.jar",
        ] {
            assert_eq!(local_path(uri), Some(PathBuf::from("/a b/c.jar")), "{uri}");
        }
        for uri in [
            "c.jar",
            "http://h/c.jar",
            "file:c.jar",
            "file:/a%2",
            "file:/%zz",
            "",
        ] {
            assert_eq!(local_path(uri), None, "{uri}");
        }
    }

    #[test]
    fn an_artifact_is_copied_with_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("run me");
        fs::write(&source, "x").unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).unwrap();
        let work = dir.path().join("work");
        let placed = place(
            &[Artifact {
                uri: source.display().to_string(),
            }],
            &work,
        )
        .unwrap();
        assert_eq!(placed, [work.join("run me")]);
        assert_eq!(
            fs::metadata(&placed[0]).unwrap().permissions().mode() & 0o777,
            0o755
        );
    }

    #[test]
    fn what_can_t_be_had_is_named_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing.jar").display().to_string();
        let place = |uri: &str| place(&[Artifact { uri: uri.into() }], dir.path()).unwrap_err();
        assert!(
            place(&missing).contains("missing.jar") && place(&missing).contains("No such file")
        );
        assert!(place("/proc").contains("not a regular file"));
        assert!(place("/").contains("names no file"));
        assert!(place("https://h/x.jar").contains("only an absolute path"));
    }
}

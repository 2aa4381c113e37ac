//! Files that are put beside a process before it starts.

use serde::{Deserialize, Serialize};

use crate::limits::PATH_BYTES_MAX;

/// Longest name of a file, in bytes: Linux's `NAME_MAX`.
const FILE_NAME_BYTES_MAX: usize = 255;

/// A file that is put into the instance's directory before it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// An absolute local path, a `file:` URI of one, both read on the worker, or an `http(s)://` URL. A URI
    /// may end in `#sha256=` and the digest that the file must have, in hex.
    pub uri: String,
}

/// Where an artifact comes from, and what it is called where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactSource {
    /// Where from.
    pub place: ArtifactPlace,
    /// The file's name: one plain part of a path.
    pub name: String,
    /// The digest that it must have, 64 lower-case hex digits.
    pub sha256: Option<String>,
}

/// Where an artifact comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactPlace {
    /// A file at this absolute path on the worker.
    File(String),
    /// A web server: the URL without its fragment.
    Web(String),
}

impl Artifact {
    /// What its URI means.
    ///
    /// # Errors
    /// What would be right.
    pub fn source(&self) -> Result<ArtifactSource, &'static str> {
        let uri = self.uri.as_str();
        if uri.len() >= PATH_BYTES_MAX || uri.contains(char::is_control) {
            return Err("an artifact of less than 4096 bytes without control characters");
        }
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return web(uri);
        }
        match uri.strip_prefix("file:") {
            None => local(uri.to_owned(), None),
            Some(rest) => {
                let (rest, sha256) = fragment(rest)?;
                // RFC 8089: `file:/a`, `file:///a` or `file://localhost/a`.
                let path = match rest.strip_prefix("//") {
                    None => rest,
                    Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                };
                local(percent_decoded(path).ok_or(LOCAL)?, sha256)
            }
        }
    }
}

const LOCAL: &str =
    "the absolute path of a file on the worker, a file: URI of one, or an http(s) URL";
const WEB: &str = "a URL with a host, without a user in it, whose path ends in a file's name";
const DIGEST: &str = "nothing behind # but sha256= and 64 hex digits";

fn local(path: String, sha256: Option<String>) -> Result<ArtifactSource, &'static str> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(LOCAL);
    }
    let name = path.rsplit('/').next().and_then(plain).ok_or(LOCAL)?;
    Ok(ArtifactSource {
        name,
        place: ArtifactPlace::File(path),
        sha256,
    })
}

fn web(uri: &str) -> Result<ArtifactSource, &'static str> {
    let (url, sha256) = fragment(uri)?;
    let (_, rest) = url.split_once("://").ok_or(WEB)?;
    let (host, path) = rest.split_once('/').ok_or(WEB)?;
    // A user's password has no place in a log that is kept.
    if host.is_empty() || host.contains('@') {
        return Err(WEB);
    }
    let path = path.split('?').next().unwrap_or(path);
    let name = path.rsplit('/').next().and_then(percent_decoded);
    let name = name.as_deref().and_then(plain).ok_or(WEB)?;
    Ok(ArtifactSource {
        name,
        place: ArtifactPlace::Web(url.to_owned()),
        sha256,
    })
}

fn fragment(uri: &str) -> Result<(&str, Option<String>), &'static str> {
    let Some((before, fragment)) = uri.split_once('#') else {
        return Ok((uri, None));
    };
    let digest = fragment.strip_prefix("sha256=").ok_or(DIGEST)?;
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_digest {
        return Err(DIGEST);
    }
    Ok((before, Some(digest.to_ascii_lowercase())))
}

/// A name that leads nowhere but into the directory that it is put into.
fn plain(name: &str) -> Option<String> {
    let plain = !matches!(name, "" | "." | "..")
        && name.len() <= FILE_NAME_BYTES_MAX
        && !name.contains(|c: char| c == '/' || c.is_control());
    plain.then(|| name.to_owned())
}

fn percent_decoded(text: &str) -> Option<String> {
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
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(uri: &str) -> Result<ArtifactSource, &'static str> {
        let uri = uri.to_owned();
        Artifact { uri }.source()
    }

    #[test]
    fn a_file_uri_and_a_path_name_the_same_file() {
        for uri in [
            "/a b/c.jar",
            "file:/a%20b/c.jar",
            "file:///a%20b/c.jar",
            "file://localhost/a b/c.jar",
        ] {
            let source = source(uri).unwrap();
            let place = ArtifactPlace::File("/a b/c.jar".to_owned());
            assert_eq!(
                (source.place, source.name.as_str()),
                (place, "c.jar"),
                "{uri}"
            );
        }
        // In a plain path it is a letter like any other.
        assert_eq!(source("/a#b").unwrap().name, "a#b");
    }

    #[test]
    fn a_url_names_its_file_and_may_say_which_digest_it_has() {
        let digest = "AB".repeat(32);
        let uri = format!("https://h:8443/a%2Fb/c%20d.jar?v=1&x=/y#sha256={digest}");
        let source = source(&uri).unwrap();
        assert_eq!(source.name, "c d.jar");
        assert_eq!(source.sha256, Some(digest.to_lowercase()));
        let url = "https://h:8443/a%2Fb/c%20d.jar?v=1&x=/y".to_owned();
        assert_eq!(source.place, ArtifactPlace::Web(url));
    }

    #[test]
    fn what_would_lead_out_of_the_directory_or_is_no_source_is_refused() {
        let long = format!("/{}", "x".repeat(300));
        for uri in [
            "",
            "c.jar",
            "file:c.jar",
            "file:/a%2",
            "file:/%zz",
            "file:/a%00b",
            "/",
            "/a/..",
            "/a\nb",
            "ftp://h/c.jar",
            "http://h",
            "http://h/",
            "http:///c.jar",
            "http://u:secret@h/c.jar",
            "http://h/a/%2e%2e",
            "http://h/a%2f..%2fb",
            "http://h/c.jar#md5=00",
            "http://h/c.jar#sha256=00",
            long.as_str(),
        ] {
            assert!(source(uri).is_err(), "{uri}");
        }
    }
}

//! The binary under test: built, and copied, so that nothing changes under a run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A binary under test, in the run's directory.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The copy.
    pub path: PathBuf,
    /// What it says of its version.
    pub version: String,
}

impl Binary {
    /// Copies `given`, or what is built now, into `dir`.
    ///
    /// # Errors
    /// When it can't be built, copied or run.
    pub fn prepare(given: Option<&Path>, dir: &Path) -> Result<Binary> {
        let from = match given {
            Some(path) => path.to_owned(),
            None => build()?,
        };
        let path = dir.join("vesta");
        let copied = std::fs::copy(&from, &path);
        copied.with_context(|| format!("{} can't be copied", from.display()))?;
        let output = Command::new(&path).arg("--version").output();
        let output = output.with_context(|| format!("{} can't be run", from.display()))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || version.is_empty() {
            bail!("{} is no vesta: {}", from.display(), output.status);
        }
        Ok(Binary { path, version })
    }
}

/// A copy of this very program in `dir`, for the work under test.
///
/// # Errors
/// When it can't be copied.
pub fn copy_of(dir: &Path) -> Result<PathBuf> {
    let to = dir.join("chaos");
    std::fs::copy(std::env::current_exe()?, &to).context("this program can't be copied")?;
    Ok(to)
}

/// Builds `vesta` with failpoints, in release mode, and returns where it is.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let output = Command::new(cargo)
        .args(["build", "--release", "-p", "vesta", "--features", "faults"])
        .args([
            "--message-format=json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(manifest)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo can't be started; --vesta names a binary that is built already")?;
    if !output.status.success() {
        bail!("vesta can't be built: {}", output.status);
    }
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    let mut executables = messages.filter_map(|message| {
        let is_vesta = message["target"]["name"] == "vesta";
        let path = message["executable"].as_str().filter(|_| is_vesta)?;
        Some(PathBuf::from(path))
    });
    executables.next().context("cargo names no executable")
}

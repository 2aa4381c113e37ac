//! Other programs of the system: `ip`, `nft`, `mount`.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a program with these arguments and returns what it printed.
///
/// # Errors
/// When it can't be started, or fails: with what it said.
pub fn run(program: &str, arguments: &[&str]) -> Result<String> {
    run_with(program, arguments, "")
}

/// The same, with this text as its input.
///
/// # Errors
/// As [`run`].
pub fn run_with(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let line = || format!("{program} {}", arguments.join(" "));
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.with_context(|| format!("{} can't be started", line()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without reading; what it says then counts.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(line)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}: {}", line(), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

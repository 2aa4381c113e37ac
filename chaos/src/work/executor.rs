//! A stand-in executor.

use super::TOLD_TO_END;
use super::beats::Beats;

/// Beats until it is told to end.
pub(super) async fn run() -> anyhow::Result<u8> {
    let beats = Beats::new()?;
    beats.started()?;
    beats.until(None, false).await?;
    beats.ended("asked").map(|()| TOLD_TO_END)
}

//! Progress of a long wait, for somebody who watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// A line on the terminal that says what is waited for; nothing if nobody watches.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A line that says `what`.
    pub fn new(what: &str) -> Progress {
        if !output::is_watched() {
            return Progress(None);
        }
        let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}");
        let bar = ProgressBar::new_spinner()
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(output::plain(what));
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress(Some(bar))
    }

    /// Does `output` with the line out of the way.
    pub fn around<T>(&self, output: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(output),
            None => output(),
        }
    }

    /// Says something else from now on.
    pub fn set(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(output::plain(what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

//! How far long work is: a line on stderr, while that is a terminal.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressStyle};

use super::eprint;

/// The line. It goes away when the work ends, however it ends.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For work of which nobody knows how much there is.
    pub(super) fn counting(what: &'static str) -> Self {
        Self::new(ProgressBar::no_length(), what, "{msg} {human_pos}")
    }

    /// For so many steps.
    pub(super) fn of(steps: usize, what: &'static str) -> Self {
        let bar = ProgressBar::new(steps.try_into().unwrap_or(u64::MAX));
        Self::new(bar, what, "{msg} [{bar:32}] {human_pos} of {human_len}, {eta} left")
    }

    /// For work that is seen to go on by what it prints.
    pub(super) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    fn new(bar: ProgressBar, what: impl Into<Cow<'static, str>>, template: &str) -> Self {
        // The templates are ours; a wrong one would show at the first use.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style.progress_chars("=> ")).with_message(what);
        bar.tick();
        Self(bar)
    }

    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// Prints to stderr, and not into the line.
    pub(super) fn eprint(&self, text: &str) {
        self.0.suspend(|| eprint(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

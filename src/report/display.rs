//! Shows progress while a run goes on: a bar that is redrawn, a line now and then, or nothing.
//!
//! Does not know what the line says, nor the time: the caller draws a few times a second with the view of that moment.
//! There is no thread that ticks.

use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::{ProgressView, RateMeter};

/// A plain line is due after so long: often enough to see a stall, and 12 lines a minute in a log.
const PLAIN_PERIOD: Duration = Duration::from_secs(5);

/// What is shown on standard error while a run goes on.
#[derive(Debug)]
pub struct Progress {
    rate: RateMeter,
    display: Display,
}

#[derive(Debug)]
enum Display {
    Bar { bar: ProgressBar, terminal: Term },
    Plain { next: Duration },
    Off,
}

impl Progress {
    /// A bar at the foot of the terminal. Shows nothing where standard error is no terminal.
    pub fn bar() -> Self {
        let terminal = Term::stderr();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is a constant"));
        Self::of(Display::Bar { bar, terminal })
    }

    /// A line every few seconds, for logs.
    pub fn plain() -> Self {
        Self::of(Display::Plain { next: PLAIN_PERIOD })
    }

    /// Nothing.
    pub fn off() -> Self {
        Self::of(Display::Off)
    }

    fn of(display: Display) -> Self {
        Self { rate: RateMeter::new(), display }
    }

    /// Shows the view; to be called a few times a second, and once at the start so that the rate has a beginning.
    ///
    /// Gives a line without its line end where the caller has to write one now.
    pub fn draw(&mut self, view: &ProgressView) -> Option<String> {
        self.rate.observe(view);
        match &mut self.display {
            Display::Bar { bar, terminal } => {
                // Asked for each time, since a window may be resized; one column short, since some terminals wrap
                // when the last one is written.
                let (_, columns) = terminal.size();
                bar.set_message(
                    view.bar_line(self.rate.per_second(), usize::from(columns.saturating_sub(1))),
                );
                None
            }
            Display::Plain { next } if view.elapsed >= *next => {
                *next = view.elapsed + PLAIN_PERIOD;
                Some(self.line(view))
            }
            Display::Plain { .. } | Display::Off => None,
        }
    }

    /// The line for a log, whatever is shown: what a signal asks for.
    pub fn line(&self, view: &ProgressView) -> String {
        view.plain_line(self.rate.per_second())
    }

    /// Takes the bar away while `write` writes to the terminal, and puts it back.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.display {
            Display::Bar { bar, .. } => bar.suspend(write),
            Display::Plain { .. } | Display::Off => write(),
        }
    }

    /// Takes the bar away for good, so that the summary stands in its place.
    pub fn finish(self) {
        if let Display::Bar { bar, .. } = self.display {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(rows: u64, seconds: u64) -> ProgressView {
        let elapsed = Duration::from_secs(seconds);
        ProgressView { rows, failed: 0, http_error: 0, fraction: None, elapsed, in_flight: 3, workers: 1 }
    }

    #[test]
    fn a_plain_line_comes_now_and_then() {
        let mut progress = Progress::plain();
        let seconds_with_a_line: Vec<_> =
            (0..=20).filter(|&second| progress.draw(&view(100 * second, second)).is_some()).collect();
        assert_eq!(seconds_with_a_line, [5, 10, 15, 20]);
        assert_eq!(progress.line(&view(2_000, 20)), "2,000 rows, 100/s, 0 failed, 3 under way");
    }

    #[test]
    fn nothing_is_shown_but_the_rate_is_known() {
        let mut progress = Progress::off();
        assert_eq!((0..100).find_map(|second| progress.draw(&view(second, second))), None);
        assert_eq!(progress.line(&view(100, 100)), "100 rows, 1.0/s, 0 failed, 3 under way");
        assert_eq!(progress.suspend(|| 7), 7);
        progress.finish();
    }
}

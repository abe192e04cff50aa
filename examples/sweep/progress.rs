//! The progress bar, and lines of text that do not disturb it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Result;

const TEMPLATE: &str = "[{elapsed_precise}] {bar:40} {percent:>3} % of {len} epochs, {msg}";

/// The bar on standard error. Without a terminal there are only the lines.
pub(crate) struct Display {
    bar: ProgressBar,
    best: f64,
}

impl Display {
    /// Creates a bar for this number of epochs.
    pub(crate) fn new(epochs: u64, workers: usize) -> Result<Self> {
        let bar = ProgressBar::new(epochs).with_style(ProgressStyle::with_template(TEMPLATE)?);
        bar.set_message(format!("{workers} processes"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Ok(Display { bar, best: 0.0 })
    }

    /// Moves the bar.
    pub(crate) fn set_epochs(&self, epochs: u64) {
        self.bar.set_position(epochs);
    }

    /// Shows the accuracy if it is the best so far.
    pub(crate) fn offer_best(&mut self, accuracy: f64) {
        if accuracy > self.best {
            self.best = accuracy;
            self.bar.set_message(format!("best so far {:.1} %", 100.0 * accuracy));
        }
    }

    /// Prints a line above the bar.
    pub(crate) fn print_line(&self, text: &str) {
        if self.bar.is_hidden() {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// Removes the bar.
    pub(crate) fn close(&self) {
        self.bar.finish_and_clear();
    }
}

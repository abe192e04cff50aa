//! The warnings of programs that run for long: lines of JSON on standard error.

use std::io::Write as _;

use log::{Level, LevelFilter, Log, Metadata, Record};
use serde::Serialize;
use tracklite::Timestamp;

/// Prints the warnings of this project.
struct Lines;

static LINES: Lines = Lines;

#[derive(Serialize)]
struct Line<'a> {
    time_ms: i64,
    level: &'a str,
    message: String,
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("tracklite")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = if record.level() == Level::Error { "error" } else { "warning" };
        let line = Line {
            time_ms: Timestamp::now().as_millis(),
            level,
            message: record.args().to_string(),
        };
        let text = serde_json::to_string(&line).unwrap_or_default();
        // If standard error is closed, there is nowhere to print the line.
        drop(writeln!(std::io::stderr().lock(), "{text}"));
    }

    fn flush(&self) {}
}

/// Prints warnings from now on.
pub(crate) fn print() {
    if log::set_logger(&LINES).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

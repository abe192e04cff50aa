//! Human-readable ids, paths and sizes.

use std::io::{self, Write};
use std::path::Path;

use tracklite::RunId;

use super::Result;

/// Returns a prefix of the id that is long enough to find the run.
pub(crate) fn short(run: RunId) -> String {
    let mut text = run.to_string();
    text.truncate(8);
    text
}

/// Quotes the path for a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Formats a size, for example `1.3 MiB`.
pub(crate) fn human_bytes(bytes: u64) -> String {
    let kibibytes = bytes as f64 / 1024.0;
    if kibibytes < 1024.0 {
        format!("{kibibytes:.0} KiB")
    } else {
        format!("{:.1} MiB", kibibytes / 1024.0)
    }
}

/// Prints to standard output. A closed pipe counts as success.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

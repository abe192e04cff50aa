//! Standard output: its width, its colours, and pipes that may close at any time.

use std::borrow::Cow;
use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use crate::text;

/// The style of text, if the terminal has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// No style.
    #[default]
    Plain,
    /// Headings.
    Bold,
    /// Secondary information.
    Faint,
    /// Success.
    Good,
    /// Work in progress.
    Busy,
    /// Warnings.
    Warning,
    /// Failures.
    Bad,
}

impl Style {
    /// Returns the number of the ANSI sequence.
    fn code(self) -> Option<&'static str> {
        match self {
            Style::Plain => None,
            Style::Bold => Some("1"),
            Style::Faint => Some("2"),
            Style::Good => Some("32"),
            Style::Busy => Some("36"),
            Style::Warning => Some("33"),
            Style::Bad => Some("31"),
        }
    }
}

/// Standard output, buffered.
pub(crate) struct Terminal {
    out: BufWriter<Stdout>,
    is_closed: bool,
    width: Option<usize>,
    has_colours: bool,
}

impl Terminal {
    /// Opens standard output. Colours depend on `NO_COLOR` and `TERM`.
    pub(crate) fn standard() -> Self {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Terminal {
            width: if is_terminal { Some(terminal_width(&out)) } else { None },
            has_colours: is_terminal && !is_plain,
            is_closed: false,
            out: BufWriter::with_capacity(1 << 16, out),
        }
    }

    /// Returns the width in columns, or `None` if this is not a terminal.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Returns whether the reader has closed the pipe.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Escapes text and applies a style.
    pub(crate) fn paint<'a>(&self, style: Style, words: &'a str) -> Cow<'a, str> {
        let clean = text::printable(words);
        match style.code() {
            Some(code) if self.has_colours && !clean.is_empty() => {
                Cow::Owned(format!("\u{1b}[{code}m{clean}\u{1b}[0m"))
            }
            _ => clean,
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, words: &str) -> io::Result<()> {
        writeln!(self, "{words}")
    }

    /// Writes an empty line and a heading.
    pub(crate) fn heading(&mut self, words: &str) -> io::Result<()> {
        let painted = self.paint(Style::Bold, words).into_owned();
        writeln!(self, "\n{painted}")
    }

    fn checked<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.is_closed |= error.kind() == io::ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.out.write(bytes);
        self.checked(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.checked(result)
    }
}

/// Returns the width of the terminal, or `COLUMNS`, or 80.
fn terminal_width(out: &Stdout) -> usize {
    let reported = terminal_size::terminal_size_of(out).map(|(width, _)| usize::from(width.0));
    let configured = || env::var("COLUMNS").ok()?.parse().ok();
    reported.filter(|&width| width > 0).or_else(configured).filter(|&width| width > 0).unwrap_or(80)
}

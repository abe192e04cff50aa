//! Standard output: its width, whether it takes colours, and a pipe that may close at any time.

use std::borrow::Cow;
use std::env;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};

use super::text;

/// How a piece of text stands out where colours are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    /// As it is.
    #[default]
    Plain,
    /// Headings.
    Bold,
    /// What can be overlooked.
    Faint,
    /// What ended well.
    Good,
    /// What is under way.
    Busy,
    /// What deserves a look.
    Warning,
    /// What went wrong.
    Bad,
}

impl Style {
    /// The number of the ANSI "select graphic rendition" sequence.
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
pub(super) struct Terminal {
    out: BufWriter<Stdout>,
    closed: bool,
    width: Option<usize>,
    colours: bool,
}

impl Terminal {
    /// Standard output as the environment describes it.
    pub(super) fn standard() -> Self {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Terminal {
            width: if is_terminal { Some(terminal_width(&out)) } else { None },
            colours: is_terminal && !refused,
            closed: false,
            out: BufWriter::with_capacity(1 << 16, out),
        }
    }

    /// The width in columns; `None` when this is no terminal and lines may have any length.
    pub(super) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether whoever read the output has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The text, made harmless, in a style.
    pub(super) fn paint<'a>(&self, style: Style, words: &'a str) -> Cow<'a, str> {
        let clean = text::printable(words);
        match style.code() {
            Some(code) if self.colours && !clean.is_empty() => {
                Cow::Owned(format!("\u{1b}[{code}m{clean}\u{1b}[0m"))
            }
            _ => clean,
        }
    }

    /// Writes one line.
    pub(super) fn line(&mut self, words: &str) -> io::Result<()> {
        writeln!(self, "{words}")
    }

    /// Writes a heading on a line of its own, after an empty one.
    pub(super) fn heading(&mut self, words: &str) -> io::Result<()> {
        let painted = self.paint(Style::Bold, words).into_owned();
        writeln!(self, "\n{painted}")
    }

    fn noticed<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.closed |= error.kind() == io::ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.out.write(bytes);
        self.noticed(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.noticed(result)
    }
}

/// The width that the terminal reports, else `COLUMNS`, else 80.
fn terminal_width(out: &Stdout) -> usize {
    let reported = terminal_size::terminal_size_of(out).map(|(width, _)| usize::from(width.0));
    let told = || env::var("COLUMNS").ok()?.parse().ok();
    reported.filter(|&width| width > 0).or_else(told).filter(|&width| width > 0).unwrap_or(80)
}

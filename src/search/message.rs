//! What is wrong with a text, shown at its place with a caret line.

use unicode_width::UnicodeWidthStr as _;

use super::syntax::Span;
use crate::error::{Error, ErrorKind};

/// How many characters of a text are shown at most; a longer one is cut around the place.
const SHOWN_CHARACTERS_MAX: usize = 72;
/// How much of what stands before the place is shown when a text is cut.
const SHOWN_BEFORE_MAX: usize = 32;

/// The result of a step that may find something wrong.
pub(super) type Checked<T> = std::result::Result<T, Problem>;

/// Something wrong at a place of the text; boxed, so that the good case stays small.
#[derive(Debug)]
pub(super) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    span: Span,
    what: String,
    expected: String,
    hint: Option<String>,
}

impl Problem {
    /// What is wrong, where, and what would have been right.
    #[cold]
    pub(super) fn new(span: Span, what: impl Into<String>, expected: impl Into<String>) -> Self {
        let (what, expected) = (what.into(), expected.into());
        Problem(Box::new(Parts { span, what, expected, hint: None }))
    }

    /// The same with a sentence that may help.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same with what was probably meant, if anything.
    pub(super) fn suggest(mut self, meant: Option<String>) -> Self {
        if let Some(meant) = meant {
            self.0.hint = Some(format!("did you mean {meant}?"));
        }
        self
    }

    /// The error that shows the place in `text`, which is the `subject` ("filter").
    #[cold]
    pub(super) fn into_error(self, subject: &str, text: &str) -> Error {
        let Parts { span, what, expected, hint } = *self.0;
        let mut message = format!("invalid {subject}: {what}\n");
        push_excerpt(&mut message, text, span);
        message.push_str("expected ");
        message.push_str(&expected);
        if let Some(hint) = hint {
            message.push('\n');
            message.push_str(&hint);
        }
        Error::new(ErrorKind::InvalidInput, message)
    }
}

/// Two lines: the text around the place, and carets under it.
fn push_excerpt(message: &mut String, text: &str, span: Span) {
    let start = floor_boundary(text, span.start);
    let first = backwards(text, start, SHOWN_CHARACTERS_MAX);
    let whole = first == 0 && text[first..].chars().nth(SHOWN_CHARACTERS_MAX).is_none();
    let from = if whole { 0 } else { backwards(text, start, SHOWN_BEFORE_MAX) };
    let shown: String = text[from..].chars().take(SHOWN_CHARACTERS_MAX).map(visible).collect();
    let (left, right) = (from > 0, text[from..].chars().nth(SHOWN_CHARACTERS_MAX).is_some());
    let before: String = text[from..start].chars().map(visible).collect();
    let room = SHOWN_CHARACTERS_MAX.saturating_sub(before.chars().count());
    let marked = text[start..floor_boundary(text, span.end.max(start))].chars();
    let marked: String = marked.take(room).map(visible).collect();
    // In columns of a terminal: Chinese takes two of them, an accent that is put on top none.
    let (indent, carets) = (before.width(), marked.width().max(1));
    let (left, right) = (if left { "..." } else { "" }, if right { "..." } else { "" });
    message.push_str("    ");
    message.push_str(left);
    message.push_str(&shown);
    message.push_str(right);
    message.push_str("\n    ");
    message.extend(std::iter::repeat_n(' ', left.len() + indent));
    message.extend(std::iter::repeat_n('^', carets));
    message.push('\n');
}

/// Line breaks, tabs and other control characters would tear the two lines apart.
fn visible(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The byte `count` characters before this one, or 0.
fn backwards(text: &str, at: usize, count: usize) -> usize {
    if count == 0 {
        return at;
    }
    text[..at].char_indices().rev().nth(count - 1).map_or(0, |(index, _)| index)
}

/// As much of a word as a message should repeat, in backticks; in `'` when it holds a backtick.
pub(super) fn quoted(word: &str) -> String {
    let quote = if word.contains('`') { '\'' } else { '`' };
    let shown: String = word.chars().take(40).map(visible).collect();
    let rest = if shown.len() < word.len() && word.chars().nth(40).is_some() { "..." } else { "" };
    format!("{quote}{shown}{rest}{quote}")
}

/// `a, b or c`.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

//! Error messages that point at a place in a text with a line of carets.

use super::syntax::Span;
use crate::error::{Error, ErrorKind};

/// The longest excerpt shown, in characters. A longer text is cut around the place.
const SHOWN_CHARACTERS_MAX: usize = 72;
/// How many characters before the place stay visible when the text is cut.
const SHOWN_BEFORE_MAX: usize = 32;

/// The result of a step that may find a problem.
pub(super) type Checked<T> = std::result::Result<T, Problem>;

/// A problem at a place in the text. Boxed, so that `Checked` stays small.
#[derive(Debug)]
pub(super) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    span: Span,
    summary: String,
    expected: String,
    hint: Option<String>,
    /// MLflow's sentence for it. `None` means the sentence for a text that cannot be parsed.
    sentence: Option<String>,
    /// MLflow's error code, if it is not that of an invalid argument.
    mlflow_code: Option<&'static str>,
}

impl Problem {
    /// Returns a problem: what is wrong, where, and what was expected.
    #[cold]
    pub(super) fn new(span: Span, summary: impl Into<String>, expected: impl Into<String>) -> Self {
        let (summary, expected) = (summary.into(), expected.into());
        let (hint, sentence, mlflow_code) = (None, None, None);
        Problem(Box::new(Parts { span, summary, expected, hint, sentence, mlflow_code }))
    }

    /// Sets MLflow's sentence for the problem.
    pub(super) fn sentence(mut self, sentence: String) -> Self {
        self.0.sentence = Some(sentence);
        self
    }

    /// Returns MLflow's sentence for the problem, if it has one of its own.
    pub(super) fn into_sentence(self) -> Option<String> {
        self.0.sentence
    }

    /// Removes MLflow's sentence, which is only that of a filter.
    pub(super) fn unsaid(mut self) -> Self {
        self.0.sentence = None;
        self
    }

    /// Sets MLflow's error code, where it is not that of an invalid argument.
    pub(super) fn mlflow_code(mut self, code: &'static str) -> Self {
        self.0.mlflow_code = Some(code);
        self
    }

    /// Adds a hint as the last line.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean ...?" if there is a suggestion.
    pub(super) fn suggest(mut self, suggestion: Option<String>) -> Self {
        if let Some(suggestion) = suggestion {
            self.0.hint = Some(format!("did you mean {suggestion}?"));
        }
        self
    }

    /// Returns the error that shows the place in `text`. `broken` returns MLflow's sentence for a
    /// text that cannot be parsed there.
    #[cold]
    pub(super) fn into_error(self, broken: impl FnOnce(Span) -> String, text: &str) -> Error {
        let Parts { span, summary, expected, hint, sentence, mlflow_code } = *self.0;
        let mut message = sentence.unwrap_or_else(|| broken(span));
        message.push('\n');
        push_excerpt(&mut message, text, span);
        message.push_str(&summary);
        message.push_str(": expected ");
        message.push_str(&expected);
        if let Some(hint) = hint {
            message.push('\n');
            message.push_str(&hint);
        }
        let error = Error::new(ErrorKind::InvalidInput, message).with_place(span.start..span.end);
        match mlflow_code {
            Some(code) => error.with_mlflow_code(code),
            None => error,
        }
    }
}

/// Appends two lines: the text around the place, and carets below it.
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
    let (indent, carets) = (width(&before), width(&marked).max(1));
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

/// Returns the columns that text takes in a terminal, for the most common scripts.
fn width(text: &str) -> usize {
    let columns = text.chars().map(|character| match u32::from(character) {
        // Combining accents and joiners.
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        // Hangul, kana, Chinese characters, full-width forms and emoji.
        0x1100..=0x115F | 0x2E80..=0x303E | 0x3041..=0xA4CF | 0xAC00..=0xD7A3 => 2,
        0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 => 2,
        0x1F300..=0x1F64F | 0x1F900..=0x1F9FF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    });
    columns.sum()
}

/// Replaces line breaks, tabs and other control characters, which would misalign the carets.
pub(super) fn visible(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Returns the index of the character `count` characters earlier, or 0.
fn backwards(text: &str, at: usize, count: usize) -> usize {
    if count == 0 {
        return at;
    }
    text[..at].char_indices().rev().nth(count - 1).map_or(0, |(index, _)| index)
}

/// Quotes a word in backticks, or in `'` if it contains a backtick. Long words are cut.
pub(super) fn quoted(word: &str) -> String {
    let quote = if word.contains('`') { '\'' } else { '`' };
    let shown: String = word.chars().take(40).map(visible).collect();
    let rest = if shown.len() < word.len() && word.chars().nth(40).is_some() { "..." } else { "" };
    format!("{quote}{shown}{rest}{quote}")
}

/// Formats a list as `a, b or c`.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

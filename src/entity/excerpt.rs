//! Parts of error messages that show a place in a text, with a line of carets.

use std::ops::Range;

/// The longest excerpt shown, in characters. A longer text is cut around the place.
const SHOWN_CHARACTERS_MAX: usize = 72;
/// How many characters before the place stay visible when the text is cut.
const SHOWN_BEFORE_MAX: usize = 32;

/// Appends two lines: the text around the place, and carets below it.
pub(crate) fn push_excerpt(message: &mut String, text: &str, place: Range<usize>) {
    let start = floor_boundary(text, place.start);
    let first = backwards(text, start, SHOWN_CHARACTERS_MAX);
    let whole = first == 0 && text[first..].chars().nth(SHOWN_CHARACTERS_MAX).is_none();
    let from = if whole { 0 } else { backwards(text, start, SHOWN_BEFORE_MAX) };
    let shown: String = text[from..].chars().take(SHOWN_CHARACTERS_MAX).map(visible).collect();
    let (left, right) = (from > 0, text[from..].chars().nth(SHOWN_CHARACTERS_MAX).is_some());
    let before: String = text[from..start].chars().map(visible).collect();
    let room = SHOWN_CHARACTERS_MAX.saturating_sub(before.chars().count());
    let marked = text[start..floor_boundary(text, place.end.max(start))].chars();
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
pub(crate) fn visible(character: char) -> char {
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
pub(crate) fn quoted(word: &str) -> String {
    let quote = if word.contains('`') { '\'' } else { '`' };
    let shown: String = word.chars().take(40).map(visible).collect();
    let rest = if shown.len() < word.len() && word.chars().nth(40).is_some() { "..." } else { "" };
    format!("{quote}{shown}{rest}{quote}")
}

/// Formats a list as `a, b or c`.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

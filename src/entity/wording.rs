//! Parts of MLflow's error texts, which programs match on.

use std::fmt::{Display, Write as _};

use crate::error::{Error, ErrorKind};

/// The longest value repeated in a message, in characters.
const REPEATED_CHARACTERS_MAX: usize = 250;

/// Returns MLflow's error for an argument with a wrong value.
#[cold]
pub(crate) fn invalid_value(parameter: impl Display, value: &str, rule: &str) -> Error {
    let value = json(value);
    invalid(format!("Invalid value {value} for parameter '{parameter}' supplied: {rule}"))
}

/// Returns MLflow's error for an argument that is missing or blank.
#[cold]
pub(crate) fn missing_value(parameter: &str) -> Error {
    invalid(format!("Missing value for required parameter '{parameter}'."))
}

/// Returns an error about an argument.
#[cold]
pub(crate) fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

/// Returns a text as JSON in ASCII, like MLflow's messages. A long text is cut.
pub(crate) fn json(text: &str) -> String {
    let mut json = String::from("\"");
    for character in shortened(text).chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            ' '..='~' => json.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
    }
    json.push('"');
    json
}

/// Returns a text as a Python literal, like MLflow's messages. A long text is cut.
pub(crate) fn python(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut literal = String::from(quote);
    for character in shortened(text).chars() {
        match character {
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\\' => literal.push_str("\\\\"),
            _ if character == quote => literal.extend(['\\', quote]),
            _ if character.is_control() => {
                let _ = write!(literal, "\\x{:02x}", u32::from(character));
            }
            _ => literal.push(character),
        }
    }
    literal.push(quote);
    literal
}

/// Returns a list of texts as a Python literal.
pub(crate) fn python_list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<String> = texts.into_iter().map(python).collect();
    format!("[{}]", all.join(", "))
}

/// Returns bytes as a Python literal.
pub(crate) fn python_bytes(bytes: &[u8]) -> String {
    let mut literal = String::from("b'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => literal.extend(['\\', char::from(*byte)]),
            b'\n' => literal.push_str("\\n"),
            b' '..=b'~' => literal.push(char::from(*byte)),
            _ => {
                let _ = write!(literal, "\\x{byte:02x}");
            }
        }
    }
    literal.push('\'');
    literal
}

/// Cuts a text that is too long to be repeated.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(REPEATED_CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_like_in_mlflow() {
        assert_eq!(json("a\"\\\n\u{7f}\u{fc}\u{1f600}"), r#""a\"\\\n\u007f\u00fc\ud83d\ude00""#);
        assert_eq!(python("a"), "'a'");
        assert_eq!(python("it's"), "\"it's\"");
        assert_eq!(python("'\"\n\\\u{1}"), r#"'\'"\n\\\x01'"#);
        assert_eq!(python_list(["a", "b"]), "['a', 'b']");
        assert_eq!(json(&"k".repeat(300)).len(), 255);
    }
}

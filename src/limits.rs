//! What names, keys and values may look like. The rules are MLflow's (`utils/validation.py`).

use crate::error::{Error, ErrorKind, Result};

/// The greatest number of characters in a metric, param or tag key.
pub const KEY_CHARACTERS_MAX: usize = 250;
/// The greatest number of characters in the path of an experiment or the name of a run.
pub const NAME_CHARACTERS_MAX: usize = 500;
/// The greatest number of bytes in the value of a param or tag: 16 MiB.
pub const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A key is 1 to 250 letters, digits, `_ - . : /` and spaces of any script, and as a path it is in
/// its shortest form: no leading or trailing `/`, no empty, `.` or `..` segment.
pub(crate) fn check_key(what: &str, key: &str) -> Result<()> {
    let rule = if key.is_empty() {
        "it is empty"
    } else if key.chars().count() > KEY_CHARACTERS_MAX {
        "it has more than 250 characters"
    } else if !key.chars().all(is_key_character) {
        "only letters, digits, spaces and _ - . : / are allowed"
    } else if key.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        "as a path it has an empty, `.` or `..` segment"
    } else {
        return Ok(());
    };
    Err(invalid(format!("{what} key {:?}: {rule}", shortened(key))))
}

fn is_key_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ' ' | ':' | '/')
}

/// The path of an experiment: 1 to 500 characters, not all blank, no control characters.
pub(crate) fn check_experiment_path(path: &str) -> Result<()> {
    check_name("experiment path", path)
}

/// The name of a run: 1 to 500 characters, not all blank, no control characters.
pub(crate) fn check_run_name(name: &str) -> Result<()> {
    check_name("run name", name)
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let rule = if name.trim().is_empty() {
        "it is blank"
    } else if name.chars().count() > NAME_CHARACTERS_MAX {
        "it has more than 500 characters"
    } else if name.chars().any(char::is_control) {
        "it has a control character"
    } else {
        return Ok(());
    };
    Err(invalid(format!("{what} {:?}: {rule}", shortened(name))))
}

/// A value of a param or tag: any text of at most 16 MiB.
pub(crate) fn check_value(what: &str, key: &str, value: &str) -> Result<()> {
    if value.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(invalid(format!(
        "{what} {key:?}: its value has {} bytes, at most {VALUE_BYTES_MAX} are kept (log it as an \
         artifact instead)",
        value.len()
    )))
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_rules() {
        for good in ["loss", "train/loss", "a b", "x:y", "grad.norm-2", "\u{645}\u{642}", "\u{fc}"]
        {
            assert!(check_key("metric", good).is_ok(), "{good}");
        }
        let long = "k".repeat(251);
        for bad in ["", "/a", "a/", "a//b", "./a", "..", "a\nb", "a*b", "a\\b", &long] {
            let error = check_key("metric", bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        }
        assert!(check_key("metric", &"k".repeat(250)).is_ok());
    }
}

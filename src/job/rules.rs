//! Rules for single settings of jobs.

use crate::entity::wording::invalid;
use crate::error::Result;

/// Checks a word of a list.
pub(crate) fn check_word(what: &str, word: Option<&str>, words: &[&str]) -> Result<()> {
    match word {
        Some(word) if !words.contains(&word) => {
            let words = words.join(", ");
            Err(invalid(format!("Invalid value {word:?} for {what}: expected one of {words}")))
        }
        _ => Ok(()),
    }
}

/// Checks the path of a file of the workspace. One with a reference is checked when it runs.
pub(crate) fn check_path(what: &str, path: &str) -> Result<()> {
    let plain = path.strip_prefix("file:").unwrap_or(path);
    let is_inside = !plain.split('/').any(|part| part == "..") && !plain.contains('\0');
    if plain.is_empty() || !is_inside {
        return Err(invalid(format!(
            "{what} has the path {path:?}: expected a path below the folder of the workspace, such \
             as /Users/me/train"
        )));
    }
    Ok(())
}

//! Saved views: named states of the web page and of the command line.

use crate::entity::id::Timestamp;
use crate::entity::wording::{invalid, invalid_value};
use crate::error::Result;

/// The maximum bytes of a name.
const NAME_BYTES_MAX: usize = 250;

/// A saved view as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavedView {
    /// The name, which identifies the view.
    pub name: String,
    /// The state: a JSON object, exactly as it was saved.
    pub state: String,
    /// The user who saved this revision.
    pub author: String,
    /// The number of this revision. A later change of a view with this name has a higher one.
    pub revision: u64,
    /// The time at which the view was created.
    pub created: Timestamp,
    /// The time at which this revision was saved.
    pub updated: Timestamp,
}

/// The last change of a view, which may be its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ViewChange {
    pub(crate) revision: u64,
    /// The user who made the change.
    pub(crate) author: String,
    pub(crate) time: Timestamp,
    /// The time at which the view was created. `None` if the change deleted it.
    pub(crate) created: Option<Timestamp>,
}

/// Checks the name of a view: not blank, without control characters, not too long.
pub(crate) fn check_view_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(invalid_value("name", name, "it is blank"));
    }
    if name.chars().any(char::is_control) {
        return Err(invalid_value("name", name, "it contains a control character"));
    }
    if name.len() > NAME_BYTES_MAX {
        let bytes = name.len();
        return Err(invalid(format!(
            "the name of the view has {bytes} bytes, at most {NAME_BYTES_MAX} are allowed"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn names_of_views_follow_the_rules() {
        for valid in ["a", " a/b: \u{1f600}", &"k".repeat(250)] {
            assert!(check_view_name(valid).is_ok(), "{valid}");
        }
        for bad in ["", " \u{a0}", "a\nb", "\u{7f}", &"k".repeat(251), &"\u{fc}".repeat(126)] {
            assert_eq!(check_view_name(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}

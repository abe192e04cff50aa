//! Tags that mirror other facts about a run: its name and its parent.
//!
//! The index keeps both in sync. This module checks their values.

use crate::entity::id::RunId;
use crate::entity::limits::Limits;
use crate::entity::wording::invalid;
use crate::entity::{PARENT_RUN_TAG, RUN_NAME_TAG};
use crate::error::Result;

/// Checks the new name of a run if the tags contain one.
pub(crate) fn check_tags(limits: &Limits, tags: &[(String, String)]) -> Result<()> {
    let mut names = tags.iter().filter(|(key, _)| key == RUN_NAME_TAG);
    names.try_for_each(|(_, name)| limits.check_run_name(name))
}

/// Reconciles the name and parent of a new run with its tags, and returns the name, which may be
/// empty.
///
/// Tags that repeat the name or parent are removed.
pub(crate) fn settle(
    name: String,
    parent: Option<RunId>,
    tags: &mut Vec<(String, String)>,
) -> Result<String> {
    let tagged = last_of(tags, RUN_NAME_TAG);
    let name = match tagged {
        Some(tagged) if !name.is_empty() && tagged != name => {
            return Err(invalid(format!(
                "Both 'run_name' argument and '{RUN_NAME_TAG}' tag are specified, but with \
                 different values (run_name='{name}', {RUN_NAME_TAG}='{tagged}')."
            )));
        }
        Some(tagged) => tagged,
        None => name,
    };
    tags.retain(|(key, _)| key != RUN_NAME_TAG);
    let Some(parent) = parent.map(|parent| parent.to_string()) else { return Ok(name) };
    match last_of(tags, PARENT_RUN_TAG) {
        Some(tagged) if tagged != parent => {
            return Err(invalid(format!(
                "run parent {parent:?} conflicts with the tag {PARENT_RUN_TAG}, which is {tagged:?}"
            )));
        }
        _ => tags.retain(|(key, _)| key != PARENT_RUN_TAG),
    }
    Ok(name)
}

fn last_of(tags: &[(String, String)], wanted: &str) -> Option<String> {
    let found = tags.iter().rev().find(|(key, _)| key == wanted);
    found.map(|(_, value)| value.clone())
}

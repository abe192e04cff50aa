//! Arbitrary records of saved views.

use tracklite::internals::record::{Record, ViewDeleted, ViewSaved};
use tracklite_fuzz::Choices;

use super::text;

fn revision(choices: &mut Choices<'_>) -> u64 {
    if choices.byte() < 240 { choices.below(4) as u64 } else { choices.integer().cast_unsigned() }
}

pub(super) fn about_views(choices: &mut Choices<'_>) -> Record {
    let (name, author, time) = (text(choices), text(choices), choices.integer());
    let revision = revision(choices);
    match choices.below(3) {
        0 => ViewDeleted { name, author, revision, time }.into(),
        _ => {
            let (state, created) = (text(choices), choices.integer());
            ViewSaved { name, state, author, revision, created, time }.into()
        }
    }
}

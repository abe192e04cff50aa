//! Arbitrary records of endpoints.

use tracklite::endpoint::{EndpointId, EndpointState};
use tracklite::internals::record::{EndpointDeleted, EndpointSaved, Record};
use tracklite_fuzz::Choices;

use super::text;

fn revision(choices: &mut Choices<'_>) -> u64 {
    if choices.byte() < 240 { choices.below(4) as u64 } else { choices.integer().cast_unsigned() }
}

fn state(choices: &mut Choices<'_>) -> EndpointState {
    let mut state = EndpointState::default();
    if choices.byte() < 128 {
        state.description = Some(text(choices));
        state.failure = Some(text(choices));
    }
    for _ in 0..choices.below(3) {
        state.tags.insert(text(choices), text(choices));
    }
    state.active = Some(choices.integer().cast_unsigned());
    state
}

pub(super) fn about_endpoints(choices: &mut Choices<'_>) -> Record {
    let (name, author, time) = (text(choices), text(choices), choices.integer());
    let revision = revision(choices);
    if choices.below(3) == 0 {
        return EndpointDeleted { name, author, revision, time }.into();
    }
    let endpoint = EndpointId::from_bits(u128::from(choices.byte()));
    let (creator, created, state) = (text(choices), choices.integer(), state(choices));
    EndpointSaved { endpoint, name, creator, created, author, revision, state, time }.into()
}

//! Arbitrary records of access tokens.

use tracklite::internals::record::{Record, TokenCreated, TokenRevoked};
use tracklite::token::TokenId;
use tracklite_fuzz::Choices;

use super::text;

pub(super) fn about_tokens(choices: &mut Choices<'_>) -> Record {
    let (token, time) = (TokenId::from_bits(choices.below(4) as u64), choices.integer());
    if choices.below(3) == 0 {
        return TokenRevoked { token, time }.into();
    }
    TokenCreated {
        token,
        hash: [choices.byte(); 32],
        user: text(choices),
        comment: (choices.byte() < 128).then(|| text(choices)),
        scopes: (0..choices.below(3)).map(|_| text(choices)).collect(),
        expires: (choices.byte() < 128).then(|| choices.integer()),
        time,
    }
    .into()
}

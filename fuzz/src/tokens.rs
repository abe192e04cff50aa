//! The expected state of access tokens.

use tracklite::token::TokenInfo;
use tracklite::{Database, ErrorKind};

/// An access token.
#[derive(Clone, Debug)]
pub struct ModelToken {
    /// Its info when it was created.
    pub info: TokenInfo,
    /// Its whole text.
    pub text: String,
    /// Whether it was revoked.
    pub is_revoked: bool,
}

/// Panics unless exactly these tokens exist, in this order, and only live ones are accepted.
pub(crate) fn compare_tokens(database: &Database, wanted: &[ModelToken]) {
    let found = database.tokens().expect("read the tokens");
    assert_eq!(found.len(), wanted.len(), "number of tokens");
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found.revoked.is_some(), wanted.is_revoked, "{found:?}");
        let mut created = found.clone();
        created.revoked = None;
        assert_eq!(created, wanted.info);
        match database.check_token(&wanted.text) {
            Ok(checked) => assert_eq!((&checked, wanted.is_revoked), (found, false)),
            Err(error) => {
                assert_eq!((error.kind(), wanted.is_revoked), (ErrorKind::Unauthenticated, true));
            }
        }
    }
    let has_live = wanted.iter().any(|token| !token.is_revoked);
    assert_eq!(database.has_tokens().expect("look for a live token"), has_live);
}

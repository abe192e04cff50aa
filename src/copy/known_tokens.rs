//! The access tokens of a file, for its copies and its checks.

use std::collections::BTreeMap;

use crate::entity::TokenId;
use crate::format::record::{Record, TokenRevoked};

/// The tokens that exist after the applied records.
#[derive(Debug, Default)]
pub(crate) struct KnownTokens {
    /// The tokens, each with whether it is revoked.
    tokens: BTreeMap<TokenId, bool>,
}

impl KnownTokens {
    /// Applies a record.
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            Record::TokenCreated(change) => {
                self.tokens.entry(change.token).or_default();
            }
            Record::TokenRevoked(change) => {
                if let Some(revoked) = self.tokens.get_mut(&change.token) {
                    *revoked = true;
                }
            }
            _ => {}
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns the token that the record refers to, if it does not exist.
    pub(crate) fn missing(&self, record: &Record) -> Option<TokenId> {
        let Record::TokenRevoked(change) = record else { return None };
        (!self.tokens.contains_key(&change.token)).then_some(change.token)
    }

    /// Returns records that revoke all tokens that are not revoked.
    pub(crate) fn revocations(&self, time: i64) -> Vec<Record> {
        let live = self.tokens.iter().filter(|(_, revoked)| !**revoked);
        live.map(|(&token, _)| TokenRevoked { token, time }.into()).collect()
    }
}

//! The access tokens of the file, always those of the end of the chain.

use std::collections::HashMap;

use crate::entity::id::Timestamp;
use crate::entity::{TokenId, TokenInfo};
use crate::error::Result;
use crate::format::record::{Record, TOKEN_KINDS, TokenCreated};
use crate::log::{ChainEnd, ChainReader};

/// The tokens as of a position of the chain. The first answer comes from the index, and later
/// records are read here, so that a check does not wait for a search that uses the index.
#[derive(Debug)]
pub(crate) struct CurrentTokens {
    reader: ChainReader,
    tokens: HashMap<TokenId, CurrentToken>,
}

/// A token with the keyed hash of its secret.
#[derive(Clone, Debug)]
pub(crate) struct CurrentToken {
    pub(crate) info: TokenInfo,
    pub(crate) hash: [u8; 32],
}

impl CurrentTokens {
    /// Creates the state of the chain where `reader` is, from its tokens and their hashes.
    pub(crate) fn new(reader: ChainReader, tokens: Vec<(TokenInfo, [u8; 32])>) -> Self {
        let tokens = tokens.into_iter();
        let tokens = tokens.map(|(info, hash)| (info.id, CurrentToken { info, hash }));
        CurrentTokens { tokens: tokens.collect(), reader }
    }

    pub(crate) fn reader(&self) -> &ChainReader {
        &self.reader
    }

    /// Returns the token with this id.
    pub(crate) fn get(&self, id: TokenId) -> Option<&CurrentToken> {
        self.tokens.get(&id)
    }

    /// Returns whether any token is accepted at this time.
    pub(crate) fn has_live(&self, now: Timestamp) -> bool {
        self.tokens.values().any(|token| token.info.is_live(now))
    }

    /// Applies all records up to the end of the chain. Returns how it ends.
    pub(crate) fn catch_up(&mut self) -> Result<ChainEnd> {
        let CurrentTokens { reader, tokens } = self;
        reader.catch_up(|_, frame| {
            for raw in frame.raw_records() {
                let raw = raw?;
                if TOKEN_KINDS.contains(&raw.kind) && raw.is_known() {
                    apply(tokens, raw.decode()?);
                }
            }
            Ok(())
        })
    }
}

fn apply(tokens: &mut HashMap<TokenId, CurrentToken>, record: Record) {
    match record {
        Record::TokenCreated(created) => {
            tokens.entry(created.token).or_insert_with(|| created.into());
        }
        Record::TokenRevoked(revoked) => {
            if let Some(token) = tokens.get_mut(&revoked.token) {
                token.info.revoked.get_or_insert(Timestamp::from_nanos(revoked.time));
            }
        }
        _ => {}
    }
}

impl From<TokenCreated> for CurrentToken {
    fn from(created: TokenCreated) -> Self {
        let info = TokenInfo {
            id: created.token,
            user: created.user,
            comment: created.comment,
            scopes: created.scopes,
            created: Timestamp::from_nanos(created.time),
            expires: created.expires.map(Timestamp::from_nanos),
            revoked: None,
        };
        CurrentToken { info, hash: created.hash }
    }
}

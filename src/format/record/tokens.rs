//! The records of access tokens.

use serde::{Deserialize, Serialize};

use crate::entity::TokenId;

/// An access token was created. Its secret is not in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCreated {
    /// The new id.
    pub token: TokenId,
    /// The hash of the id and the secret, keyed with the pepper, which is outside the file.
    pub hash: [u8; 32],
    /// The user for whom it acts.
    pub user: String,
    /// The comment.
    pub comment: Option<String>,
    /// The names of its scopes, sorted. A build ignores names that it does not know.
    pub scopes: Vec<String>,
    /// The time from which it is no longer accepted, in nanoseconds since the epoch.
    pub expires: Option<i64>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An access token was revoked permanently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// The token.
    pub token: TokenId,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

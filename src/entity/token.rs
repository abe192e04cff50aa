//! Access tokens: their ids, scopes and infos. The secret of a token is not part of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};

/// The id of an access token: 64 random bits, displayed as 16 lower-case hexadecimal digits.
///
/// An id is not secret. It is the middle part of the token's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenId(u64);

impl TokenId {
    /// Creates an id from exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        TokenId(bits)
    }

    /// Returns the 64 bits of the id.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

impl FromStr for TokenId {
    type Err = Error;

    /// Parses 16 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the text is anything else. The message does not repeat it,
    ///   because it may be a whole token.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(bits) if digits => Ok(TokenId(bits)),
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "invalid token id: expected 16 hexadecimal digits, the part of the token between \
                 the underscores",
            )),
        }
    }
}

/// The extent of a token's permission. Each scope includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TokenScope {
    /// Reading everything except tokens.
    Read,
    /// Logging runs and changing the registry.
    Write,
    /// Managing tokens and purging data.
    Admin,
}

impl TokenScope {
    /// All scopes, the narrowest first.
    pub const ALL: [TokenScope; 3] = [TokenScope::Read, TokenScope::Write, TokenScope::Admin];

    /// Returns the name: `read`, `write` or `admin`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TokenScope::Read => "read",
            TokenScope::Write => "write",
            TokenScope::Admin => "admin",
        }
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TokenScope {
    type Err = Error;

    /// Parses the name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such scope.
    fn from_str(text: &str) -> Result<Self> {
        let found = TokenScope::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| {
            let message = format!("unknown scope {text:?}: expected read, write or admin");
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

/// An access token as stored in the file, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The id.
    pub id: TokenId,
    /// The user for whom the token acts.
    pub user: String,
    /// The comment.
    pub comment: Option<String>,
    /// The names of its scopes, sorted. A newer build may know more of them than this one.
    pub scopes: Vec<String>,
    /// The creation time.
    pub created: Timestamp,
    /// The time from which it is no longer accepted. `None` if it does not expire.
    pub expires: Option<Timestamp>,
    /// The time at which it was revoked.
    pub revoked: Option<Timestamp>,
}

impl TokenInfo {
    /// Returns whether the token is accepted at this time: it is not revoked and not expired.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }

    /// Returns whether one of its scopes is or includes this one.
    #[must_use]
    pub fn allows(&self, scope: TokenScope) -> bool {
        let known = self.scopes.iter().filter_map(|name| name.parse::<TokenScope>().ok());
        known.max().is_some_and(|widest| widest >= scope)
    }

    /// Fails unless one of its scopes is or includes this one.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::PermissionDenied`] if none is.
    pub fn require(&self, scope: TokenScope) -> Result<()> {
        if self.allows(scope) {
            return Ok(());
        }
        let found = if self.scopes.is_empty() { "none".to_owned() } else { self.scopes.join(", ") };
        let message = format!(
            "this needs a token with the scope {scope}, but this token has {found}: create another \
             token"
        );
        Err(Error::new(ErrorKind::PermissionDenied, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &[&str]) -> TokenInfo {
        TokenInfo {
            id: TokenId::from_bits(7),
            user: "ada".to_owned(),
            comment: None,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            created: Timestamp::from_nanos(1),
            expires: Some(Timestamp::from_nanos(10)),
            revoked: None,
        }
    }

    #[test]
    fn a_scope_includes_the_scopes_before_it() {
        let allowed = |scopes: &[&str]| TokenScope::ALL.map(|scope| token(scopes).allows(scope));
        assert_eq!(allowed(&["read"]), [true, false, false]);
        assert_eq!(allowed(&["write"]), [true, true, false]);
        assert_eq!(allowed(&["admin"]), [true, true, true]);
        assert_eq!(allowed(&["read", "write"]), [true, true, false]);
    }

    #[test]
    fn a_scope_of_a_newer_build_permits_nothing_here() {
        assert!(!token(&["serve"]).allows(TokenScope::Read));
        let error = token(&["serve"]).require(TokenScope::Read).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(token(&["serve", "read"]).require(TokenScope::Read).is_ok());
    }

    #[test]
    fn a_token_is_live_until_the_instant_at_which_it_expires() {
        let live = |nanos| token(&["read"]).is_live(Timestamp::from_nanos(nanos));
        assert_eq!((live(9), live(10)), (true, false));
        let revoked = TokenInfo { revoked: Some(Timestamp::from_nanos(2)), ..token(&[]) };
        assert!(!revoked.is_live(Timestamp::from_nanos(1)));
    }

    #[test]
    fn an_error_about_an_id_does_not_repeat_a_pasted_token() {
        let error = "tlk_0000000000000007_secret".parse::<TokenId>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!("0000000000000007".parse::<TokenId>().unwrap(), TokenId::from_bits(7));
    }
}

//! Access tokens, by which a server of the file knows its clients.
//!
//! [`Database::new_token`] creates one. [`Database::check_token`] checks a text that a client sent.

pub(crate) mod new_token;
pub(crate) mod text;

use std::ops::RangeInclusive;

use crate::copy::restricting_error;
use crate::database::Database;
use crate::engine::Engine;
use crate::entity::id::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{Record, TOKEN_KINDS, TokenRevoked};
use crate::format::secret::{SECRET_BYTES, equal_hashes};
use crate::index::Index;

pub use crate::entity::{TokenId, TokenInfo, TokenScope};
pub use crate::token::new_token::NewToken;
pub use crate::token::text::TokenText;

/// The kinds of records that a change of a token depends on.
const KINDS: [RangeInclusive<u16>; 1] = [TOKEN_KINDS];

/// Access tokens.
///
/// The text of a token is `tlk_`, its id, `_` and a secret of 256 random bits. The file has a keyed
/// hash of the secret. The key is outside the file, in the *pepper* of the user
/// ([`DatabaseBuilder::pepper_file`](crate::DatabaseBuilder::pepper_file)). So a copy of the file
/// has no usable token, and a new pepper invalidates all tokens.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let (path, pepper) = (folder.path().join("runs.tracklite"), folder.path().join("pepper"));
/// use tracklite::token::TokenScope;
/// use tracklite::{Database, ErrorKind};
///
/// let database = Database::builder().create(true).pepper_file(pepper).open(path)?;
/// let (info, text) = database.new_token().user("ada").scope(TokenScope::Write).create()?;
/// assert_eq!(database.check_token(text.as_str())?.user, "ada");
/// database.revoke_token(info.id)?;
/// let error = database.check_token(text.as_str()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unauthenticated);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Database {
    /// Returns all tokens in the order of their creation, also those that are not accepted.
    pub fn tokens(&self) -> Result<Vec<TokenInfo>> {
        self.engine()
            .with_index(|index, _| Ok(index.tokens()?.into_iter().map(|(info, _)| info).collect()))
    }

    /// Revokes a token permanently. If it is revoked already, nothing happens.
    ///
    /// All processes refuse the token from then on. The change is synced before the call returns.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such token.
    pub fn revoke_token(&self, id: TokenId) -> Result<()> {
        change(self.engine(), |index| {
            let token = index.token(id)?.ok_or_else(|| no_such_token(id))?;
            let revoked = TokenRevoked { token: id, time: Timestamp::now_nanos() };
            Ok((if token.revoked.is_some() { vec![] } else { vec![revoked.into()] }, ()))
        })
    }

    /// Checks the text of a token, and returns whose it is and what it permits.
    ///
    /// The answer includes every change that any process made before the call.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unauthenticated`] if the token is unknown, wrong, expired or revoked. The
    ///   message is the same in all these cases.
    /// - [`ErrorKind::InvalidState`] if there is no pepper, or other users may read it.
    ///
    /// # Performance
    ///
    /// Takes a few microseconds if nobody wrote since the last call. Otherwise it also reads what
    /// was appended to the metadata chain.
    pub fn check_token(&self, text: &str) -> Result<TokenInfo> {
        let engine = self.engine();
        let (id, secret) = text::parse(text).ok_or_else(unauthenticated)?;
        let hash = engine.pepper()?.hash_token(id.to_bits(), &secret);
        let found = engine.with_tokens(|tokens| tokens.get(id).cloned())?;
        // An unknown token takes as long as a wrong one.
        let wanted = found.as_ref().map_or([0; SECRET_BYTES], |token| token.hash);
        let is_right = equal_hashes(&hash, &wanted);
        let now = Timestamp::now();
        match found {
            Some(token) if is_right && token.info.is_live(now) => Ok(token.info),
            _ => Err(unauthenticated()),
        }
    }

    /// Returns whether the file has a token that is not revoked and not expired.
    ///
    /// The answer includes every change that any process made before the call.
    ///
    /// # Performance
    ///
    /// Takes as long as [`Database::check_token`].
    pub fn has_tokens(&self) -> Result<bool> {
        let now = Timestamp::now();
        self.engine().with_tokens(|tokens| tokens.has_live(now))
    }
}

/// Appends the records that `build` returns for the index, then syncs.
pub(crate) fn change<T>(
    engine: &Engine,
    build: impl FnMut(&Index) -> Result<(Vec<Record>, T)>,
) -> Result<T> {
    engine.append_synced(&KINDS, build)
}

/// Takes all access to the file from users other than its owner.
pub(crate) fn restrict(engine: &Engine) -> Result<()> {
    let restricted = engine.log.storage().restrict_to_owner();
    engine.located(restricted.map_err(restricting_error))
}

#[cold]
fn unauthenticated() -> Error {
    let message = "the access token is not valid: it may be mistyped, expired or revoked";
    Error::new(ErrorKind::Unauthenticated, message)
}

#[cold]
fn no_such_token(id: TokenId) -> Error {
    let message = format!("there is no token {id}: `tracklite token ls` lists all tokens");
    Error::new(ErrorKind::NotFound, message)
}

//! Creating access tokens.

use std::time::Duration;

use crate::database::Database;
use crate::entity::id::Timestamp;
use crate::entity::limits::{check_name, check_text};
use crate::entity::{TokenId, TokenInfo, TokenScope};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::TokenCreated;
use crate::index::Index;
use crate::sys::user::user_name;
use crate::token::text::TokenText;
use crate::token::{change, restrict};

/// The maximum characters in the name of a user.
const USER_MAX: usize = 255;
/// The maximum characters in a comment.
const COMMENT_MAX: usize = 1000;

/// A builder of an access token, from [`Database::new_token`].
#[derive(Clone, Debug)]
#[must_use = "a token is created by `create`"]
pub struct NewToken {
    database: Database,
    user: String,
    comment: Option<String>,
    scope: TokenScope,
    expires: Option<Expiry>,
}

#[derive(Clone, Copy, Debug)]
enum Expiry {
    At(Timestamp),
    After(Duration),
}

impl Database {
    /// Returns a builder of a token for the user of this process, with the scope `read`.
    pub fn new_token(&self) -> NewToken {
        let (database, user) = (self.clone(), user_name());
        NewToken { database, user, comment: None, scope: TokenScope::Read, expires: None }
    }
}

impl NewToken {
    /// Sets the user for whom the token acts. Default: the user of this process.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Sets a comment, for example the place where the token is used. Default: none.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Sets what the token permits. Default: [`TokenScope::Read`].
    pub fn scope(mut self, scope: TokenScope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the time from which the token is no longer accepted. Default: it does not expire.
    pub fn expires_at(mut self, time: Timestamp) -> Self {
        self.expires = Some(Expiry::At(time));
        self
    }

    /// Sets how long the token is accepted. Default: it does not expire.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires = Some(Expiry::After(lifetime));
        self
    }

    /// Creates the token. Its text is returned only here.
    ///
    /// The change is synced before the call returns. The first token of a user also creates the
    /// pepper. If users other than the owner have access to the file, they lose it: its mode
    /// becomes 600.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the name of the user is blank or has control characters, a
    ///   text is too long, or the token would be expired already.
    /// - [`ErrorKind::InvalidState`] if other users may read the pepper.
    /// - [`ErrorKind::Io`] if the mode of the file cannot be changed, because another user owns it.
    pub fn create(self) -> Result<(TokenInfo, TokenText)> {
        let engine = self.database.engine();
        let time = Timestamp::now();
        let expires = engine.located(self.check(time))?;
        // A handle that cannot write must not change the mode of the file either.
        engine.located(engine.log.check_usable())?;
        let pepper = engine.pepper_for_writing()?;
        let secret = engine.random_bytes()?;
        restrict(engine)?;
        let id = change(engine, |index| {
            let token = self.unused_id(index)?;
            let created = TokenCreated {
                token,
                hash: pepper.hash_token(token.to_bits(), &secret),
                user: self.user.clone(),
                comment: self.comment.clone(),
                scopes: vec![self.scope.as_str().to_owned()],
                expires: expires.map(Timestamp::as_nanos),
                time: time.as_nanos(),
            };
            Ok((vec![created.into()], token))
        })?;
        let info = TokenInfo {
            id,
            user: self.user,
            comment: self.comment,
            scopes: vec![self.scope.as_str().to_owned()],
            created: time,
            expires,
            revoked: None,
        };
        Ok((info, TokenText::new(id, &secret)))
    }

    /// Checks the texts, and returns the time of expiry.
    fn check(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        check_name("user", &self.user, USER_MAX)?;
        if self.user.chars().any(char::is_control) {
            let message = format!("invalid user {:?}: it has control characters", self.user);
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        check_text("the comment", self.comment.as_deref().unwrap_or_default(), COMMENT_MAX)?;
        let expires = self.expires.map(|expiry| expiry.time(now)).transpose()?;
        match expires.filter(|expires| *expires <= now) {
            None => Ok(expires),
            Some(past) => {
                let message = format!("the token would be expired since {past}: use a later time");
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
        }
    }

    fn unused_id(&self, index: &Index) -> Result<TokenId> {
        loop {
            let bits = self.database.engine().random_bits()?;
            let id = TokenId::from_bits((bits >> u64::BITS) as u64);
            if index.token(id)?.is_none() {
                return Ok(id);
            }
        }
    }
}

impl Expiry {
    fn time(self, now: Timestamp) -> Result<Timestamp> {
        let lifetime = match self {
            Expiry::At(time) => return Ok(time),
            Expiry::After(lifetime) => lifetime,
        };
        let nanos = i64::try_from(lifetime.as_nanos()).ok();
        let time = nanos.and_then(|nanos| now.as_nanos().checked_add(nanos));
        time.map(Timestamp::from_nanos).ok_or_else(|| {
            let message = "the token would expire after the year 2262: leave out the expiry";
            Error::new(ErrorKind::InvalidInput, message)
        })
    }
}

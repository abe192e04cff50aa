//! The callers of requests, and their rights.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tracklite::token::TokenScope;
use tracklite::{Database, ErrorKind};

use crate::failure::{Failure, Outcome};
use crate::pool::Pool;
use crate::sessions::Sessions;

/// The rights of a caller. A higher scope includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Nothing that needs a token.
    Nobody,
    Read,
    Write,
    Admin,
}

impl Scope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Scope::Nobody => "none",
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

/// The kind of client, which decides the form of the addresses of artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Mlflow,
    Databricks,
}

/// The sender of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: String,
    pub(crate) scope: Scope,
    pub(crate) dialect: Dialect,
    /// Whether a cookie names the caller, which browsers also send for pages of others.
    pub(crate) by_cookie: bool,
}

impl Caller {
    /// Returns the caller that was found before the request was routed.
    pub(crate) fn of(head: &Parts) -> Outcome<Caller> {
        let found = head.extensions.get::<Caller>().cloned();
        found.ok_or_else(|| Failure::internal("the request was not authenticated"))
    }

    /// Refuses a caller with a lower scope.
    pub(crate) fn must(&self, needs: Scope) -> Outcome<()> {
        if self.scope >= needs {
            return Ok(());
        }
        if self.scope == Scope::Nobody {
            return Err(Failure::unauthenticated(NO_TOKEN));
        }
        Err(Failure::forbidden(format!(
            "this call needs the scope {:?}, but the token has the scope {:?}",
            needs.as_str(),
            self.scope.as_str()
        )))
    }
}

const NO_TOKEN: &str = "this server asks for a token: send the header `Authorization: Bearer \
                        tlk_...`; `tracklite token create FILE` makes one";

/// How long an answer of the file about a token counts. So a revoked token is refused after it.
const ANSWER_LASTS: Duration = Duration::from_millis(500);
/// The most tokens whose answers are kept.
const ANSWERS_MAX: usize = 1024;

/// Tokens that are valid while a task of a job runs, with their users.
#[derive(Clone, Default)]
pub(crate) struct LentTokens(Arc<Mutex<HashMap<String, String>>>);

impl LentTokens {
    fn all(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a token until it is dropped.
    pub(crate) fn lend(&self, token: String, user: &str) -> LentToken {
        self.all().insert(token.clone(), user.to_owned());
        LentToken { all: self.clone(), token }
    }

    fn user_of(&self, token: &str) -> Option<String> {
        self.all().get(token).cloned()
    }
}

/// A lent token. It is valid until this is dropped.
pub(crate) struct LentToken {
    all: LentTokens,
    token: String,
}

impl Drop for LentToken {
    fn drop(&mut self) {
        self.all.all().remove(&self.token);
    }
}

/// Finds the callers of requests.
pub(crate) struct Access {
    /// A token that is not in the file and lives as long as the server.
    own_token: Option<String>,
    /// Whether a file without tokens is open to everybody who reaches the server.
    may_be_open: bool,
    /// The user of requests without a token.
    local_user: String,
    pub(crate) sessions: Sessions,
    lent: LentTokens,
    /// Answers of the file by token, with an empty one for requests without a token.
    answers: Mutex<HashMap<String, (Instant, Answer)>>,
}

/// An answer of the file about a token.
#[derive(Clone, Debug)]
enum Answer {
    /// The file never had a token, so everybody may do everything.
    Open,
    /// A token is needed, and there is none.
    Missing,
    /// The token is not valid.
    Wrong,
    Known(String, Scope),
}

impl Access {
    pub(crate) fn new(own_token: Option<String>, may_be_open: bool, sessions: Sessions) -> Access {
        let may_be_open = may_be_open && own_token.is_none();
        let (local_user, answers) = (local_user(), Mutex::default());
        let lent = LentTokens::default();
        Access { own_token, may_be_open, local_user, sessions, lent, answers }
    }

    /// Returns the user of this process.
    pub(crate) fn local_user(&self) -> &str {
        &self.local_user
    }

    /// Returns the tokens that are lent to the tasks of jobs.
    pub(crate) fn lent(&self) -> LentTokens {
        self.lent.clone()
    }

    /// Finds the caller of a request by its headers.
    pub(crate) async fn caller(
        &self,
        database: &Database,
        pool: &Pool,
        headers: &HeaderMap,
    ) -> Outcome<Caller> {
        let dialect = dialect_of(headers);
        let given = token_of(headers)?;
        let session = if given.is_none() { self.sessions.token(headers) } else { None };
        let mut by_cookie = session.is_some();
        let token = given.or(session).unwrap_or_default();
        let mut answer = self.answer(database, pool, token).await?;
        if by_cookie && matches!(answer, Answer::Wrong) {
            // The page must still load, so that it can ask for another token.
            by_cookie = false;
            answer = self.answer(database, pool, String::new()).await?;
        }
        let (user, scope) = self.user_of(answer)?;
        Ok(Caller { user, scope, dialect, by_cookie })
    }

    /// Returns the user and scope of a token. It blocks.
    pub(crate) fn check(&self, database: &Database, token: &str) -> Outcome<(String, Scope)> {
        if self.is_own(token) {
            return Ok((self.local_user.clone(), Scope::Admin));
        }
        if let Some(user) = self.lent.user_of(token) {
            return Ok((user, Scope::Write));
        }
        self.user_of(self.restricted(ask(database, token)?, token))
    }

    fn user_of(&self, answer: Answer) -> Outcome<(String, Scope)> {
        match answer {
            Answer::Open => Ok((self.local_user.clone(), Scope::Admin)),
            Answer::Missing => Ok((String::new(), Scope::Nobody)),
            Answer::Known(user, scope) => Ok((user, scope)),
            Answer::Wrong => Err(Failure::unauthenticated(
                "the token is not valid: it is unknown, expired or revoked",
            )),
        }
    }

    fn is_own(&self, token: &str) -> bool {
        let own = self.own_token.as_ref();
        own.is_some_and(|own| is_same(own.as_bytes(), token.as_bytes()))
    }

    async fn answer(&self, database: &Database, pool: &Pool, token: String) -> Outcome<Answer> {
        if self.is_own(&token) {
            return Ok(Answer::Known(self.local_user.clone(), Scope::Admin));
        }
        if let Some(user) = self.lent.user_of(&token) {
            return Ok(Answer::Known(user, Scope::Write));
        }
        if let Some(answer) = self.kept(&token) {
            return Ok(answer);
        }
        let (database, asked) = (database.clone(), token.clone());
        let answer = pool.run(move || ask(&database, &asked)).await??;
        let answer = self.restricted(answer, &token);
        self.keep(token, answer.clone());
        Ok(answer)
    }

    /// Closes a file without tokens, if this server needs one.
    fn restricted(&self, answer: Answer, token: &str) -> Answer {
        match answer {
            Answer::Open if !self.may_be_open && token.is_empty() => Answer::Missing,
            Answer::Open if !self.may_be_open => Answer::Wrong,
            other => other,
        }
    }

    fn kept(&self, token: &str) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, answer) = answers.get(token)?;
        (since.elapsed() < ANSWER_LASTS).then(|| answer.clone())
    }

    fn keep(&self, token: String, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= ANSWERS_MAX {
            answers.retain(|_, (since, _)| since.elapsed() < ANSWER_LASTS);
        }
        // Wrong tokens are not kept, so that guesses cannot push out the answers of others.
        if !matches!(answer, Answer::Wrong) && answers.len() < ANSWERS_MAX {
            answers.insert(token, (Instant::now(), answer));
        }
    }
}

/// Asks the file about a token.
fn ask(database: &Database, token: &str) -> Outcome<Answer> {
    // Revoked and expired tokens count too: the end of the last one must not open the file.
    if !database.has_tokens()? && database.tokens()?.is_empty() {
        return Ok(Answer::Open);
    }
    if token.is_empty() {
        return Ok(Answer::Missing);
    }
    match database.check_token(token) {
        Ok(info) => {
            let scope = match () {
                () if info.allows(TokenScope::Admin) => Scope::Admin,
                () if info.allows(TokenScope::Write) => Scope::Write,
                () if info.allows(TokenScope::Read) => Scope::Read,
                () => Scope::Nobody,
            };
            Ok(Answer::Known(info.user, scope))
        }
        Err(error) if error.kind() == ErrorKind::Unauthenticated => Ok(Answer::Wrong),
        Err(error) => Err(error.into()),
    }
}

/// Compares secrets in a time that depends only on their lengths.
pub(crate) fn is_same(left: &[u8], right: &[u8]) -> bool {
    let different = left.iter().zip(right).fold(0, |sum, (left, right)| sum | (left ^ right));
    left.len() == right.len() && std::hint::black_box(different) == 0
}

fn dialect_of(headers: &HeaderMap) -> Dialect {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    match agent {
        Some(agent) if agent.contains("databricks-sdk") => Dialect::Databricks,
        _ => Dialect::Mlflow,
    }
}

/// Returns the token of a request: a bearer token, or the password of MLflow's clients.
fn token_of(headers: &HeaderMap) -> Outcome<Option<String>> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let token = header.to_str().ok().and_then(|header| {
        let (scheme, value) = header.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(value.trim().to_owned()),
            "basic" => password(value.trim()),
            _ => None,
        }
    });
    token
        .map(Some)
        .ok_or_else(|| Failure::unauthenticated("the Authorization header is not `Bearer TOKEN`"))
}

fn password(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

/// Returns the name of the user of this process.
fn local_user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| "root".to_owned())
}

//! The calls of the SDK for tokens: `w.tokens.create`, `list` and `delete`.

use std::time::Duration;

use serde::Serialize;
use tracklite::Timestamp;
use tracklite::token::{TokenInfo, TokenScope};
use utoipa::ToSchema;

use crate::access::Scope::Admin;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, text, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/api/2.0/token/create",
        needs: Admin,
        takes: &[text("comment"), whole("lifetime_seconds")],
        returns: shape::<Created>(),
        handler: create,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/token/list",
        needs: Admin,
        takes: &[],
        returns: shape::<List>(),
        handler: list,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/token/delete",
        needs: Admin,
        takes: &[text("token_id").required()],
        returns: shape::<Nothing>(),
        handler: delete,
    },
];

/// A new token. Its text is shown only here.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenCreated)]
struct Created {
    token_value: String,
    token_info: Token,
}

/// The tokens that are valid: not revoked and not expired.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenList)]
struct List {
    token_infos: Vec<Token>,
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenInfo)]
struct Token {
    token_id: String,
    /// In milliseconds since 1970.
    creation_time: i64,
    /// In milliseconds since 1970; -1 if it does not expire.
    expiry_time: i64,
    comment: String,
}

impl From<&TokenInfo> for Token {
    fn from(info: &TokenInfo) -> Token {
        Token {
            token_id: info.id.to_string(),
            creation_time: info.created.as_millis(),
            expiry_time: info.expires.map_or(-1, Timestamp::as_millis),
            comment: info.comment.clone().unwrap_or_default(),
        }
    }
}

/// Creates a token with all rights of the caller.
fn create(call: &Call) -> Outcome<Reply> {
    let mut token = call.database().new_token().user(&call.caller.user).scope(TokenScope::Admin);
    if let Some(comment) = call.args.text("comment") {
        token = token.comment(comment);
    }
    if let Some(seconds) = call.args.whole("lifetime_seconds") {
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or_else(|| {
            Failure::invalid("'lifetime_seconds' must be positive; leave it out for no expiry")
        })?;
        token = token.expires_in(Duration::from_secs(seconds));
    }
    let (info, text) = token.create()?;
    let created = Created { token_value: text.as_str().to_owned(), token_info: (&info).into() };
    Ok(Reply::json(&created))
}

fn list(call: &Call) -> Outcome<Reply> {
    let (tokens, now) = (call.database().tokens()?, Timestamp::now());
    let live = tokens.iter().filter(|token| token.is_live(now));
    Ok(Reply::json(&List { token_infos: live.map(Token::from).collect() }))
}

fn delete(call: &Call) -> Outcome<Reply> {
    let text = call.args.need("token_id")?;
    let id = text.parse().map_err(|_| Failure::missing(format!("there is no token {text:?}")))?;
    call.database().revoke_token(id)?;
    Ok(Reply::done())
}

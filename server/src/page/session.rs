//! Signing in with a token, and out.

use axum::http::header::SET_COOKIE;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Read as _, text};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/session",
        needs: Scope::Nobody,
        takes: &[text("token").required()],
        returns: shape::<SignedIn>(),
        handler: begin,
    },
    Route {
        method: Verb::Delete,
        path: "/session",
        needs: Scope::Nobody,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: end,
    },
];

/// The user of a new session.
#[derive(Serialize, ToSchema)]
#[schema(as = PageSession)]
struct SignedIn {
    user: String,
    scope: &'static str,
}

fn begin(call: &Call) -> Outcome<Reply> {
    let token = call.args.need("token")?;
    let access = &call.shared.access;
    let (user, scope) = access.check(call.database(), token)?;
    let cookie = access.sessions.begin(token)?;
    Ok(Reply::json(&SignedIn { user, scope: scope.as_str() }).header(SET_COOKIE, &cookie))
}

fn end(call: &Call) -> Outcome<Reply> {
    let cookie = call.shared.access.sessions.end(&call.headers);
    Ok(Reply::done().header(SET_COOKIE, &cookie))
}

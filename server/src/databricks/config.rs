//! The configuration that each client asks for, and the user behind a token.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(crate) const ROUTES: &[Route] = &[
    // Clients ask for this before almost each call, and without their token.
    Route {
        method: Verb::Get,
        path: "/.well-known/databricks-config",
        needs: Scope::Nobody,
        takes: &[],
        gives: shape::<Config>(),
        handler: config,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.0/preview/scim/v2/Me",
        needs: Scope::Read,
        takes: &[],
        gives: shape::<ScimUser>(),
        handler: me,
    },
];

/// What clients need to know of the server.
#[derive(Serialize, ToSchema)]
struct Config {
    workspace_id: String,
}

fn config(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&Config { workspace_id: call.shared.workspace.clone() }))
}

/// A user, as SCIM describes one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ScimUser {
    id: String,
    user_name: String,
    display_name: String,
    active: bool,
}

fn me(call: &Call) -> Outcome<Reply> {
    let name = call.caller.user.clone();
    Ok(Reply::json(&ScimUser {
        id: "1".to_owned(),
        user_name: name.clone(),
        display_name: name,
        active: true,
    }))
}

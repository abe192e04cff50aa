//! The configuration that each client asks for.

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
        returns: shape::<Config>(),
        handler: config,
    },
];

/// The facts that clients need to know of the server.
#[derive(Serialize, ToSchema)]
struct Config {
    workspace_id: String,
}

fn config(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&Config { workspace_id: call.shared.workspace.clone() }))
}

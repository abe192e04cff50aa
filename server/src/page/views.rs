//! Saved views: states of the page that a team shares.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use tracklite::view::SavedView;
use tracklite::{Error, ErrorKind};
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, missing, object, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/views",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Listing>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/views/{name}",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Whole>(),
        handler: get,
    },
    Route {
        method: Verb::Put,
        path: "/views/{name}",
        needs: Scope::Write,
        takes: &[object("state", &[]).required(), whole("expects")],
        returns: shape::<Whole>(),
        handler: save,
    },
    Route {
        method: Verb::Delete,
        path: "/views/{name}",
        needs: Scope::Write,
        takes: &[whole("expects")],
        returns: shape::<Nothing>(),
        handler: delete,
    },
];

/// All views, ordered by name.
#[derive(Serialize, ToSchema)]
#[schema(as = PageViews)]
struct Listing {
    views: Vec<View>,
}

/// A view without its state.
#[derive(Serialize, ToSchema)]
#[schema(as = PageView)]
struct View {
    name: String,
    author: String,
    revision: u64,
    created: i64,
    updated: i64,
}

/// A view with its state.
#[derive(Serialize, ToSchema)]
#[schema(as = PageViewState)]
struct Whole {
    #[serde(flatten)]
    view: View,
    state: Map<String, Value>,
}

/// The failure of a change of a view that was changed since it was read.
#[derive(Serialize)]
struct Changed {
    error_code: &'static str,
    message: String,
    /// The revision to expect now. 0 if there is no such view.
    now: u64,
}

impl From<SavedView> for View {
    fn from(view: SavedView) -> View {
        View {
            name: view.name,
            author: view.author,
            revision: view.revision,
            created: view.created.as_millis(),
            updated: view.updated.as_millis(),
        }
    }
}

fn whole_view(view: SavedView) -> Outcome<Reply> {
    let state = serde_json::from_str(&view.state);
    let state =
        state.map_err(|error| Failure::internal(format!("the state of a view: {error}")))?;
    Ok(Reply::json(&Whole { state, view: view.into() }))
}

fn list(call: &Call) -> Outcome<Reply> {
    let views = call.database().views()?.into_iter().map(View::from).collect();
    Ok(Reply::json(&Listing { views }))
}

fn get(call: &Call) -> Outcome<Reply> {
    whole_view(call.database().view(call.args.need("name")?)?)
}

/// Reads the revision that the caller last saw.
fn expected(call: &Call) -> Outcome<Option<u64>> {
    let Some(given) = call.args.whole("expects") else { return Ok(None) };
    u64::try_from(given).map(Some).map_err(|_| {
        Failure::invalid(format!(
            "expects is {given}: expected the revision that was read, or 0 for a new view"
        ))
    })
}

/// Saves a view. Without `expects`, it must be new.
fn save(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    let state = call.args.get("state").ok_or_else(|| missing("state"))?.to_string();
    let expects = expected(call)?.unwrap_or(0);
    match call.database().save_view_as(&call.caller.user, name, &state, expects) {
        Ok(view) => whole_view(view),
        Err(error) => conflict(call, name, error),
    }
}

/// Deletes a view. Without `expects`, it may have any revision.
fn delete(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    let expects = match expected(call)? {
        Some(expects) => expects,
        None => call.database().view(name)?.revision,
    };
    match call.database().delete_view_as(&call.caller.user, name, expects) {
        Ok(()) => Ok(Reply::done()),
        Err(error) => conflict(call, name, error),
    }
}

/// Answers a conflict with the present revision. Other errors are failures.
fn conflict(call: &Call, name: &str, error: Error) -> Outcome<Reply> {
    if error.kind() != ErrorKind::Conflict {
        return Err(error.into());
    }
    let now = match call.database().view(name) {
        Ok(view) => view.revision,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    let (error_code, message) = (error.mlflow_code(), error.message().to_owned());
    let mut reply = Reply::json(&Changed { error_code, message, now });
    reply.status = StatusCode::CONFLICT;
    Ok(reply)
}

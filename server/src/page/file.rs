//! The facts about the file that the page shows everywhere.

use serde::Serialize;
use tracklite::Timestamp;
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::Outcome;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Get,
    path: "/file",
    needs: Scope::Read,
    takes: &[],
    returns: shape::<Facts>(),
    handler: facts,
}];

/// Facts about the file and the caller.
#[derive(Serialize, ToSchema)]
#[schema(as = PageFile)]
struct Facts {
    name: String,
    read_only: bool,
    version: &'static str,
    experiments: u64,
    runs: u64,
    points: u64,
    bytes: u64,
    /// The state of the file, for `changes`.
    position: String,
    /// The time of the server, in milliseconds.
    now: i64,
    user: String,
    /// Whether the caller may change something.
    writable: bool,
    warnings: Vec<String>,
}

fn facts(call: &Call) -> Outcome<Reply> {
    let database = call.database();
    // Before the rest, so that no later change is missed.
    let position = database.changes(None)?.cursor.to_string();
    let info = database.info()?;
    let name = database.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let read_only = database.is_read_only();
    Ok(Reply::json(&Facts {
        name,
        read_only,
        version: env!("CARGO_PKG_VERSION"),
        experiments: info.experiments,
        runs: info.runs,
        points: info.points,
        bytes: info.file_bytes,
        position,
        now: Timestamp::now().as_millis(),
        user: call.caller.user.clone(),
        writable: !read_only && call.caller.scope >= Scope::Write,
        warnings: info.warnings,
    }))
}

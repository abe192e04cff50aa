//! The Files API: uploads in parts, which the SDK uses from 50 MiB on.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;

use super::files::{FILES, answer, file, no_action, overwrite, path_in};
use crate::access::{Caller, Scope};
use crate::body::read_body;
use crate::call::Args;
use crate::failure::Outcome;
use crate::fields::Read as _;
use crate::input;
use crate::part_list::parts;
use crate::reply::{Nothing, Reply};
use crate::shared::Shared;

/// The arguments of a call that reads them from its query and its body.
pub(super) struct Asked {
    pub(super) args: Args,
    pub(super) head: Parts,
}

/// Reads the arguments of the query and of a body with JSON, if there is one.
pub(super) async fn asked(
    shared: &Shared,
    request: Request,
    needs: Scope,
) -> Outcome<(Asked, Caller)> {
    let (head, body): (Parts, Body) = request.into_parts();
    let caller = Caller::of(&head)?;
    caller.must(needs)?;
    let body = read_body(&head.headers, body, shared.options.body_bytes_max).await?;
    let mut args = input::query(head.uri.query().unwrap_or_default(), &[])?;
    args.extend(input::json(&head.headers, &body)?);
    Ok((Asked { args, head }, caller))
}

#[derive(Serialize)]
struct Initiated {
    multipart_upload: Begun,
}

#[derive(Serialize)]
struct Begun {
    session_token: String,
}

/// Begins, completes or aborts an upload in parts.
pub(super) async fn act(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(run(&shared, request).await)
}

async fn run(shared: &Arc<Shared>, request: Request) -> Outcome<Reply> {
    let (asked, _) = asked(shared, request, Scope::Write).await?;
    let path = path_in(&asked.head.uri, FILES)?;
    let own = Arc::clone(shared);
    match asked.args.text_or_empty("action") {
        "initiate-upload" => {
            let overwrite = overwrite(&asked.head)?;
            shared.pool.run(move || begin(&own, &path, !overwrite)).await?
        }
        "complete-upload" => {
            let wanted = parts(&asked.args)?;
            let token = asked.args.need("session_token")?;
            let upload = shared.part_uploads.get_for(token, &path)?;
            shared.uploads.run(move || upload.complete(wanted)).await??;
            Ok(Reply::json(&Nothing {}))
        }
        "abort-upload" => {
            shared.part_uploads.abort(asked.args.need("session_token")?, &path)?;
            Ok(Reply::json(&Nothing {}))
        }
        other => Err(no_action(other)),
    }
}

fn begin(shared: &Shared, path: &str, only_new: bool) -> Outcome<Reply> {
    let target = file(&shared.database, path)?.file()?;
    let session_token = shared.part_uploads.begin(target, path, only_new)?;
    Ok(Reply::json(&Initiated { multipart_upload: Begun { session_token } }))
}

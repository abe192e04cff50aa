//! Signed addresses for many artifacts at a time: the way of clients that do not use the Files API.

use serde::Serialize;
use tracklite::artifact::{ArtifactOwner, check_path};
use utoipa::ToSchema;

use super::paths::path_of;
use crate::access::Scope::{self, Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, text, texts};
use crate::mlflow::queries;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::signed::Right;

/// The most paths in one call.
const PATHS_MAX: usize = 2000;
/// The kind of address that clients write with one PUT, whatever the size.
const KIND: &str = "GCP_SIGNED_URL";

const OF_RUN: &[Field] = &[text("run_id"), text("run_uuid"), texts("path"), text("page_token")];
const OF_MODEL: &[Field] = &[text("model_id").required(), texts("paths"), text("page_token")];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/artifacts/credentials-for-write",
        needs: Write,
        takes: OF_RUN,
        returns: shape::<OfRun>(),
        handler: |call| of_run(call, Write),
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/artifacts/credentials-for-read",
        needs: Read,
        takes: OF_RUN,
        returns: shape::<OfRun>(),
        handler: |call| of_run(call, Read),
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/logged-models/{model_id}/artifacts/credentials-for-upload",
        needs: Write,
        takes: OF_MODEL,
        returns: shape::<OfModel>(),
        handler: |call| of_model(call, Write),
    },
    Route {
        method: Verb::Post,
        path: "/api/2.0/mlflow/logged-models/{model_id}/artifacts/credentials-for-download",
        needs: Read,
        takes: OF_MODEL,
        returns: shape::<OfModel>(),
        handler: |call| of_model(call, Read),
    },
];

/// An address for one artifact.
#[derive(Serialize, ToSchema)]
struct CredentialInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    path: String,
    signed_uri: String,
    headers: Vec<String>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RunCredentials)]
struct OfRun {
    credential_infos: Vec<CredentialInfo>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LoggedModelCredential)]
struct Credential {
    credential_info: CredentialInfo,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LoggedModelCredentials)]
struct OfModel {
    credentials: Vec<Credential>,
}

fn of_run(call: &Call, needs: Scope) -> Outcome<Reply> {
    let run = queries::run(call)?;
    let (id, experiment) = (run.id(), run.info()?.experiment);
    let owner = ArtifactOwner::Run(id);
    let info = |path: &str| {
        let signed_uri = address(call, needs, &path_of(experiment.get(), owner, path));
        let (run_id, path) = (Some(id.to_string()), path.to_owned());
        CredentialInfo { run_id, path, signed_uri, headers: Vec::new(), kind: KIND }
    };
    let paths = paths(call, "path")?;
    Ok(Reply::json(&OfRun { credential_infos: paths.into_iter().map(info).collect() }))
}

fn of_model(call: &Call, needs: Scope) -> Outcome<Reply> {
    let id = queries::logged_model_id(call.args.text_or_empty("model_id"))?;
    let experiment = call.database().logged_model(id)?.info()?.experiment;
    let owner = ArtifactOwner::LoggedModel(id);
    let credential = |path: &str| {
        let signed_uri = address(call, needs, &path_of(experiment.get(), owner, path));
        let (path, headers) = (path.to_owned(), Vec::new());
        let credential_info =
            CredentialInfo { run_id: None, path, signed_uri, headers, kind: KIND };
        Credential { credential_info }
    };
    let paths = paths(call, "paths")?;
    Ok(Reply::json(&OfModel { credentials: paths.into_iter().map(credential).collect() }))
}

fn address(call: &Call, needs: Scope, path: &str) -> String {
    let path = path.to_owned();
    let right = match needs {
        Write => Right::Write { path, only_new: false },
        _ => Right::Read { path },
    };
    call.shared.address(&call.headers, right, None)
}

fn paths<'a>(call: &'a Call, name: &str) -> Outcome<Vec<&'a str>> {
    let paths = call.args.texts(name);
    if paths.len() > PATHS_MAX {
        let message =
            format!("the call has {} paths, at most {PATHS_MAX} are allowed", paths.len());
        return Err(Failure::invalid(message));
    }
    paths.iter().try_for_each(|path| check_path(path))?;
    Ok(paths)
}

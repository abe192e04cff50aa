//! Listings of artifacts.

use serde::Serialize;
use tracklite::artifact::{ArtifactInfo, ArtifactOwner};
use utoipa::ToSchema;

use super::entities;
use super::{places, queries};
use crate::access::{Dialect, Scope};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, text, whole};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::target::Target;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/artifacts/list",
        needs: Scope::Read,
        takes: &[text("run_id"), text("run_uuid"), text("path"), text("page_token")],
        returns: shape::<Listing>(),
        handler: of_run,
    },
    Route {
        method: Verb::Get,
        path: "/2.0/mlflow/logged-models/{model_id}/artifacts/directories",
        needs: Scope::Read,
        takes: &[text("model_id").required(), text("artifact_directory_path")],
        returns: shape::<Listing>(),
        handler: of_model,
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/artifacts/presigned-upload-url",
        needs: Scope::Write,
        takes: &[text("run_id"), text("model_id"), text("path"), whole("expiration")],
        returns: shape::<Nothing>(),
        handler: |_| Err(not_presigned("upload")),
    },
    Route {
        method: Verb::Post,
        path: "/2.0/mlflow/artifacts/presigned-download-url",
        needs: Scope::Read,
        takes: &[text("run_id"), text("path"), whole("expiration")],
        returns: shape::<Nothing>(),
        handler: |_| Err(not_presigned("download")),
    },
];

/// The files and folders directly in a folder.
#[derive(Serialize, ToSchema)]
#[schema(as = ArtifactListing)]
pub(super) struct Listing {
    /// The address of the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) root_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<File>,
}

/// A file or folder.
#[derive(Serialize, ToSchema)]
#[schema(as = ArtifactFile)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_size: Option<u64>,
}

pub(super) fn file(info: &ArtifactInfo) -> File {
    let file_size = info.size.filter(|_| !info.is_folder);
    File { path: info.path.clone(), is_dir: info.is_folder, file_size }
}

fn of_run(call: &Call) -> Outcome<Reply> {
    let run = queries::run(call)?;
    let found = run.info()?;
    let location = places::of_experiment_id(call, found.experiment)?;
    let root = entities::run_artifacts(&location, found.id);
    listing(call, ArtifactOwner::Run(found.id), call.args.text_or_empty("path"), root)
}

fn of_model(call: &Call) -> Outcome<Reply> {
    let id = queries::logged_model_id(call.args.text_or_empty("model_id"))?;
    let found = call.database().logged_model(id)?.info()?;
    let root = places::of_logged_model(call, found.experiment, id)?;
    let path = call.args.text_or_empty("artifact_directory_path");
    listing(call, ArtifactOwner::LoggedModel(id), path, root)
}

fn listing(call: &Call, owner: ArtifactOwner, path: &str, root: String) -> Outcome<Reply> {
    let Target { artifacts, path } = Target::of(call.database(), owner, path)?;
    let mut files: Vec<File> = artifacts.list(&path)?.iter().map(file).collect();
    // Databricks lists a file as itself, and MLflow as nothing.
    if call.caller.dialect == Dialect::Databricks && files.is_empty() && !path.is_empty() {
        files.extend(artifacts.info(&path).ok().as_ref().map(file));
    }
    Ok(Reply::json(&Listing { root_uri: Some(root), files }))
}

fn not_presigned(what: &str) -> Failure {
    Failure::invalid(format!(
        "Presigned {what} is not supported for proxied artifact storage: the file keeps its \
         artifacts itself, and this server sends and takes them"
    ))
}

//! Paths of the Files API: those of artifacts, of the versions of models, and of volumes.

use tracklite::Database;
use tracklite::artifact::ArtifactOwner;

use crate::failure::{Failure, Outcome};
use crate::levels::Levels;
use crate::target::Target;
use crate::volumes;

/// The thing that a path of the Files API names.
pub(crate) struct Place {
    pub(crate) target: Target,
    /// The path of the owner, without a slash at its end.
    pub(crate) root: String,
    /// Whether it is in a volume, where folders exist without files.
    pub(crate) is_volume: bool,
}

/// Returns what an absolute path names.
pub(crate) fn place(database: &Database, path: &str) -> Outcome<Place> {
    let (owner, depth) = owner(database, path).map_err(not_found)?;
    let mut parts = path.splitn(depth + 1, '/');
    let root: Vec<&str> = parts.by_ref().take(depth).collect();
    let inner = parts.next().unwrap_or_default();
    let target = Target::of(database, owner, inner).map_err(not_found)?;
    let is_volume = root.get(1) == Some(&"Volumes");
    Ok(Place { target, root: root.join("/"), is_volume })
}

/// Returns the owner of a path, and the number of parts of the path that name it.
fn owner(database: &Database, path: &str) -> Outcome<(ArtifactOwner, usize)> {
    let parts: Vec<&str> = path.splitn(9, '/').collect();
    match parts[..] {
        ["", "WorkspaceInternal", "Mlflow", "Artifacts", experiment, kind, id, "artifacts", ..] => {
            let kind = match kind {
                "Runs" => "",
                "LoggedModels" => "models/",
                _ => return Err(unknown(path)),
            };
            let found = ArtifactOwner::split(&format!("{experiment}/{kind}{id}/artifacts"));
            found.map(|(owner, _)| (owner, 8)).ok_or_else(|| unknown(path))
        }
        ["", "Models", catalog, schema, model, version, ..] => {
            let version = version.parse().map_err(|_| unknown(path))?;
            let name = format!("{catalog}.{schema}.{model}");
            let info = database.registry().version_info(&name, version)?;
            Ok((ArtifactOwner::ModelVersion { model: info.model, version: info.version }, 6))
        }
        ["", "Volumes", catalog, schema, model, ..] => {
            let volume = volumes::get(database, Levels { catalog, schema, model })?;
            Ok((ArtifactOwner::Run(volume.run), 5))
        }
        _ => Err(unknown(path)),
    }
}

fn unknown(path: &str) -> Failure {
    Failure::missing(format!(
        "{path:?} does not exist: expected /WorkspaceInternal/Mlflow/Artifacts/EXPERIMENT/Runs/RUN/\
         artifacts/..., .../LoggedModels/MODEL/artifacts/..., \
         /Models/CATALOG/SCHEMA/MODEL/VERSION/... or /Volumes/CATALOG/SCHEMA/VOLUME/..."
    ))
}

/// Changes the code of a failure to that of the Files API. Clients of the registry take any other
/// code for a failure of the server.
pub(crate) fn not_found(failure: Failure) -> Failure {
    match failure.code {
        "RESOURCE_DOES_NOT_EXIST" => Failure { code: "NOT_FOUND", ..failure },
        "RESOURCE_ALREADY_EXISTS" => {
            let status = axum::http::StatusCode::CONFLICT;
            Failure { status, code: "ALREADY_EXISTS", ..failure }
        }
        _ => failure,
    }
}

/// Returns the path of a run's or logged model's artifact, from its path below an artifact root.
pub(crate) fn path_of(experiment: u64, owner: ArtifactOwner, inner: &str) -> String {
    let root = format!("/WorkspaceInternal/Mlflow/Artifacts/{experiment}");
    match owner {
        ArtifactOwner::Run(run) => format!("{root}/Runs/{run}/artifacts/{inner}"),
        ArtifactOwner::LoggedModel(model) => {
            format!("{root}/LoggedModels/{model}/artifacts/{inner}")
        }
        // Versions have no address of this form.
        _ => String::new(),
    }
}

//! Volumes of Unity Catalog: files of any kind, below `/Volumes/CATALOG/SCHEMA/VOLUME`.
//!
//! A volume is an experiment with this path and one run, whose artifacts are the files. So all
//! other clients of the file see them too, and a deleted volume is there until the next gc.

use axum::http::StatusCode;
use tracklite::registry::Registry;
use tracklite::{Database, ErrorKind, Experiment, ExperimentInfo, Lifecycle, RunId};

use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::levels::{self, Levels};
use crate::random::random_hex;
use crate::target::Target;

/// The folder of all volumes.
const ROOT: &str = Registry::VOLUMES;
/// The tag of an experiment that is a volume: the id of the run with its files.
const RUN_TAG: &str = "tracklite.volume.run";
/// The tag with the owner of a volume.
const OWNER_TAG: &str = "tracklite.volume.owner";
/// The tag that MLflow's page shows as the description.
const COMMENT_TAG: &str = "mlflow.note.content";
/// An empty file that keeps a folder without other files.
const FOLDER_MARK: &str = ".tracklite-folder";

/// A volume.
pub(crate) struct Volume {
    pub(crate) info: ExperimentInfo,
    /// The run with its files.
    pub(crate) run: RunId,
    experiment: Experiment,
}

/// Returns the path of a volume.
pub(crate) fn path_of(name: Levels<'_>) -> String {
    format!("{ROOT}/{}/{}/{}", name.catalog, name.schema, name.model)
}

/// Returns the volume at a path such as `/Volumes/c/s/v`, if there is one.
pub(crate) fn find(database: &Database, path: &str) -> Outcome<Option<Volume>> {
    match database.find_experiment(path)? {
        Some(experiment) => volume(experiment),
        None => Ok(None),
    }
}

fn volume(experiment: Experiment) -> Outcome<Option<Volume>> {
    let info = experiment.info()?;
    if info.lifecycle == Lifecycle::Deleted {
        return Ok(None);
    }
    let run = info.tags.get(RUN_TAG).and_then(|run| run.parse().ok());
    Ok(run.map(|run| Volume { info, run, experiment }))
}

/// Returns a volume by its name.
pub(crate) fn get(database: &Database, name: Levels<'_>) -> Outcome<Volume> {
    find(database, &path_of(name))?.ok_or_else(|| no_volume(name))
}

pub(crate) fn no_volume(name: Levels<'_>) -> Failure {
    let Levels { catalog, schema, model } = name;
    Failure::missing(format!(
        "Volume '{catalog}.{schema}.{model}' does not exist: create it with `w.volumes.create`"
    ))
}

/// Returns the volumes of a schema, each with its name, ordered by name.
pub(crate) fn within(
    database: &Database,
    catalog: &str,
    schema: &str,
) -> Outcome<Vec<(String, Volume)>> {
    let folder = format!("{ROOT}/{catalog}/{schema}");
    let mut found = Vec::new();
    for info in database.experiment_folder(&folder)?.experiments {
        let name = info.path.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(volume) = volume(database.experiment_by_id(info.id)?)? {
            found.push((name, volume));
        }
    }
    Ok(found)
}

/// Creates a volume, and its catalog and schema if they do not exist.
pub(crate) fn create(call: &Call, name: Levels<'_>, comment: Option<&str>) -> Outcome<()> {
    let (database, path) = (call.database(), path_of(name));
    if database.find_experiment(&path)?.is_some() {
        return Err(taken(&path));
    }
    levels::ensure(call, &format!("{}.{}.{}", name.catalog, name.schema, name.model))?;
    let user = call.caller.user.as_str();
    // It gets its path last, so that a volume always has its run, and one of several calls wins.
    let temporary = format!("{ROOT}/.new-{}", random_hex(16)?);
    let mut tags = vec![(OWNER_TAG, user)];
    tags.extend(comment.map(|comment| (COMMENT_TAG, comment)));
    let experiment = database.create_experiment_with(&temporary, tags)?;
    let run = experiment.new_run().name("files").user(user).start()?;
    let id = run.id();
    run.finish()?;
    experiment.set_tag(RUN_TAG, id)?;
    let renamed = experiment.rename(&path);
    if renamed.is_err() {
        experiment.delete()?;
    }
    renamed.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken(&path),
        _ => error.into(),
    })
}

fn taken(path: &str) -> Failure {
    let message = format!("there is already a volume or an experiment {path:?}");
    Failure::new(StatusCode::CONFLICT, "ALREADY_EXISTS", message)
}

impl Volume {
    pub(crate) fn owner(&self) -> Option<&str> {
        self.info.tags.get(OWNER_TAG).map(String::as_str)
    }

    pub(crate) fn comment(&self) -> Option<&str> {
        self.info.tags.get(COMMENT_TAG).map(String::as_str)
    }

    pub(crate) fn set_owner(&self, owner: &str) -> Outcome<()> {
        Ok(self.experiment.set_tag(OWNER_TAG, owner)?)
    }

    pub(crate) fn set_comment(&self, comment: &str) -> Outcome<()> {
        Ok(self.experiment.set_tag(COMMENT_TAG, comment)?)
    }

    pub(crate) fn rename(&self, name: Levels<'_>) -> Outcome<()> {
        let path = path_of(name);
        self.experiment.rename(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(&path),
            _ => error.into(),
        })
    }

    /// Deletes the volume. Its path is free at once, and its files stay until the next gc.
    pub(crate) fn delete(&self) -> Outcome<()> {
        self.experiment.rename(&format!("{ROOT}/.deleted-{}", self.run))?;
        Ok(self.experiment.delete()?)
    }
}

/// Returns whether this is the file that keeps a folder of a volume.
pub(crate) fn is_mark(path: &str) -> bool {
    path.rsplit('/').next() == Some(FOLDER_MARK)
}

/// Makes a folder of a volume exist without any file in it.
pub(crate) fn keep_folder(folder: &Target) -> Outcome<()> {
    let Target { artifacts, path } = folder;
    if path.is_empty() || !artifacts.list(path)?.is_empty() {
        return Ok(());
    }
    Ok(artifacts.log_bytes(b"", &format!("{path}/{FOLDER_MARK}"))?)
}

/// Keeps the folder of a file or folder that was deleted.
pub(crate) fn keep_parent(deleted: &Target) -> Outcome<()> {
    let Some((parent, _)) = deleted.path.rsplit_once('/') else { return Ok(()) };
    let artifacts = deleted.artifacts.clone();
    keep_folder(&Target { artifacts, path: parent.to_owned() })
}

/// Deletes an empty folder of a volume.
pub(crate) fn delete_folder(folder: &Target) -> Outcome<()> {
    folder.artifacts.delete(&format!("{}/{FOLDER_MARK}", folder.path))?;
    keep_parent(folder)
}

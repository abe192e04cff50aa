//! The expected state of the registry, of logged models and of files.

use std::collections::BTreeMap;

use tracklite::{
    Database, ErrorKind, ExperimentId, Lifecycle, LoggedModelId, RegisteredModelId, Result,
};
use tracklite::artifact::ArtifactOwner;
use tracklite::logged_model::LoggedModelStatus;
use tracklite::registry::RegistrySearch;

/// The bytes of files by path.
pub type Files = BTreeMap<String, Vec<u8>>;
type Pairs = BTreeMap<String, String>;

/// A version of a registered model.
#[derive(Clone, Debug)]
pub struct ModelVersionState {
    /// The location that its source resolved to.
    pub location: String,
    /// Its tags.
    pub tags: Pairs,
    /// The files of its source at that time.
    pub files: Files,
}

/// A registered model.
#[derive(Clone, Debug)]
pub struct ModelRegistered {
    /// Its id in the database.
    pub id: RegisteredModelId,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: Pairs,
    /// Its aliases and their versions.
    pub aliases: BTreeMap<String, u64>,
    /// Its versions by number.
    pub versions: BTreeMap<u64, ModelVersionState>,
    /// The maximum version number ever used.
    pub last: u64,
}

/// A logged model.
#[derive(Clone, Debug)]
pub struct ModelLogged {
    /// Its id in the database.
    pub id: LoggedModelId,
    /// The id of its experiment.
    pub experiment: ExperimentId,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// Its status.
    pub status: LoggedModelStatus,
    /// Its params.
    pub params: Pairs,
    /// Its tags.
    pub tags: Pairs,
    /// Its metrics, in the order of logging: key, step and bits.
    pub metrics: Vec<(String, i64, u64)>,
    /// Its files.
    pub files: Files,
}

/// Panics unless the owner has exactly these files.
pub(crate) fn compare_files(database: &Database, owner: ArtifactOwner, wanted: &Files) {
    let found = read_files(database, owner).expect("read the files");
    assert_eq!(&found, wanted, "{owner:?}");
}

fn read_files(database: &Database, owner: ArtifactOwner) -> Result<Files> {
    let artifacts = database.artifacts_of(owner)?;
    let read = |path: String| Ok((path.clone(), artifacts.read(&path)?));
    artifacts.list_all()?.into_iter().map(|info| read(info.path)).collect()
}

impl ModelRegistered {
    pub(crate) fn compare(&self, database: &Database) {
        let model = database.registry().model(&self.name).expect("find the model");
        assert_eq!(model.id(), self.id);
        let info = model.info().expect("read the model");
        assert_eq!((&info.tags, &info.aliases), (&self.tags, &self.aliases), "{}", self.name);
        let versions = model.versions().expect("read the versions");
        let numbers: Vec<u64> = versions.iter().map(|version| version.version).collect();
        assert_eq!(numbers, self.versions.keys().copied().collect::<Vec<_>>(), "{}", self.name);
        for (found, (number, wanted)) in versions.iter().zip(&self.versions) {
            assert_eq!((&found.location, &found.tags), (&wanted.location, &wanted.tags));
            assert_eq!(found.digest.is_some(), !wanted.files.is_empty());
            let owner = ArtifactOwner::ModelVersion { model: self.id, version: *number };
            compare_files(database, owner, &wanted.files);
        }
        for (alias, number) in &self.aliases {
            let named = model.version_by_alias(alias).expect("find the version of an alias");
            assert_eq!(named.version(), *number);
        }
        let unknown = model.version(self.last + 1).map(drop).map_err(|error| error.kind());
        assert_eq!(unknown, Err(ErrorKind::NotFound));
    }
}

impl ModelLogged {
    pub(crate) fn compare(&self, database: &Database) {
        let model = database.logged_model(self.id).expect("find the logged model");
        let info = model.info().expect("read the logged model");
        let lifecycle = if self.is_deleted { Lifecycle::Deleted } else { Lifecycle::Active };
        assert_eq!((info.lifecycle, info.status), (lifecycle, self.status));
        assert_eq!((&info.params, &info.tags), (&self.params, &self.tags));
        assert_eq!(info.experiment, self.experiment);
        let metric_bits = |metric: &tracklite::logged_model::LoggedModelMetric| {
            (metric.key.clone(), metric.step, metric.value.to_bits())
        };
        let mut metrics: Vec<_> = info.metrics.iter().map(metric_bits).collect();
        let mut wanted = self.metrics.clone();
        metrics.sort();
        wanted.sort();
        assert_eq!(metrics, wanted);
        compare_files(database, ArtifactOwner::LoggedModel(self.id), &self.files);
    }
}

/// Panics unless exactly these models are registered.
pub(crate) fn compare_registered(database: &Database, wanted: &[ModelRegistered]) {
    let search = RegistrySearch::new().max_results(100);
    let found = database.registry().search_models(&search).expect("search all models").items;
    assert_eq!(found.len(), wanted.len(), "number of registered models");
    wanted.iter().for_each(|model| model.compare(database));
}

/// Panics unless exactly these models were logged.
pub(crate) fn compare_logged(database: &Database, wanted: &[ModelLogged]) {
    let found = database.sql("SELECT model FROM logged_models").expect("read the logged models");
    assert_eq!(found.rows.len(), wanted.len(), "number of logged models");
    wanted.iter().for_each(|model| model.compare(database));
}

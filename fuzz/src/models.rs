//! What the registry, logged models and files should be after a series of calls.

use std::collections::BTreeMap;

use tracklite::{
    ArtifactOwner, Database, ErrorKind, ExperimentId, Lifecycle, LoggedModelId, LoggedModelStatus,
    RegisteredModelId, RegistrySearch, Result,
};

/// The bytes of files by path.
pub type Files = BTreeMap<String, Vec<u8>>;
type Pairs = BTreeMap<String, String>;

/// A version of a registered model.
#[derive(Clone, Debug)]
pub struct ModelVersionState {
    /// What its source led to when it was created.
    pub location: String,
    /// Its tags.
    pub tags: Pairs,
    /// The files that its source had then.
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
    /// The versions that its aliases name.
    pub aliases: BTreeMap<String, u64>,
    /// Its versions by number.
    pub versions: BTreeMap<u64, ModelVersionState>,
    /// The greatest number that was ever given out.
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
    /// How far it has come.
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

/// Panics unless what the owner has are these files.
pub(crate) fn compare_files(database: &Database, owner: ArtifactOwner, wanted: &Files) {
    let found = read_files(database, owner).expect("the files of what is there");
    assert_eq!(&found, wanted, "{owner:?}");
}

fn read_files(database: &Database, owner: ArtifactOwner) -> Result<Files> {
    let artifacts = database.artifacts_of(owner)?;
    let read = |path: String| Ok((path.clone(), artifacts.read(&path)?));
    artifacts.list_all()?.into_iter().map(|info| read(info.path)).collect()
}

impl ModelRegistered {
    pub(crate) fn compare(&self, database: &Database) {
        let model = database.registry().model(&self.name).expect("a model by its name");
        assert_eq!(model.id(), self.id);
        let info = model.info().expect("what is known of a model");
        assert_eq!((&info.tags, &info.aliases), (&self.tags, &self.aliases), "{}", self.name);
        let versions = model.versions().expect("the versions of a model");
        let numbers: Vec<u64> = versions.iter().map(|version| version.version).collect();
        assert_eq!(numbers, self.versions.keys().copied().collect::<Vec<_>>(), "{}", self.name);
        for (found, (number, wanted)) in versions.iter().zip(&self.versions) {
            assert_eq!((&found.location, &found.tags), (&wanted.location, &wanted.tags));
            assert_eq!(found.digest.is_some(), !wanted.files.is_empty());
            let owner = ArtifactOwner::ModelVersion { model: self.id, version: *number };
            compare_files(database, owner, &wanted.files);
        }
        for (alias, number) in &self.aliases {
            let named = model.version_by_alias(alias).expect("the version of an alias");
            assert_eq!(named.version(), *number);
        }
        let unknown = model.version(self.last + 1).map(drop).map_err(|error| error.kind());
        assert_eq!(unknown, Err(ErrorKind::NotFound));
    }
}

impl ModelLogged {
    pub(crate) fn compare(&self, database: &Database) {
        let model = database.logged_model(self.id).expect("a logged model that was created");
        let info = model.info().expect("what is known of a logged model");
        let lifecycle = if self.is_deleted { Lifecycle::Deleted } else { Lifecycle::Active };
        assert_eq!((info.lifecycle, info.status), (lifecycle, self.status));
        assert_eq!((&info.params, &info.tags), (&self.params, &self.tags));
        assert_eq!(info.experiment, self.experiment);
        let told = |metric: &tracklite::LoggedModelMetric| {
            (metric.key.clone(), metric.step, metric.value.to_bits())
        };
        let mut metrics: Vec<_> = info.metrics.iter().map(told).collect();
        let mut wanted = self.metrics.clone();
        metrics.sort();
        wanted.sort();
        assert_eq!(metrics, wanted);
        compare_files(database, ArtifactOwner::LoggedModel(self.id), &self.files);
    }
}

/// Panics unless these and no others are registered.
pub(crate) fn compare_registered(database: &Database, wanted: &[ModelRegistered]) {
    let search = RegistrySearch::new().max_results(100);
    let found = database.registry().search_models(&search).expect("all models").items;
    assert_eq!(found.len(), wanted.len(), "how many models are registered");
    wanted.iter().for_each(|model| model.compare(database));
}

/// Panics unless these and no others were logged.
pub(crate) fn compare_logged(database: &Database, wanted: &[ModelLogged]) {
    let found = database.sql("SELECT model FROM logged_models").expect("all logged models");
    assert_eq!(found.rows.len(), wanted.len(), "how many logged models there are");
    wanted.iter().for_each(|model| model.compare(database));
}

//! The registry: registered models, their versions and aliases, catalogs and schemas.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::id::{LoggedModelId, RegisteredModelId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// How far a version of a model has come, in MLflow's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ModelVersionStatus {
    /// Being registered.
    PendingRegistration,
    /// Given up.
    FailedRegistration,
    /// In use; what a version is from the start.
    Ready,
}

impl ModelVersionStatus {
    /// Every status.
    pub const ALL: [ModelVersionStatus; 3] = [
        ModelVersionStatus::PendingRegistration,
        ModelVersionStatus::FailedRegistration,
        ModelVersionStatus::Ready,
    ];

    /// MLflow's word in capitals: `PENDING_REGISTRATION`, `FAILED_REGISTRATION` or `READY`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ModelVersionStatus::PendingRegistration => "PENDING_REGISTRATION",
            ModelVersionStatus::FailedRegistration => "FAILED_REGISTRATION",
            ModelVersionStatus::Ready => "READY",
        }
    }
}

impl fmt::Display for ModelVersionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ModelVersionStatus {
    type Err = Error;

    /// Reads MLflow's word in any case; any other text is [`ErrorKind::InvalidInput`].
    fn from_str(text: &str) -> Result<Self> {
        let mut all = ModelVersionStatus::ALL.into_iter();
        let found = all.find(|it| it.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| unknown("status of a model version", text, "READY and others"))
    }
}

/// The stage of a version: what MLflow had before aliases, and still serves.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum ModelStage {
    /// None: what a version has from the start.
    #[default]
    None,
    /// Being tried out.
    Staging,
    /// In use.
    Production,
    /// Not in use any more.
    Archived,
}

impl ModelStage {
    /// Every stage, in MLflow's order.
    pub const ALL: [ModelStage; 4] =
        [ModelStage::None, ModelStage::Staging, ModelStage::Production, ModelStage::Archived];

    /// MLflow's word: `None`, `Staging`, `Production` or `Archived`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ModelStage::None => "None",
            ModelStage::Staging => "Staging",
            ModelStage::Production => "Production",
            ModelStage::Archived => "Archived",
        }
    }

    /// Whether other versions in this stage can be archived when one enters it.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, ModelStage::Staging | ModelStage::Production)
    }
}

impl fmt::Display for ModelStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ModelStage {
    type Err = Error;

    /// Reads MLflow's word in any case; any other text is [`ErrorKind::InvalidInput`].
    fn from_str(text: &str) -> Result<Self> {
        let mut all = ModelStage::ALL.into_iter();
        let found = all.find(|it| it.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| unknown("stage", text, "None, Staging, Production or Archived"))
    }
}

#[cold]
fn unknown(what: &str, text: &str, wanted: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{text:?} is no {what}: {wanted}"))
}

/// What names of registered models look like; a database has one of these modes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum RegistryMode {
    /// Any name, and stages: MLflow's own registry.
    #[default]
    Plain,
    /// `catalog.schema.model`, no stages, and a signature is required: as Unity Catalog has it.
    UnityCatalog,
}

impl RegistryMode {
    /// `plain` or `unity-catalog`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RegistryMode::Plain => "plain",
            RegistryMode::UnityCatalog => "unity-catalog",
        }
    }
}

/// A registered model as it was read from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredModelInfo {
    /// The id that stays when the model is renamed.
    pub id: RegisteredModelId,
    /// Its unique name.
    pub name: String,
    /// What is said of it.
    pub description: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it, or one of its versions, changed last; tags and aliases do not count.
    pub updated: Timestamp,
    /// Its tags by key.
    pub tags: BTreeMap<String, String>,
    /// The version that each alias names.
    pub aliases: BTreeMap<String, u64>,
    /// The highest version of each stage, by stage.
    pub latest_versions: Vec<ModelVersionInfo>,
}

/// A version of a registered model as it was read from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelVersionInfo {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The name of the registered model.
    pub name: String,
    /// The number, from 1; no number is given out twice.
    pub version: u64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed; tags and aliases do not count.
    pub updated: Timestamp,
    /// What is said of it.
    pub description: Option<String>,
    /// The user who registered it.
    pub user: String,
    /// Its stage.
    pub stage: ModelStage,
    /// Where it comes from, as it was given.
    pub source: String,
    /// Where its files are: what the source led to when the version was created, and leads to
    /// still, whatever has become of the models that it names.
    pub location: String,
    /// The run that made the model.
    pub run: Option<RunId>,
    /// A link to the run, where it is not in this file.
    pub run_link: Option<String>,
    /// The logged model that it is.
    pub logged_model: Option<LoggedModelId>,
    /// The version of which it is a copy.
    pub copied_from: Option<(RegisteredModelId, u64)>,
    /// How far it has come.
    pub status: ModelVersionStatus,
    /// What is to be said of the status.
    pub status_message: Option<String>,
    /// Its signature as the JSON of MLflow; see [`Signature`](crate::Signature).
    pub signature: Option<String>,
    /// The digest of the files to which it is pinned.
    pub digest: Option<[u8; 32]>,
    /// Its tags by key.
    pub tags: BTreeMap<String, String>,
    /// The aliases that name it, sorted; empty in what a search finds (MLflow's rule).
    pub aliases: Vec<String>,
}

/// A catalog as it was read from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogInfo {
    /// Its name: the first level.
    pub name: String,
    /// The user who created it.
    pub owner: String,
    /// What is said of it.
    pub comment: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A schema of a catalog as it was read from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaInfo {
    /// The catalog that holds it.
    pub catalog: String,
    /// Its name: the second level.
    pub name: String,
    /// The user who created it.
    pub owner: String,
    /// What is said of it.
    pub comment: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

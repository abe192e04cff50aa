//! The model registry: registered models, versions, aliases, catalogs and schemas.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::entity::id::{LoggedModelId, RegisteredModelId, RunId, Timestamp};
use crate::error::{Error, ErrorKind, Result};

/// The status of a model version, as defined by MLflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ModelVersionStatus {
    /// Being registered.
    PendingRegistration,
    /// Failed.
    FailedRegistration,
    /// Ready for use. The initial status of a version.
    Ready,
}

impl ModelVersionStatus {
    /// All statuses.
    pub const ALL: [ModelVersionStatus; 3] = [
        ModelVersionStatus::PendingRegistration,
        ModelVersionStatus::FailedRegistration,
        ModelVersionStatus::Ready,
    ];

    /// Returns MLflow's name: `PENDING_REGISTRATION`, `FAILED_REGISTRATION` or `READY`.
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

    /// Parses MLflow's name, ignoring case.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such status.
    fn from_str(text: &str) -> Result<Self> {
        let mut all = ModelVersionStatus::ALL.into_iter();
        let found = all.find(|status| status.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            unknown(
                "model version status",
                text,
                "PENDING_REGISTRATION, FAILED_REGISTRATION or READY",
            )
        })
    }
}

/// The stage of a version. MLflow's predecessor of aliases, still supported.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum ModelStage {
    /// No stage. The initial stage of a version.
    #[default]
    None,
    /// In testing.
    Staging,
    /// In use.
    Production,
    /// No longer in use.
    Archived,
}

impl ModelStage {
    /// All stages, in MLflow's order.
    pub const ALL: [ModelStage; 4] =
        [ModelStage::None, ModelStage::Staging, ModelStage::Production, ModelStage::Archived];

    /// Returns MLflow's name: `None`, `Staging`, `Production` or `Archived`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ModelStage::None => "None",
            ModelStage::Staging => "Staging",
            ModelStage::Production => "Production",
            ModelStage::Archived => "Archived",
        }
    }

    /// Returns whether a version that enters this stage can archive the others in it.
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

    /// Parses MLflow's name, ignoring case.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such stage.
    fn from_str(text: &str) -> Result<Self> {
        let mut all = ModelStage::ALL.into_iter();
        let found = all.find(|stage| stage.as_str().eq_ignore_ascii_case(text));
        let message = || {
            format!(
                "Invalid Model Version stage: {text}. Value must be one of None, Staging, \
                 Production, Archived."
            )
        };
        found.ok_or_else(|| Error::new(ErrorKind::InvalidInput, message()))
    }
}

#[cold]
fn unknown(kind: &str, text: &str, expected: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("unknown {kind} {text:?}: expected {expected}"))
}

/// The naming rules of the registry. Each database has one mode.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum RegistryMode {
    /// Any name, with stages, like MLflow's own registry.
    #[default]
    Plain,
    /// Names of the form `catalog.schema.model`, without stages, and with required signatures, like
    /// Unity Catalog.
    UnityCatalog,
}

impl RegistryMode {
    /// Returns the mode as text: `plain` or `unity-catalog`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RegistryMode::Plain => "plain",
            RegistryMode::UnityCatalog => "unity-catalog",
        }
    }
}

/// A registered model as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredModelInfo {
    /// The id, which does not change when the model is renamed.
    pub id: RegisteredModelId,
    /// The unique name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// The creation time.
    pub created: Timestamp,
    /// The time at which the model or one of its versions last changed. Tags and aliases do not
    /// count.
    pub updated: Timestamp,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
    /// The version number that each alias points to.
    pub aliases: BTreeMap<String, u64>,
    /// The latest version in each stage, sorted by stage.
    pub latest_versions: Vec<ModelVersionInfo>,
}

/// A version of a registered model as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelVersionInfo {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The name of the registered model.
    pub name: String,
    /// The version number, from 1. Numbers are never reused.
    pub version: u64,
    /// The creation time.
    pub created: Timestamp,
    /// The time of the last change. Tags and aliases do not count.
    pub updated: Timestamp,
    /// The description.
    pub description: Option<String>,
    /// The user who registered it.
    pub user: String,
    /// The stage.
    pub stage: ModelStage,
    /// The source, as given by the caller.
    pub source: String,
    /// The location of its files. Resolved from the source when the version is created, and
    /// unchanged by later renames and deletions.
    pub location: String,
    /// The run that created the model: its id, or any other text.
    ///
    /// The run need not exist. See [`ModelVersionInfo::run_id`].
    pub run: Option<String>,
    /// A link to the run, if it is not in this file.
    pub run_link: Option<String>,
    /// The logged model that was registered.
    pub logged_model: Option<LoggedModelId>,
    /// The version that this one was copied from.
    pub copied_from: Option<(RegisteredModelId, u64)>,
    /// The status.
    pub status: ModelVersionStatus,
    /// A message that explains the status.
    pub status_message: Option<String>,
    /// The signature as MLflow's JSON. See [`Signature`](crate::logged_model::Signature).
    pub signature: Option<String>,
    /// The digest that pins its files.
    pub digest: Option<[u8; 32]>,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
    /// The aliases that point to it, sorted. Empty in search results (MLflow's rule).
    pub aliases: Vec<String>,
}

impl ModelVersionInfo {
    /// Returns the run as the id of a run, or `None` if it is another text.
    ///
    /// Such a run may be in another file, or be deleted.
    #[must_use]
    pub fn run_id(&self) -> Option<RunId> {
        self.run.as_deref().and_then(RunId::displayed_as)
    }
}

/// A catalog as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogInfo {
    /// The name, the first level of a model name.
    pub name: String,
    /// The user who created it.
    pub owner: String,
    /// The comment.
    pub comment: Option<String>,
    /// The creation time.
    pub created: Timestamp,
    /// The time of the last change.
    pub updated: Timestamp,
}

/// A schema of a catalog as stored in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaInfo {
    /// The catalog that holds it.
    pub catalog: String,
    /// The name, the second level of a model name.
    pub name: String,
    /// The user who created it.
    pub owner: String,
    /// The comment.
    pub comment: Option<String>,
    /// The creation time.
    pub created: Timestamp,
    /// The time of the last change.
    pub updated: Timestamp,
}

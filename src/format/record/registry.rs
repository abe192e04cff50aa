//! The records of the registry: registered models, versions, aliases, catalogs and schemas.

use serde::{Deserialize, Serialize};

use crate::entity::id::{LoggedModelId, RegisteredModelId, RunId};
use crate::entity::{ModelStage, ModelVersionStatus, RegistryMode};

/// A registered model was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModelCreated {
    /// The new id.
    pub model: RegisteredModelId,
    /// The unique name.
    pub name: String,
    /// The description.
    pub description: Option<String>,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A registered model was renamed together with its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModelRenamed {
    /// The model.
    pub model: RegisteredModelId,
    /// The new name.
    pub name: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The description of a registered model changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModelUpdated {
    /// The model.
    pub model: RegisteredModelId,
    /// The new description.
    pub description: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A registered model was deleted with its versions, tags and aliases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModelDeleted {
    /// The model.
    pub model: RegisteredModelId,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Tags of a registered model were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModelTagsSet {
    /// The model.
    pub model: RegisteredModelId,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A tag of a registered model was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModelTagDeleted {
    /// The model.
    pub model: RegisteredModelId,
    /// The key.
    pub key: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A version of a registered model was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersionCreated {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The number: one above the highest that the model ever had.
    pub version: u64,
    /// The source as it was given.
    pub source: String,
    /// The resolved source, which never contains a name or an alias of the registry.
    pub location: String,
    /// The run that produced the model: its id, or any other text.
    pub run: Option<String>,
    /// A link to the run.
    pub run_link: Option<String>,
    /// The logged model behind this version.
    pub logged_model: Option<LoggedModelId>,
    /// The version from which it was copied.
    pub copied_from: Option<(RegisteredModelId, u64)>,
    /// The description.
    pub description: Option<String>,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The user who registered it.
    pub user: String,
    /// The registration status.
    pub status: ModelVersionStatus,
    /// The signature, as MLflow's JSON.
    pub signature: Option<String>,
    /// The digest of the tree of its files.
    pub digest: Option<[u8; 32]>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Version 0 of [`ModelVersionCreated`], whose run is an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersionCreatedV0 {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The number: one above the highest that the model ever had.
    pub version: u64,
    /// The source as it was given.
    pub source: String,
    /// The resolved source, which never contains a name or an alias of the registry.
    pub location: String,
    /// The run that produced the model.
    pub run: Option<RunId>,
    /// A link to the run.
    pub run_link: Option<String>,
    /// The logged model behind this version.
    pub logged_model: Option<LoggedModelId>,
    /// The version from which it was copied.
    pub copied_from: Option<(RegisteredModelId, u64)>,
    /// The description.
    pub description: Option<String>,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The user who registered it.
    pub user: String,
    /// The registration status.
    pub status: ModelVersionStatus,
    /// The signature, as MLflow's JSON.
    pub signature: Option<String>,
    /// The digest of the tree of its files.
    pub digest: Option<[u8; 32]>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

impl From<ModelVersionCreatedV0> for ModelVersionCreated {
    fn from(old: ModelVersionCreatedV0) -> Self {
        ModelVersionCreated {
            model: old.model,
            version: old.version,
            source: old.source,
            location: old.location,
            run: old.run.map(|run| run.to_string()),
            run_link: old.run_link,
            logged_model: old.logged_model,
            copied_from: old.copied_from,
            description: old.description,
            tags: old.tags,
            user: old.user,
            status: old.status,
            signature: old.signature,
            digest: old.digest,
            time: old.time,
        }
    }
}

/// A version changed. `None` leaves a field unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersionUpdated {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The number of the version.
    pub version: u64,
    /// The new description. The inner `None` clears it.
    pub description: Option<Option<String>>,
    /// The new status and its message.
    pub status: Option<(ModelVersionStatus, Option<String>)>,
    /// The new stage.
    pub stage: Option<ModelStage>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A version was deleted. Only its number is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersionDeleted {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The number of the version.
    pub version: u64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A pending version is ready: its files are complete and never change again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersionFinalized {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The number of the version.
    pub version: u64,
    /// The digest of the tree of its files.
    pub digest: Option<[u8; 32]>,
    /// The signature, as MLflow's JSON. `None` leaves it unchanged.
    pub signature: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// Tags of a version were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersionTagsSet {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The number of the version.
    pub version: u64,
    /// Keys and values. A later value replaces an earlier one.
    pub tags: Vec<(String, String)>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A tag of a version was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersionTagDeleted {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The number of the version.
    pub version: u64,
    /// The key.
    pub key: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An alias was set to a version, regardless of its previous target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasSet {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The alias.
    pub alias: String,
    /// The number of the version.
    pub version: u64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An alias was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasDeleted {
    /// The registered model.
    pub model: RegisteredModelId,
    /// The alias.
    pub alias: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The naming scheme of registered models changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryModeSet {
    /// The mode.
    pub mode: RegistryMode,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A catalog was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogCreated {
    /// The unique name.
    pub catalog: String,
    /// The user who created it.
    pub owner: String,
    /// The description.
    pub comment: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The comment on a catalog changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogUpdated {
    /// The catalog.
    pub catalog: String,
    /// The new comment.
    pub comment: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An empty catalog was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogDropped {
    /// The catalog.
    pub catalog: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A schema was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaCreated {
    /// The catalog that holds it.
    pub catalog: String,
    /// The name, unique in the catalog.
    pub schema: String,
    /// The user who created it.
    pub owner: String,
    /// The description.
    pub comment: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The comment on a schema changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaUpdated {
    /// The catalog that holds it.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The new comment.
    pub comment: Option<String>,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// An empty schema was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaDropped {
    /// The catalog that held it.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A catalog was renamed. Records of its models and volumes follow in the same frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogRenamed {
    /// The catalog.
    pub catalog: String,
    /// The new name.
    pub name: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A schema was renamed. Records of its models and volumes follow in the same frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRenamed {
    /// The catalog that holds it.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The new name.
    pub name: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The owner of a catalog changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogOwnerSet {
    /// The catalog.
    pub catalog: String,
    /// The new owner.
    pub owner: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// The owner of a schema changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaOwnerSet {
    /// The catalog that holds it.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The new owner.
    pub owner: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

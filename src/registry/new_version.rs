//! Creating versions: the resolution of a source, and what a version inherits from it.

use std::ops::RangeInclusive;

use crate::engine::guards::logged_model_is_deleted;
use crate::entity::id::{LoggedModelId, RegisteredModelId, Timestamp};
use crate::entity::limits::{TEXT_BYTES_MAX, check_name, check_text};
use crate::entity::model_uri::{ModelTarget, ModelUri};
use crate::entity::signature::Signature;
use crate::entity::{ArtifactOwner, Lifecycle, ModelVersionInfo, ModelVersionStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{
    ArtifactsDeleted, ArtifactsWritten, LoggedModelLifecycleSet, LoggedModelSignatureSet,
    LoggedModelsPurged, ModelVersionCreated, Purged, REGISTRY_KINDS, Record,
    RegisteredModelCreated,
};
use crate::index::{Index, VersionChoice};
use crate::registry::Registry;
use crate::registry::model::RegisteredModel;
use crate::registry::names::{check_free, gone};
use crate::registry::pending::{check_signature, pending_like};
use crate::registry::pinned_files::{FileOrigin, pin_files};
use crate::registry::version::ModelVersion;

/// Records on which the creation of a version depends: the registry, its run and logged model, and
/// their files.
const DECIDED_ON: &[RangeInclusive<u16>] = &[
    REGISTRY_KINDS,
    Purged::KIND..=Purged::KIND,
    LoggedModelLifecycleSet::KIND..=LoggedModelLifecycleSet::KIND,
    LoggedModelSignatureSet::KIND..=LoggedModelSignatureSet::KIND,
    LoggedModelsPurged::KIND..=LoggedModelsPurged::KIND,
    ArtifactsWritten::KIND..=ArtifactsDeleted::KIND,
];

/// A builder of a model version, which is written as one frame.
#[derive(Debug)]
#[must_use = "a version is created by `create`"]
pub struct ModelVersionBuilder {
    model: RegisteredModel,
    source: String,
    files: Option<String>,
    run: Option<String>,
    run_link: Option<String>,
    logged_model: Option<LoggedModelId>,
    description: Option<String>,
    tags: Vec<(String, String)>,
    user: Option<String>,
    status: ModelVersionStatus,
    signature: Option<Signature>,
    /// Whether its files follow after its creation.
    is_awaiting_files: bool,
    reused_since: Option<Timestamp>,
}

impl ModelVersionBuilder {
    pub(crate) fn new(model: RegisteredModel, source: &str) -> Self {
        ModelVersionBuilder {
            model,
            source: source.to_owned(),
            files: None,
            run: None,
            run_link: None,
            logged_model: None,
            description: None,
            tags: Vec::new(),
            user: None,
            status: ModelVersionStatus::Ready,
            signature: None,
            is_awaiting_files: false,
            reused_since: None,
        }
    }

    /// Creates the version before its files. Its status is pending, and the source is only a label.
    ///
    /// [`ModelVersion::artifacts`] takes the files, and [`ModelVersion::finalize`] pins them. The
    /// source may name a run, logged model or version that does not exist.
    pub fn files_follow(mut self) -> Self {
        (self.is_awaiting_files, self.status) = (true, ModelVersionStatus::PendingRegistration);
        self
    }

    /// Returns an equal version instead of a new one, if it is pending, has no files and was
    /// created since this time. So a request that is repeated creates no second version.
    pub fn reuse_pending_since(mut self, time: Timestamp) -> Self {
        self.reused_since = Some(time);
        self
    }

    /// Sets the address of the files, if the source is only a label. Default: the source.
    pub fn files_at(mut self, address: impl Into<String>) -> Self {
        self.files = Some(address.into());
        self
    }

    /// Sets the run that made the model: its id, or any other text, as in MLflow.
    ///
    /// The run may be deleted, or be in another file. Default: the source run of the logged model,
    /// or the run in the source.
    #[expect(clippy::needless_pass_by_value, reason = "callers write ids and texts")]
    pub fn run(mut self, run: impl ToString) -> Self {
        self.run = Some(run.to_string());
        self
    }

    /// Sets a link to a run that is not in this file. Default: none.
    pub fn run_link(mut self, link: impl Into<String>) -> Self {
        self.run_link = Some(link.into());
        self
    }

    /// Sets the logged model of the version. Default: the one in the source.
    pub fn logged_model(mut self, model: LoggedModelId) -> Self {
        self.logged_model = Some(model);
        self
    }

    /// Sets the description. Default: none.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Adds a tag.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn tag(mut self, key: &str, value: impl ToString) -> Self {
        self.tags.push((key.to_owned(), value.to_string()));
        self
    }

    /// Sets the user who registers the version. Default: the user of the process.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets the status. Default: ready.
    pub fn status(mut self, status: ModelVersionStatus) -> Self {
        self.status = status;
        self
    }

    /// Sets the signature. Default: that of the logged model or version in the source.
    pub fn signature(mut self, signature: Signature) -> Self {
        self.signature = Some(signature);
        self
    }

    /// Creates the version with the next number as one frame, and syncs it.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unresolved`] if the source is the address of a logged model or version that
    ///   does not exist.
    /// - [`ErrorKind::InvalidState`] if that logged model is deleted.
    /// - [`ErrorKind::InvalidInput`] if the address is malformed or a tag is not legal.
    /// - [`ErrorKind::InvalidInput`] if the file has catalogs and the signature lacks inputs or
    ///   outputs.
    /// - [`ErrorKind::NotFound`] if the registered model was deleted.
    pub fn create(self) -> Result<ModelVersion> {
        let registry = self.model.registry().clone();
        let located = |error| registry.engine().locate(error);
        let tags = self.checked().map_err(located)?;
        let model = self.model.id();
        let version = registry.change(DECIDED_ON, |index| {
            let (_, last) = index.model_facts(model)?.ok_or_else(gone)?;
            let origin = self.origin(index, &registry)?;
            if !self.is_awaiting_files {
                check_signature(index, origin.signature.as_deref())?;
            }
            let created = self.created(model, last + 1, tags.clone(), &origin);
            if let Some(since) = self.reused_since
                && let Some(same) = pending_like(index, &created, since)?
            {
                return Ok((Vec::new(), same));
            }
            let version = created.version;
            let files = origin.files.as_ref().filter(|_| !self.is_awaiting_files);
            Ok((with_files(index, created, files)?, version))
        })?;
        Ok(ModelVersion::new(registry, model, version))
    }

    fn checked(&self) -> Result<Vec<(String, String)>> {
        let limits = self.model.registry().limits();
        limits.check_description(self.description.as_deref())?;
        check_name("source", &self.source, TEXT_BYTES_MAX)?;
        let link = self.run_link.as_deref().unwrap_or_default();
        check_text("run_link", link, TEXT_BYTES_MAX)?;
        check_text("run_id", self.run.as_deref().unwrap_or_default(), TEXT_BYTES_MAX)?;
        limits.registry_tags().collect(self.tags.iter().map(|(key, value)| (key, value)))
    }

    /// Resolves the source. The values of the builder override those of the source.
    fn origin(&self, index: &Index, registry: &Registry) -> Result<Origin> {
        let address = self.files.as_ref().unwrap_or(&self.source);
        let mut origin = match Origin::of(index, registry, address) {
            Err(error) if self.is_awaiting_files && is_foreign(&error) => {
                Origin { location: address.clone(), ..Origin::default() }
            }
            resolved => resolved?,
        };
        if let Some(model) = self.logged_model {
            let named = Origin::of_logged_model(index, model, "")?;
            origin.run = origin.run.or(named.run);
            origin.signature = origin.signature.or(named.signature);
            origin.logged_model = Some(model);
            origin.files = origin.files.or(named.files);
        }
        origin.run = self.run.clone().or(origin.run);
        if let Some(signature) = &self.signature {
            origin.signature = Some(signature.to_json());
        }
        Ok(origin)
    }

    fn created(
        &self,
        model: RegisteredModelId,
        version: u64,
        tags: Vec<(String, String)>,
        origin: &Origin,
    ) -> ModelVersionCreated {
        ModelVersionCreated {
            model,
            version,
            source: self.source.clone(),
            location: origin.location.clone(),
            run: origin.run.clone(),
            run_link: self.run_link.clone(),
            logged_model: origin.logged_model,
            copied_from: origin.copied_from,
            description: self.description.clone(),
            tags,
            user: self.user.clone().unwrap_or_else(|| self.model.registry().user()),
            status: self.status,
            signature: origin.signature.clone(),
            digest: None,
            time: Timestamp::now_nanos(),
        }
    }
}

impl RegisteredModel {
    /// Builds a new version from a source.
    ///
    /// The source is an address like MLflow's (see [`ModelUri`](crate::registry::ModelUri)). Any
    /// other text is kept as it is, and so is the address of a run that is not in this file.
    pub fn new_version(&self, source: &str) -> ModelVersionBuilder {
        ModelVersionBuilder::new(self.clone(), source)
    }
}

impl Registry {
    /// Copies a version to a new version of the model `to`.
    ///
    /// The copy has the same files, run, tags, description and signature. If there is no such
    /// model, it is created. A copy promotes a version from one catalog to another.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the version was deleted, or the catalog or schema of `to` does
    ///   not exist.
    /// - [`ErrorKind::InvalidInput`] if the name is not legal.
    pub fn copy_version(&self, version: &ModelVersion, to: &str) -> Result<ModelVersion> {
        copy(self, version, to)
    }
}

impl ModelVersion {
    /// Copies this version to a new version of the model `to`, like [`Registry::copy_version`].
    pub fn copy_to(&self, to: &str) -> Result<ModelVersion> {
        self.registry().copy_version(self, to)
    }
}

/// The resolved source of a version.
#[derive(Debug, Default)]
struct Origin {
    location: String,
    run: Option<String>,
    logged_model: Option<LoggedModelId>,
    copied_from: Option<(RegisteredModelId, u64)>,
    signature: Option<String>,
    /// Its files, if they are in this file.
    files: Option<FileOrigin>,
}

impl Origin {
    fn of(index: &Index, registry: &Registry, source: &str) -> Result<Origin> {
        let elsewhere = || Origin { location: source.to_owned(), ..Origin::default() };
        if !ModelUri::is_claimed_by(source) {
            return Ok(elsewhere());
        }
        let uri: ModelUri = match source.parse() {
            // MLflow takes any text after `runs:/`, and the run may be in another file.
            Err(_) if source.starts_with("runs:") => return Ok(elsewhere()),
            parsed => parsed?,
        };
        match &uri.target {
            ModelTarget::Run(run) if index.run_info(*run)?.is_none() => Ok(elsewhere()),
            ModelTarget::Run(run) => {
                let files = Some((ArtifactOwner::Run(*run), uri.path.clone()));
                let (location, run) = (uri.to_string(), Some(run.to_string()));
                Ok(Origin { location, run, files, ..Origin::default() })
            }
            ModelTarget::LoggedModel(model) => Origin::of_logged_model(index, *model, &uri.path),
            target => {
                let found = version_of(index, registry, target);
                let found = found.map_err(|error| match error.kind() {
                    ErrorKind::NotFound | ErrorKind::InvalidInput => {
                        unresolved(source, &error.to_string())
                    }
                    _ => error,
                })?;
                Ok(Origin::of_version(found, &uri.path))
            }
        }
    }

    fn of_logged_model(index: &Index, model: LoggedModelId, path: &str) -> Result<Origin> {
        let target = ModelTarget::LoggedModel(model);
        let location = ModelUri { target, path: path.to_owned() }.to_string();
        let Some(info) = index.logged_model(model)? else {
            return Err(unresolved(&location, "there is no such logged model in this file"));
        };
        if info.lifecycle == Lifecycle::Deleted {
            return Err(logged_model_is_deleted(model));
        }
        Ok(Origin {
            location,
            run: info.source_run,
            logged_model: Some(model),
            copied_from: None,
            signature: info.signature,
            files: Some((ArtifactOwner::LoggedModel(model), path.to_owned())),
        })
    }

    /// Takes the location of the version, which is never another version. So copies of copies do
    /// not form a chain or a cycle.
    fn of_version(info: ModelVersionInfo, path: &str) -> Origin {
        let location = match path {
            "" => info.location,
            path => format!("{}/{path}", info.location),
        };
        Origin {
            location,
            run: info.run,
            logged_model: info.logged_model,
            copied_from: Some((info.model, info.version)),
            signature: info.signature,
            files: Some((
                ArtifactOwner::ModelVersion { model: info.model, version: info.version },
                path.to_owned(),
            )),
        }
    }
}

/// Looks up the version of an address. Fails for an address without a version.
pub(crate) fn version_of(
    index: &Index,
    registry: &Registry,
    target: &ModelTarget,
) -> Result<ModelVersionInfo> {
    match target {
        ModelTarget::Version { name, version } => {
            registry.version_in(index, name, VersionChoice::Number(*version))
        }
        ModelTarget::Alias { name, alias } => {
            registry.version_in(index, name, VersionChoice::Alias(alias))
        }
        ModelTarget::Latest { name } => registry.latest_in(index, name, None),
        ModelTarget::Stage { name, stage } => registry.latest_in(index, name, Some(*stage)),
        ModelTarget::LoggedModel(_) | ModelTarget::Run(_) => {
            let message = format!("{target} is not the address of a model version");
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// Returns whether a source only has a meaning elsewhere.
fn is_foreign(error: &Error) -> bool {
    use ErrorKind::{InvalidInput, InvalidState, NotFound, Unresolved};
    matches!(error.kind(), InvalidInput | InvalidState | NotFound | Unresolved)
}

/// Returns the records that create a version and its pinned files.
fn with_files(
    index: &Index,
    created: ModelVersionCreated,
    files: Option<&FileOrigin>,
) -> Result<Vec<Record>> {
    let Some(files) = files else { return Ok(vec![created.into()]) };
    let ModelVersionCreated { model, version, time, .. } = created;
    let owner = ArtifactOwner::ModelVersion { model, version };
    let (files, digest) = pin_files(index, files, owner, time)?;
    let mut records = vec![ModelVersionCreated { digest, ..created }.into()];
    records.extend(files);
    Ok(records)
}

/// Copies a version to a new version of the model `to`. Creates the model if it does not exist.
pub(crate) fn copy(registry: &Registry, version: &ModelVersion, to: &str) -> Result<ModelVersion> {
    let fresh = registry.random_id()?;
    let (model, number) = registry.change(DECIDED_ON, |index| {
        let info = version.info_in(index)?;
        let name = registry.full_name(index, to)?;
        let time = Timestamp::now_nanos();
        let (mut records, model) = (Vec::new(), index.model_of(&name)?);
        if model.is_none() {
            check_free(index, &name)?;
            let (description, tags) = (None, Vec::new());
            let created = RegisteredModelCreated { model: fresh, name, description, tags, time };
            records.push(created.into());
        }
        let model = model.unwrap_or(fresh);
        let last = index.model_facts(model)?.map_or(0, |(_, last)| last);
        check_signature(index, info.signature.as_deref())?;
        let owner = ArtifactOwner::ModelVersion { model: info.model, version: info.version };
        let created = copied(info, (model, last + 1), registry.user(), time);
        records.extend(with_files(index, created, Some(&(owner, String::new())))?);
        Ok((records, (model, last + 1)))
    })?;
    Ok(ModelVersion::new(registry.clone(), model, number))
}

fn copied(
    info: ModelVersionInfo,
    (model, version): (RegisteredModelId, u64),
    user: String,
    time: i64,
) -> ModelVersionCreated {
    ModelVersionCreated {
        model,
        version,
        source: format!("models:/{}/{}", info.name, info.version),
        location: info.location,
        run: info.run,
        run_link: info.run_link,
        logged_model: info.logged_model,
        copied_from: Some((info.model, info.version)),
        description: info.description,
        tags: info.tags.into_iter().collect(),
        user,
        status: info.status,
        signature: info.signature,
        digest: None,
        time,
    }
}

/// The text is MLflow's, without a space before its second sentence.
pub(crate) fn unresolved(source: &str, reason: &str) -> Error {
    let message = format!(
        "Unable to fetch model from model URI source artifact location '{source}'.Error: {reason}"
    );
    Error::new(ErrorKind::Unresolved, message)
}

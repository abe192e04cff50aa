//! Resolution of model addresses.

use crate::entity::model_uri::{ModelTarget, ModelUri};
use crate::entity::{ArtifactOwner, ModelVersionInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::Registry;
use crate::registry::new_version::version_of;

/// The files and the version to which the address of a model leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedModel {
    /// The owner of the artifacts. A version owns the files that it pinned.
    pub owner: ArtifactOwner,
    /// The path below the owner. It is empty if the address means all files.
    pub path: String,
    /// The origin of the files, without the path. It is an address of a run or logged model in this
    /// file, or the source of the version.
    pub location: String,
    /// The version, if the address leads to one.
    pub version: Option<ModelVersionInfo>,
}

impl Registry {
    /// Resolves the address of a model.
    ///
    /// It accepts all forms of [`ModelUri`]: `models:/name/3`, `models:/name@alias`,
    /// `models:/name/latest`, `models:/name/Production`, `models:/m-...` and `runs:/...`. A path
    /// may follow.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such model, version or run.
    /// - [`ErrorKind::InvalidInput`] if the text is not such an address, or there is no such alias.
    pub fn resolve(&self, uri: &str) -> Result<ResolvedModel> {
        let parsed: Result<ModelUri> = uri.parse();
        let ModelUri { target, path } = self.engine().located(parsed)?;
        self.engine().with_index(|index, _| {
            let (owner, location, version) = match &target {
                ModelTarget::Run(run) => {
                    index.run_info(*run)?.ok_or_else(|| missing(&target))?;
                    (ArtifactOwner::Run(*run), target.to_string(), None)
                }
                ModelTarget::LoggedModel(model) => {
                    index.logged_model_lifecycle(*model)?.ok_or_else(|| missing(&target))?;
                    (ArtifactOwner::LoggedModel(*model), target.to_string(), None)
                }
                _ => {
                    let info = version_of(index, self, &target)?;
                    let (model, version) = (info.model, info.version);
                    let owner = ArtifactOwner::ModelVersion { model, version };
                    (owner, info.location.clone(), Some(info))
                }
            };
            Ok(ResolvedModel { owner, path: path.clone(), location, version })
        })
    }
}

fn missing(target: &ModelTarget) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {target} in this file"))
}

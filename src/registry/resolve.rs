//! Where an address of a model leads.

use crate::entity::model_uri::{ModelTarget, ModelUri};
use crate::entity::{ArtifactOwner, ModelVersionInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::Registry;
use crate::registry::new_version::version_of;

/// What an address of a model leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedModel {
    /// What holds the files in this file: of a version its own pinned ones.
    pub owner: ArtifactOwner,
    /// What is meant of these; empty for all of it.
    pub path: String,
    /// Where the model's files come from, without the path: an address of this file that names no
    /// registered model, or whatever the version's source was.
    pub location: String,
    /// The version, if one was named.
    pub version: Option<ModelVersionInfo>,
}

impl Registry {
    /// Where an address leads, of any form that [`ModelUri`] reads: `models:/name/3`,
    /// `models:/name@alias`, `models:/name/latest`, `models:/name/Production`, `models:/m-...` or
    /// `runs:/...`, each with a path behind it or without.
    ///
    /// Any other text is [`ErrorKind::InvalidInput`], and so is an alias that is not there
    /// (MLflow's rule); a model, version or run that is not there is [`ErrorKind::NotFound`].
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

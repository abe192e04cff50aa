//! Versions whose files are not complete yet, and the check of what completes them.

use crate::entity::id::Timestamp;
use crate::entity::signature::Signature;
use crate::entity::{ArtifactOwner, ModelVersionStatus, RegistryMode};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::ModelVersionCreated;
use crate::index::{Index, VersionChoice};

/// How many of the latest versions are compared with a new one.
const COMPARED_MAX: usize = 8;

/// Returns the pending version that an earlier call with the same values created since a time, if
/// it has no files yet.
pub(crate) fn pending_like(
    index: &Index,
    new: &ModelVersionCreated,
    since: Timestamp,
) -> Result<Option<u64>> {
    for version in (1..new.version).rev().take(COMPARED_MAX) {
        let found = index.model_version(new.model, VersionChoice::Number(version))?;
        let Some(info) = found else { continue };
        let owner = ArtifactOwner::ModelVersion { model: new.model, version };
        let is_same = info.status == ModelVersionStatus::PendingRegistration
            && info.created >= since
            && (&info.source, &info.user) == (&new.source, &new.user)
            && (&info.run, &info.logged_model) == (&new.run, &new.logged_model)
            && info.description == new.description
            && info.tags == new.tags.iter().cloned().collect()
            && info.digest.is_none()
            && index.artifacts_within(&owner, "")?.is_empty();
        if is_same {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// Fails if the file has catalogs and the signature is not complete.
pub(crate) fn check_signature(index: &Index, signature: Option<&str>) -> Result<()> {
    if index.registry_mode()? == RegistryMode::Plain {
        return Ok(());
    }
    match signature.map(Signature::parse).transpose()? {
        Some(signature) if signature.is_complete() => Ok(()),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            "with catalogs a version needs a signature with inputs and outputs",
        )),
    }
}

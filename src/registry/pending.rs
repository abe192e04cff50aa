//! Versions whose files are not complete yet.

use crate::entity::id::Timestamp;
use crate::entity::{ArtifactOwner, ModelVersionStatus};
use crate::error::Result;
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

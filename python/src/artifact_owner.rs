//! The owner that an address of artifacts names.

use pyo3::prelude::*;
use tracklite::artifact::ArtifactOwner;

/// Splits a path below an artifact root, such as `3/RUN/artifacts/a.txt`.
///
/// Returns the kind of the owner (`run`, `model` or `version`), its id, the number of the version
/// or 0, and the path below the owner. Returns None if the path names no owner.
#[pyfunction]
pub(crate) fn artifact_owner(path: &str) -> Option<(&'static str, String, u64, String)> {
    let (owner, inner) = ArtifactOwner::split(path)?;
    Some(match owner {
        ArtifactOwner::Run(id) => ("run", id.to_string(), 0, inner),
        ArtifactOwner::LoggedModel(id) => ("model", id.to_string(), 0, inner),
        ArtifactOwner::ModelVersion { model, version } => {
            ("version", format!("{:032x}", model.to_bits()), version, inner)
        }
        _ => return None,
    })
}

//! The pinned files of a model version: a copy of its source's files at the time of creation.
//!
//! The version owns these files, and they share the stored chunks. So they stay unchanged if the
//! run or logged model changes or is deleted. `verify` checks them against the digest in the
//! version's record.

use crate::entity::{ArtifactOwner, ContentHash};
use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk::digest_of_files;
use crate::format::record::{ArtifactReferenced, ArtifactsWritten, Record, WrittenFile};
use crate::index::{Artifact, Index};

/// The origin of a version's files: an owner in this file and a path below it. The empty path means
/// all files.
pub(crate) type FileOrigin = (ArtifactOwner, String);

/// Returns the records that copy the files of an origin to `to`, and their digest.
///
/// References are copied but are not part of the digest, because files outside the database cannot
/// be pinned. Without a file in the database there is no digest.
pub(crate) fn pin_files(
    index: &Index,
    (owner, path): &FileOrigin,
    to: ArtifactOwner,
    time: i64,
) -> Result<(Vec<Record>, Option<[u8; 32]>)> {
    let (mut files, mut records) = (Vec::new(), Vec::new());
    for (path, artifact) in found(index, owner, path)? {
        match artifact.info.uri {
            Some(uri) => {
                let (size, digest) = (artifact.info.size, artifact.info.digest);
                let reference = ArtifactReferenced { owner: to, time, path, uri, size, digest };
                records.push(reference.into());
            }
            None => files.push(written(path, artifact)?),
        }
    }
    if files.is_empty() {
        return Ok((records, None));
    }
    let digest = digest_of_files(&files);
    records.insert(0, ArtifactsWritten { owner: to, time, files }.into());
    Ok((records, Some(digest)))
}

/// Returns the digest that pins the files which an owner has now. Without a file in the database
/// there is none.
pub(crate) fn digest_now(index: &Index, owner: &ArtifactOwner) -> Result<Option<[u8; 32]>> {
    let all = index.artifacts_within(owner, "")?.into_iter();
    let stored = all.filter(|artifact| artifact.info.uri.is_none());
    let files = stored.map(|artifact| written(artifact.info.path.clone(), artifact));
    let files: Vec<WrittenFile> = files.collect::<Result<_>>()?;
    Ok((!files.is_empty()).then(|| digest_of_files(&files)))
}

/// Returns the files at a path, each with its path below it. For a single file, that is its name.
fn found(index: &Index, owner: &ArtifactOwner, path: &str) -> Result<Vec<(String, Artifact)>> {
    if let Some(artifact) = index.artifact(owner, path)? {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        return Ok(vec![(name.to_owned(), artifact)]);
    }
    let within = index.artifacts_within(owner, path)?.into_iter();
    let below = |artifact: Artifact| {
        let rest = artifact.info.path.strip_prefix(path).unwrap_or(&artifact.info.path);
        (rest.trim_start_matches('/').to_owned(), artifact)
    };
    Ok(within.map(below).collect())
}

fn written(path: String, artifact: Artifact) -> Result<WrittenFile> {
    let digest = artifact.info.digest.as_deref().and_then(ContentHash::from_hex);
    let (Some(size), Some(digest)) = (artifact.info.size, digest) else {
        let message = format!("the index has no size or digest of the file {path:?}");
        return Err(Error::new(ErrorKind::Index, message));
    };
    let (media_type, content) = (artifact.info.media_type, artifact.content);
    Ok(WrittenFile { path, size, digest, media_type, content })
}

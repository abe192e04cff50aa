//! Files that a request names: the artifacts of an owner, and a path among them.

use axum::http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use tracklite::artifact::{ArtifactOwner, Artifacts, check_path};
use tracklite::{Database, Error, ErrorKind};

use crate::failure::{Failure, Outcome};
use crate::transfer::Incoming;

/// A file or folder among the artifacts of an owner.
pub(crate) struct Target {
    pub(crate) artifacts: Artifacts,
    /// The path below the owner. It is empty for all files.
    pub(crate) path: String,
}

impl Target {
    /// Returns a target of an owner that exists. The path may be empty.
    pub(crate) fn of(database: &Database, owner: ArtifactOwner, path: &str) -> Outcome<Target> {
        if !path.is_empty() {
            check(path)?;
        }
        if let ArtifactOwner::LoggedModel(id) = owner {
            database.logged_model(id)?;
        }
        Ok(Target { artifacts: database.artifacts_of(owner)?, path: path.to_owned() })
    }

    /// Returns the target of a path below an artifact root, such as `3/RUN/artifacts/a.txt`.
    pub(crate) fn at(database: &Database, path: &str) -> Outcome<Target> {
        match ArtifactOwner::split(path) {
            Some((owner, path)) => Target::of(database, owner, &path),
            None => {
                check(path)?;
                Err(Failure::missing(format!(
                    "{path:?} is not a path of artifacts: expected EXPERIMENT/RUN/artifacts/..., \
                     EXPERIMENT/models/MODEL/artifacts/... or versions/MODEL/VERSION/..."
                )))
            }
        }
    }

    /// Refuses the empty path.
    pub(crate) fn file(self) -> Outcome<Target> {
        if self.path.is_empty() { Err(invalid("it names a folder")) } else { Ok(self) }
    }

    /// Returns whether the path is a folder. The root always is.
    pub(crate) fn is_folder(&self) -> Outcome<bool> {
        Ok(self.path.is_empty() || !self.artifacts.list(&self.path)?.is_empty())
    }

    /// Deletes a file, or a folder with all its files.
    pub(crate) fn delete(&self) -> Outcome<()> {
        if !self.path.is_empty() {
            return Ok(self.artifacts.delete(&self.path)?);
        }
        for entry in self.artifacts.list("")? {
            self.artifacts.delete(&entry.path)?;
        }
        Ok(())
    }

    /// Stores the body of a request. The file appears when the body is complete.
    pub(crate) fn store(&self, body: Incoming, only_new: bool) -> Outcome<()> {
        let upload = self.artifacts.upload().only_new(only_new);
        let stored = match body {
            Incoming::Whole(bytes) => upload.bytes(&bytes, &self.path),
            Incoming::Pieces(pieces) => upload.reader(pieces, &self.path),
        };
        stored.map_err(stored_failure)
    }
}

/// Returns the failure of an upload. A conflict with a `gc` has nothing to do with the request, so
/// that the client should send it again.
pub(crate) fn stored_failure(error: Error) -> Failure {
    let is_conflict = error.kind() == ErrorKind::Conflict;
    let failure = Failure::from(error);
    if is_conflict {
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE");
        return Failure::new(status, code, failure.message);
    }
    failure
}

/// Checks the path of an artifact.
fn check(path: &str) -> Outcome<()> {
    check_path(path).map_err(|error| invalid(&error.to_string()))
}

fn invalid(reason: &str) -> Failure {
    Failure::invalid(format!("Invalid path: {reason}"))
}

/// Returns what follows `prefix` in the path of an address, decoded once.
pub(crate) fn tail(uri: &Uri, prefix: &str) -> Outcome<String> {
    let (_, rest) = uri.path().split_once(prefix).unwrap_or_default();
    let decoded = percent_decode_str(rest).decode_utf8();
    let decoded = decoded.map_err(|_| invalid("it is not valid UTF-8"))?;
    Ok(decoded.into_owned())
}

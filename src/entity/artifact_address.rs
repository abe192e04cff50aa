//! Addresses of artifacts below an artifact root, as in MLflow's artifact URIs.

use crate::entity::artifact::ArtifactOwner;
use crate::entity::id::{LoggedModelId, RegisteredModelId, RunId};

impl ArtifactOwner {
    /// Splits a path below an artifact root into the owner and the path below the owner.
    ///
    /// The forms are `EXPERIMENT/RUN/artifacts/...`, `EXPERIMENT/models/MODEL/artifacts/...` and
    /// `versions/REGISTERED_MODEL/VERSION/...`. The experiment may be missing. Returns `None` for
    /// other paths. Neither part of the result is checked for existence.
    ///
    /// ```
    /// use tracklite::{RunId, artifact::ArtifactOwner};
    ///
    /// let run = RunId::from_bits(7);
    /// let found = ArtifactOwner::split(&format!("3/{run}/artifacts/model/weights.bin"));
    /// assert_eq!(found, Some((ArtifactOwner::Run(run), "model/weights.bin".to_owned())));
    /// assert_eq!(ArtifactOwner::split("3/notes.txt"), None);
    /// ```
    #[must_use]
    pub fn split(path: &str) -> Option<(ArtifactOwner, String)> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if let ["versions", model, version, inner @ ..] = &parts[..] {
            let model = RegisteredModelId::from_bits(run_id(model)?.to_bits());
            let version = number(version)?;
            return Some((ArtifactOwner::ModelVersion { model, version }, inner.join("/")));
        }
        let parts = match &parts[..] {
            [first, rest @ ..] if number(first).is_some() && run_id(first).is_none() => rest,
            all => all,
        };
        match parts {
            ["models", model, "artifacts", inner @ ..] => {
                let id = model.parse::<LoggedModelId>().ok().filter(|id| id.to_string() == *model);
                Some((ArtifactOwner::LoggedModel(id?), inner.join("/")))
            }
            [run, "artifacts", inner @ ..] => {
                Some((ArtifactOwner::Run(run_id(run)?), inner.join("/")))
            }
            _ => None,
        }
    }
}

/// Parses an id in its only form: 32 lower-case digits.
fn run_id(text: &str) -> Option<RunId> {
    text.parse::<RunId>().ok().filter(|id| id.to_string() == text)
}

fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_owner() {
        let id = "0123456789abcdef0123456789abcdef";
        let run = ArtifactOwner::Run(RunId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        let model = RegisteredModelId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let logged = ArtifactOwner::LoggedModel(LoggedModelId::from_bits(model.to_bits()));
        let version = ArtifactOwner::ModelVersion { model, version: 12 };
        for (path, owner, inner) in [
            (format!("3/{id}/artifacts"), run, ""),
            (format!("/3/{id}/artifacts/"), run, ""),
            (format!("{id}/artifacts/a//b"), run, "a/b"),
            (format!("0/models/m-{id}/artifacts/a"), logged, "a"),
            (format!("models/m-{id}/artifacts"), logged, ""),
            (format!("versions/{id}/12/a/b"), version, "a/b"),
        ] {
            assert_eq!(ArtifactOwner::split(&path), Some((owner, inner.to_owned())), "{path}");
        }
    }

    #[test]
    fn digits_alone_can_be_a_run() {
        let run = "1".repeat(32);
        let found = ArtifactOwner::split(&format!("{run}/artifacts/a"));
        assert_eq!(found.map(|(owner, _)| owner), Some(ArtifactOwner::Run(run.parse().unwrap())));
    }

    #[test]
    fn other_paths_have_no_owner() {
        let id = "0123456789abcdef0123456789abcdef";
        for path in [
            String::new(),
            "3".to_owned(),
            format!("3/{id}"),
            format!("3/{}/artifacts", id.to_uppercase()),
            format!("x/{id}/artifacts"),
            format!("3/4/{id}/artifacts"),
            format!("models/{id}/artifacts"),
            format!("versions/{id}/x"),
            format!("versions/{id}/+1"),
            format!("versions/{id}"),
            "3/models/m-1/artifacts".to_owned(),
        ] {
            assert_eq!(ArtifactOwner::split(&path), None, "{path}");
        }
    }
}

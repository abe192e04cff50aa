//! The registration of a version: created pending, filled by the Files API, then finalized.
//!
//! A client that dies leaves its version pending. Such a version stays visible with its status and
//! can be deleted like any other. Its number is not used again.

use tracklite::Timestamp;
use tracklite::registry::{ModelVersion, ModelVersionInfo, ModelVersionStatus};

use super::mlmodel::signature_of;
use crate::call::Call;
use crate::failure::Outcome;
use crate::mlflow::{queries, sources};
use crate::webhooks::events;

/// A repeated request within this time creates no second version. The clients repeat a request
/// after a dropped connection.
const REPEATED_MILLIS: i64 = 120_000;

/// The arguments of a caller about a new version.
pub(super) struct New<'a> {
    pub(super) name: &'a str,
    pub(super) source: &'a str,
    pub(super) run: Option<&'a str>,
    pub(super) description: Option<&'a str>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) model: Option<&'a str>,
}

/// Creates a pending version.
pub(super) fn create(call: &Call, new: New<'_>) -> Outcome<ModelVersionInfo> {
    let model = call.registry().model(new.name)?;
    let since = Timestamp::from_millis(Timestamp::now().as_millis() - REPEATED_MILLIS)?;
    let mut builder = model.new_version(new.source).files_follow().reuse_pending_since(since);
    if let Some(files) = sources::files_at(call, new.source) {
        builder = builder.files_at(files);
    }
    if let Some(run) = new.run {
        builder = builder.run(run);
    }
    // A logged model of another file has no meaning here.
    let logged = new.model.and_then(|model| queries::logged_model_id(model).ok());
    let logged = logged.filter(|id| call.database().logged_model(*id).is_ok());
    if let Some(id) = logged {
        builder = builder.logged_model(id);
    }
    if let Some(description) = new.description {
        builder = builder.description(description);
    }
    for (key, value) in new.tags {
        builder = builder.tag(&key, value);
    }
    Ok(builder.create()?.info()?)
}

/// The file that clients write beside a model they download, and upload again with it. It names
/// the version from which it came, so it would be wrong in another one.
const META: &str = "registered_model_meta";

/// Pins the files of a version and makes it ready.
///
/// Webhooks report it now, because only now somebody can load it, and a repeated creation is none.
pub(super) fn finalize(call: &Call, version: &ModelVersion) -> Outcome<ModelVersionInfo> {
    let is_pending = version.info()?.status == ModelVersionStatus::PendingRegistration;
    if is_pending && version.artifacts().info(META).is_ok() {
        version.artifacts().delete(META)?;
    }
    version.finalize(signature_of(version))?;
    let info = version.info()?;
    if is_pending {
        events::version_created(call, &info);
    }
    Ok(info)
}

/// When the right to read or write the files of a version ends, in milliseconds. The token of the
/// caller decides, so this is only far enough away.
pub(super) fn expiration() -> i64 {
    const HOUR: i64 = 3_600_000;
    Timestamp::now().as_millis() + HOUR
}

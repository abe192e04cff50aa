//! Following the aliases of served models.

use crate::endpoint::Endpoints;
use crate::endpoint::change::{begin, check_user, next_number, record, save};
use crate::entity::id::Timestamp;
use crate::entity::{EndpointConfig, EndpointInfo, EndpointState, ModelVersionStatus};
use crate::error::Result;
use crate::index::{Index, VersionChoice};

impl Endpoints {
    /// Begins an update of each endpoint of which a followed alias has moved, and returns those.
    ///
    /// An endpoint whose update is pending is left as it is, and so is one whose last update failed
    /// with the same versions. An alias that was deleted, or leads to a version whose files are not
    /// complete, keeps its version.
    ///
    /// # Performance
    ///
    /// Reads all endpoints, and one version for each followed alias. Without a moved alias, nothing
    /// is written.
    pub fn follow(&self) -> Result<Vec<EndpointInfo>> {
        let user = self.user();
        self.engine().located(check_user(&user))?;
        self.change(|index| {
            let (mut records, mut changed) = (Vec::new(), Vec::new());
            for mut info in index.endpoints()? {
                let Some(config) = moved(index, &info.state, &user)? else { continue };
                begin(&mut info.state, config);
                save(&mut info, &user)?;
                records.push(record(&info));
                changed.push(info);
            }
            Ok((records, changed))
        })
    }
}

/// Returns the active configuration with the versions to which its aliases point now, if one of
/// them has moved.
fn moved(index: &Index, state: &EndpointState, user: &str) -> Result<Option<EndpointConfig>> {
    let Some(active) = state.active().filter(|_| state.pending.is_none()) else { return Ok(None) };
    let mut config = active.clone();
    for entity in &mut config.entities {
        let Some(alias) = &entity.alias else { continue };
        let found = index.model_version(entity.model, VersionChoice::Alias(alias))?;
        let found = found.filter(|info| info.status == ModelVersionStatus::Ready);
        entity.version = found.map_or(entity.version, |info| info.version);
    }
    let is_known = |known: &EndpointConfig| known.serves_like(&config);
    if is_known(active) || state.newest().is_some_and(is_known) {
        return Ok(None);
    }
    config.number = next_number(state);
    config.author = user.to_owned();
    config.time = Timestamp::now_nanos();
    config.is_followed = true;
    Ok(Some(config))
}

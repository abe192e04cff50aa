//! Endpoints: names under which a server answers requests with models of the registry.

pub(crate) mod change;
pub(crate) mod follow;
pub(crate) mod requests;
pub(crate) mod settings;
pub(crate) mod spec;

use std::fmt;

use crate::database::Database;
use crate::engine::Engine;
use crate::entity::EndpointChange;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::user::user_name;

pub use crate::endpoint::requests::EndpointRequests;
pub use crate::endpoint::settings::EndpointSettings;
pub use crate::endpoint::spec::{EndpointSpec, ServedModel};
pub use crate::entity::{
    EndpointCapture, EndpointConfig, EndpointGrant, EndpointId, EndpointInfo, EndpointLevel,
    EndpointLimits, EndpointPrincipal, EndpointRateLimit, EndpointRoute, EndpointSize,
    EndpointState, RateScope, ServedEntity, ServingLane,
};

/// A handle of the endpoints of a file, which is cheap to clone. See [`Database::endpoints`].
///
/// The file states what to serve. A server serves it, and several servers may serve the same file.
///
/// A change makes a configuration with the next number, which is pending. A server that has loaded
/// its models calls [`Endpoints::end_update`]. Then it is active, and it stays active while the
/// next one is pending. A failed update leaves the active configuration as it is.
///
/// Each change is synced before the call returns. Changes of different processes are made one after
/// the other.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::endpoint::{EndpointSpec, ServedModel};
///
/// let churn = database.registry().create_model("churn")?;
/// let first = churn.new_version("s3://models/churn/1").create()?;
/// churn.set_alias("champion", first.version())?;
///
/// let endpoints = database.endpoints();
/// let spec = EndpointSpec::new().serve(ServedModel::alias("churn", "champion"));
/// let endpoint = endpoints.create("churn-predictor", &spec)?;
/// assert_eq!(endpoint.state.pending, Some(1));
/// // A server has loaded the model.
/// let endpoint = endpoints.end_update("churn-predictor", 1, Ok(()))?;
/// assert_eq!(endpoint.state.active, Some(1));
///
/// let second = churn.new_version("s3://models/churn/2").create()?;
/// churn.set_alias("champion", second.version())?;
/// let followed = endpoints.follow()?;
/// let pending = followed[0].state.pending().expect("the alias has moved");
/// assert_eq!((pending.number, pending.entities[0].version), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Endpoints {
    database: Database,
    user: Option<String>,
}

impl Database {
    /// Returns the endpoints of the file.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        Endpoints { database: self.clone(), user: None }
    }
}

impl Endpoints {
    /// Returns the same endpoints, acting for a user other than that of the process.
    #[must_use]
    pub fn acting_for(&self, user: &str) -> Endpoints {
        Endpoints { database: self.database.clone(), user: Some(user.to_owned()) }
    }

    /// Returns all endpoints, ordered by name.
    pub fn list(&self) -> Result<Vec<EndpointInfo>> {
        self.engine().with_index(|index, _| index.endpoints())
    }

    /// Returns the endpoint with this name.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such endpoint.
    pub fn get(&self, name: &str) -> Result<EndpointInfo> {
        let found = self.engine().with_index(|index, _| index.endpoint_change(name))?;
        existing(name, found).map_err(|error| self.engine().locate(error))
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.database.engine()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the user for whom the changes are made.
    pub(crate) fn user(&self) -> String {
        self.user.clone().unwrap_or_else(user_name)
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoints").field(&self.database.path()).finish()
    }
}

/// Returns the endpoint that the last change has left.
pub(crate) fn existing(name: &str, last: Option<EndpointChange>) -> Result<EndpointInfo> {
    match last {
        Some(EndpointChange::Saved(info)) => Ok(*info),
        _ => {
            let message = format!("Endpoint with name '{name}' does not exist.");
            Err(Error::new(ErrorKind::NotFound, message))
        }
    }
}

//! What all requests share: the file, the settings, and the counters.

use tracklite::Database;

use crate::access::Access;
use crate::folders::Folders;
use crate::handles::Handles;
use crate::locations::Locations;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::origin::Names;
use crate::pool::Pool;
use crate::webhooks::queue::Webhooks;

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) options: Options,
    pub(crate) access: Access,
    pub(crate) names: Names,
    pub(crate) metrics: Metrics,
    pub(crate) handles: Handles,
    pub(crate) locations: Locations,
    pub(crate) folders: Folders,
    pub(crate) pool: Pool,
    pub(crate) webhooks: Webhooks,
    /// The address of this server, such as `http://127.0.0.1:5000`.
    pub(crate) url: String,
    /// The number that Databricks's clients take for the id of the workspace.
    pub(crate) workspace: String,
}

//! The expected state of endpoints.

use std::collections::BTreeMap;

use tracklite::Database;
use tracklite::endpoint::EndpointInfo;

/// An endpoint, which may be deleted.
#[derive(Clone, Debug, Default)]
pub struct ModelEndpoint {
    /// The endpoint after its last change, if it was not deleted since.
    pub saved: Option<EndpointInfo>,
    /// The revision of its last change.
    pub revision: u64,
}

/// Panics unless exactly these endpoints exist, ordered by name.
pub(crate) fn compare_endpoints(database: &Database, wanted: &BTreeMap<String, ModelEndpoint>) {
    let found = database.endpoints().list().expect("list the endpoints");
    let wanted: Vec<&EndpointInfo> =
        wanted.values().filter_map(|known| known.saved.as_ref()).collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), wanted);
    for endpoint in wanted {
        let found = database.endpoints().get(&endpoint.name).expect("find the endpoint");
        assert_eq!(&found, endpoint);
    }
}

//! The records of endpoints in the golden file, and their expected effect.

use tracklite::endpoint::{
    EndpointConfig, EndpointId, EndpointInfo, EndpointLimits, EndpointState,
};
use tracklite::internals::record::*;
use tracklite::internals::storage::{FaultPlan, MemoryFile};

use super::writer::TIME;
use crate::support::{self, Opening};

/// The state of the endpoint that is kept, as JSON.
const STATE: &str = r#"{"description":"who leaves","tags":{"team":"growth"},"configs":[{"number":3,
"author":"ada","time":5,"is_followed":true,"entities":[{"name":"churn-Champion",
"model":"00000000000000000000000000000007","model_name":"ml.churn","version":4,"alias":"Champion",
"size":"Medium","scale_to_zero":true}],"routes":[{"entity":"churn-Champion","percent":100}],
"limits":{"timeout_ms":60000,"waiting":64,"workers":2}}],"active":3,
"pending":null,"failure":"no"}"#;

fn state() -> EndpointState {
    serde_json::from_str(STATE).unwrap()
}

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let saved = |name: &str, author: &str, revision, state| EndpointSaved {
        endpoint: EndpointId::from_bits(0xe0 + u128::from(revision == 2)),
        name: name.to_owned(),
        creator: "ada".to_owned(),
        created: TIME,
        author: author.to_owned(),
        revision,
        state,
        time: TIME + 9,
    };
    let deleted = EndpointDeleted {
        name: "deleted".to_owned(),
        author: "bob".to_owned(),
        revision: 2,
        time: TIME + 10,
    };
    let empty = EndpointState::default;
    vec![
        vec![saved("kept", "ada", 1, empty()).into(), saved("deleted", "ada", 1, empty()).into()],
        vec![saved("kept", "bob", 2, state()).into(), deleted.into()],
    ]
}

/// Reads and checks the endpoints through the public API.
pub fn check(file: &MemoryFile) {
    let (database, _) = support::open(file, &Opening::write(), &FaultPlan::new());
    let database = database.unwrap();
    let endpoints = database.endpoints().list().unwrap();
    let [info] = &endpoints[..] else { panic!("{endpoints:?}") };
    let EndpointInfo { name, creator, author, revision, .. } = info;
    assert_eq!((name.as_str(), creator.as_str(), author.as_str()), ("kept", "ada", "bob"));
    assert_eq!((*revision, info.id), (2, EndpointId::from_bits(0xe1)));
    assert_eq!((info.created.as_nanos(), info.updated.as_nanos()), (TIME, TIME + 9));
    assert_eq!(info.state, state());
    let EndpointConfig { entities, limits, .. } = info.state.active().unwrap();
    assert_eq!((entities[0].version, entities[0].model.to_bits()), (4, 7));
    assert_eq!(*limits, EndpointLimits { workers: 2, ..EndpointLimits::default() });
    assert_eq!(&database.endpoints().get("kept").unwrap(), info);
}

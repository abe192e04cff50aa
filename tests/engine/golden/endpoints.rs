//! The records of endpoints in the golden file, and their expected effect.

use std::collections::BTreeMap;

use tracklite::Database;
use tracklite::RegisteredModelId;
use tracklite::endpoint::{
    EndpointConfig, EndpointId, EndpointInfo, EndpointLevel, EndpointLimits, EndpointRoute,
    EndpointSize, EndpointState,
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

/// The state of the endpoint whose record has version 1.
const STATE_1: &str = r#"{"description":null,"tags":{},"configs":[{"number":1,
"author":"ada","time":5,"is_followed":false,"entities":[{"name":"a",
"model":"00000000000000000000000000000007","model_name":"ml.churn","version":4,"alias":null,
"size":"Small","scale_to_zero":true,"is_shadow":false,"environment":{"REGION":"eu"},
"lane":"Exact"},{"name":"b","model":"00000000000000000000000000000007","model_name":"ml.churn",
"version":5,"alias":null,"size":"Large","scale_to_zero":false,"is_shadow":true,"environment":{},
"lane":"Auto"}],"routes":[{"entity":"a","percent":100}],"limits":{"timeout_ms":1,"waiting":2,
"workers":3,"idle_ms":4,"held":5}}],"active":1,"pending":null,"failure":null,
"grants":[{"principal":{"User":"bob"},"level":"Query"},{"principal":{"Group":"users"},
"level":"View"},{"principal":{"Service":"etl"},"level":"Manage"}],
"rate_limits":[{"calls":100,"scope":"Endpoint"},{"calls":7,"scope":"EachUser"},
{"calls":8,"scope":{"User":"bob"}}],"capture":{"catalog":"ml","schema":"live","prefix":"churn",
"is_enabled":true,"percent":50,"is_durable":true,"is_legacy":false}}"#;

fn state(text: &str) -> EndpointState {
    serde_json::from_str(text).unwrap()
}

/// Returns the same state as version 0 of the record has it.
fn state_0() -> EndpointStateV0 {
    let entity = ServedEntityV0 {
        name: "churn-Champion".to_owned(),
        model: RegisteredModelId::from_bits(7),
        model_name: "ml.churn".to_owned(),
        version: 4,
        alias: Some("Champion".to_owned()),
        size: EndpointSize::Medium,
        scale_to_zero: true,
    };
    let config = EndpointConfigV0 {
        number: 3,
        author: "ada".to_owned(),
        time: 5,
        is_followed: true,
        entities: vec![entity],
        routes: vec![EndpointRoute { entity: "churn-Champion".to_owned(), percent: 100 }],
        limits: (60_000, 64, 2),
    };
    EndpointStateV0 {
        description: Some("who leaves".to_owned()),
        tags: BTreeMap::from([("team".to_owned(), "growth".to_owned())]),
        configs: vec![config],
        active: Some(3),
        pending: None,
        failure: Some("no".to_owned()),
    }
}

/// Returns the frames in order.
pub fn frames() -> Vec<Vec<Record>> {
    let saved = |name: &str, author: &str, revision, state| EndpointSavedV0 {
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
    let empty = EndpointStateV0::default;
    vec![
        vec![saved("kept", "ada", 1, empty()).into(), saved("deleted", "ada", 1, empty()).into()],
        vec![saved("kept", "bob", 2, state_0()).into(), deleted.into()],
    ]
}

/// Returns the records of version 1.
pub fn of_version_1() -> Vec<Record> {
    let saved = EndpointSaved {
        endpoint: EndpointId::from_bits(0xe2),
        name: "later".to_owned(),
        creator: "ada".to_owned(),
        created: TIME,
        author: "bob".to_owned(),
        revision: 1,
        state: state(STATE_1),
        time: TIME + 9,
    };
    vec![saved.into()]
}

/// Checks the endpoint whose record has version 1.
pub fn check_version_1(database: &Database) {
    let info = database.endpoints().get("later").unwrap();
    assert_eq!(info.state, state(STATE_1));
    assert!(info.allows("bob", EndpointLevel::Query) && info.allows("eve", EndpointLevel::View));
    assert!(!info.allows("eve", EndpointLevel::Query) && info.allows("etl", EndpointLevel::Manage));
    assert_eq!(database.endpoints().list().unwrap().len(), 2);
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
    assert_eq!(info.state, state(STATE));
    let EndpointConfig { entities, limits, .. } = info.state.active().unwrap();
    assert_eq!((entities[0].version, entities[0].model.to_bits()), (4, 7));
    assert_eq!(*limits, EndpointLimits { workers: 2, ..EndpointLimits::default() });
    assert_eq!(&database.endpoints().get("kept").unwrap(), info);
}

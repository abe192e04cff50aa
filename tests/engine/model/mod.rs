//! Random sequences of calls compared with a plain model. The contents must agree in live
//! processes, after reopening, after deleting the index, after kills and power cuts, for readers,
//! in backups and after a vacuum.
//!
//! `TRACKLITE_MODEL_CASES` sets the number of sequences, `TRACKLITE_MODEL_CALLS` their maximum
//! length.

mod calls;
mod copies;
mod crashes;
mod difference;
mod found;
mod plain;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use self::calls::{Call, call};
use self::world::World;

/// This many sequences take about 20 seconds.
const CASES: u32 = 300;
const CALLS_MAX: usize = 60;

/// Makes the calls one by one. Compares after each `Compare` and at the end.
fn play(calls: &[Call]) -> Result<(), String> {
    let mut world = World::new();
    for (at, call) in calls.iter().enumerate() {
        world.make(call).map_err(|error| format!("call {at}, {call:?}: {error}"))?;
    }
    world.compare_everywhere().map_err(|error| format!("at the end: {error}"))
}

#[test]
fn random_calls_agree_with_the_plain_model() {
    let cases = crate::setting("TRACKLITE_MODEL_CASES").map_or(CASES, |cases| cases as u32);
    let calls = crate::setting("TRACKLITE_MODEL_CALLS").map_or(CALLS_MAX, |calls| calls as usize);
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    let strategy = prop::collection::vec(call(), 1..=calls);
    let outcome =
        TestRunner::new(config).run(&strategy, |calls| play(&calls).map_err(TestCaseError::fail));
    if let Err(error) = outcome {
        panic!("{error}\n(add the sequence as a test to tests/engine/model/found.rs)");
    }
}

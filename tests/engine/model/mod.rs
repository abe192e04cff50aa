//! Random sequences of calls against a plain model: the same answers live, after reopening, after
//! the index was deleted, after kills and power cuts, for readers, in backups and after a vacuum.
//!
//! `TRACKLITE_MODEL_CASES` sets how many sequences are tried, `TRACKLITE_MODEL_CALLS` how long
//! they are at most.

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

/// So many sequences take about 20 seconds.
const CASES: u32 = 300;
const CALLS_MAX: usize = 60;

/// Makes the calls one by one and compares all answers after each that asks for it, and at last.
fn play(calls: &[Call]) -> Result<(), String> {
    let mut world = World::new();
    for (at, call) in calls.iter().enumerate() {
        world.make(call).map_err(|error| format!("call {at}, {call:?}: {error}"))?;
    }
    world.compare_everywhere().map_err(|error| format!("at last: {error}"))
}

#[test]
fn random_calls_get_the_answers_of_the_plain_model() {
    let cases = crate::setting("TRACKLITE_MODEL_CASES").map_or(CASES, |it| it as u32);
    let calls = crate::setting("TRACKLITE_MODEL_CALLS").map_or(CALLS_MAX, |it| it as usize);
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    let strategy = prop::collection::vec(call(), 1..=calls);
    let outcome =
        TestRunner::new(config).run(&strategy, |calls| play(&calls).map_err(TestCaseError::fail));
    if let Err(error) = outcome {
        panic!(
            "{error}\n(what is found becomes a test of its own, in tests/engine/model/found.rs)"
        );
    }
}

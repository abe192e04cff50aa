//! Bugs found by random sequences, each as the shortest sequence that shows it.

use super::calls::Call;
use super::play;

/// The process that makes most calls, and the other one.
const ONE: bool = false;
const OTHER: bool = true;

/// The second experiment of a file, after the default one.
const CREATED: u8 = 1;

/// Creates, deletes and purges an experiment, makes some calls, and creates another one.
fn create_after_gc(between: &[Call], creator: bool) {
    let before = [
        Call::CreateExperiment(ONE, 0),
        Call::DeleteExperiment(ONE, CREATED),
        Call::Gc(ONE),
        Call::Compare(ONE),
    ];
    let after = [Call::CreateExperiment(creator, 1), Call::Compare(creator)];
    let calls: Vec<Call> = before.iter().chain(between).chain(&after).cloned().collect();
    play(&calls).unwrap_or_else(|error| panic!("{between:?}: {error}"));
}

/// Once, the next experiment got the id of a purged one, and its runs counted as deleted.
#[test]
fn the_id_of_a_purged_experiment_is_not_reused() {
    for creator in [ONE, OTHER] {
        create_after_gc(&[], creator);
        create_after_gc(&[Call::Close(ONE)], creator);
        create_after_gc(&[Call::Reboot], creator);
        create_after_gc(&[Call::Vacuum], creator);
        create_after_gc(&[Call::DeleteIndex, Call::Kill(ONE)], creator);
    }
}

//! What random sequences have found, each as the shortest sequence that shows it.

use super::calls::Call;
use super::play;

/// The process in which most happens, and another one.
const ONE: bool = false;
const OTHER: bool = true;

/// The second experiment of a file: the first is the default one.
const CREATED: u8 = 1;

/// An experiment is created, deleted and purged; then something happens, and another is created.
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

/// The id of a purged experiment was given to the next one, whose runs then passed for deleted.
#[test]
fn the_id_of_a_purged_experiment_is_not_given_out_again() {
    for creator in [ONE, OTHER] {
        create_after_gc(&[], creator);
        create_after_gc(&[Call::Close(ONE)], creator);
        create_after_gc(&[Call::Reboot], creator);
        create_after_gc(&[Call::Vacuum], creator);
        create_after_gc(&[Call::DeleteIndex, Call::Kill(ONE)], creator);
    }
}

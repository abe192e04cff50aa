//! Two or more simulated processes at once, deterministically: only who has the baton runs.
//!
//! Each call of a simulated storage is a point where the baton may change hands; who gets it is
//! drawn from a seed. So a failing interleaving can be had again from its seed.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::random::Random;
use crate::mutant;

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

struct Place {
    baton: Arc<Baton>,
    runner: usize,
}

struct Baton {
    turn: Mutex<Turn>,
    /// One for each runner, so that only the next one wakes.
    wakers: Vec<Condvar>,
}

struct Turn {
    holder: usize,
    running: Vec<usize>,
    /// How many more calls the holder makes before the baton may change hands.
    patience: usize,
    random: Random,
}

impl Baton {
    fn wait_for_turn(&self, runner: usize) {
        let mut turn = self.turn.lock();
        while turn.holder != runner {
            self.wakers[runner].wait(&mut turn);
        }
    }

    /// Hands the baton on: to anybody, or to anybody else.
    fn hand_on(&self, runner: usize, may_keep: bool) {
        let mut turn = self.turn.lock();
        if may_keep && turn.patience > 0 {
            turn.patience -= 1;
            return;
        }
        // Bursts of very different lengths: some changes need much to happen in between.
        turn.patience = (1 << turn.random.below(8)) - 1;
        let mut candidates = turn.running.clone();
        if !may_keep && candidates.len() > 1 {
            candidates.retain(|&candidate| candidate != runner);
        }
        let next = *turn.random.pick(&candidates);
        if next == runner {
            return;
        }
        turn.holder = next;
        self.wakers[next].notify_one();
        while turn.holder != runner {
            self.wakers[runner].wait(&mut turn);
        }
    }

    fn leave(&self, runner: usize) {
        let mut turn = self.turn.lock();
        turn.running.retain(|&other| other != runner);
        if turn.running.is_empty() {
            return;
        }
        let candidates = turn.running.clone();
        turn.holder = *turn.random.pick(&candidates);
        self.wakers[turn.holder].notify_one();
    }
}

/// Leaves when its runner ends, also by a panic, so that the others go on.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(place) = PLACE.take() {
            place.baton.leave(place.runner);
        }
    }
}

/// Runs the jobs in threads of their own, one at a time, changing at calls of simulated storages.
///
/// The mutant of the calling thread is on in all of them. Gives what the jobs gave, in order; a
/// job that panics makes this call panic when all have ended.
pub fn run_together<T: Send>(seed: u64, jobs: Vec<Box<dyn FnOnce() -> T + Send + '_>>) -> Vec<T> {
    if jobs.is_empty() {
        return Vec::new();
    }
    let mut random = Random::new(seed);
    let holder = random.below(jobs.len());
    let running = (0..jobs.len()).collect();
    let wakers = jobs.iter().map(|_| Condvar::new()).collect();
    let baton =
        Arc::new(Baton { turn: Mutex::new(Turn { holder, running, patience: 0, random }), wakers });
    let mutant = mutant::active_mutant();
    std::thread::scope(|scope| {
        let threads: Vec<_> = jobs
            .into_iter()
            .enumerate()
            .map(|(runner, job)| {
                let baton = Arc::clone(&baton);
                scope.spawn(move || {
                    PLACE.set(Some(Place { baton: Arc::clone(&baton), runner }));
                    let _leave = Leave;
                    baton.wait_for_turn(runner);
                    mutant::with_mutant(mutant, job)
                })
            })
            .collect();
        let results: Vec<_> =
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        results
            .into_iter()
            .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Lets another runner go on, perhaps; outside of [`run_together`] nothing happens.
pub(super) fn yield_point() {
    change_hands(true);
}

/// Lets another runner go on if there is one; false when this thread runs alone.
pub(super) fn give_way() -> bool {
    change_hands(false)
}

fn change_hands(may_keep: bool) -> bool {
    PLACE.with_borrow(|place| match place {
        Some(place) => {
            place.baton.hand_on(place.runner, may_keep);
            place.baton.turn.lock().running.len() > 1
        }
        None => false,
    })
}

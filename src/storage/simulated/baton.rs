//! Deterministic interleaving of simulated processes: only the holder of the baton runs.
//!
//! Each call of a simulated storage may pass the baton on. A seed determines the next holder, so a
//! failing interleaving can be repeated from its seed.

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
    /// One per runner, so that only the next one wakes.
    wakers: Vec<Condvar>,
}

struct Turn {
    holder: usize,
    running: Vec<usize>,
    /// The number of calls the holder may still make before it may have to pass the baton.
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

    /// Passes the baton to any runner. Without `may_keep`, it must be another one.
    fn pass_on(&self, runner: usize, may_keep: bool) {
        let mut turn = self.turn.lock();
        if may_keep && turn.patience > 0 {
            turn.patience -= 1;
            return;
        }
        // Bursts differ widely in length, because some bugs need many calls in between.
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

/// A guard that removes its runner on exit or panic, so that the others continue.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(place) = PLACE.take() {
            place.baton.leave(place.runner);
        }
    }
}

/// Runs each job in a thread, one at a time. They switch at calls of simulated storages.
///
/// The mutant of the calling thread is on in all of them. Returns the results in the order of the
/// jobs.
///
/// # Panics
///
/// If a job panics, after all jobs have ended.
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

/// Lets another runner continue, at random. Does nothing outside of [`run_together`].
pub(super) fn yield_point() {
    change_hands(true);
}

/// Lets another runner continue, if there is one. Returns false if this thread runs alone.
pub(super) fn give_way() -> bool {
    change_hands(false)
}

fn change_hands(may_keep: bool) -> bool {
    PLACE.with_borrow(|place| match place {
        Some(place) => {
            place.baton.pass_on(place.runner, may_keep);
            place.baton.turn.lock().running.len() > 1
        }
        None => false,
    })
}

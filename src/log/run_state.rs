//! What a process keeps of the runs that it has in hand: enough to check what it writes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::entity::Lifecycle;
use crate::entity::id::ExperimentId;

/// Whether a run takes writes, for the append path: readable without a lock.
#[derive(Debug)]
pub(crate) struct RunGate(AtomicBool);

impl RunGate {
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A run that this process has a handle of: enough to check what it writes.
#[derive(Clone, Debug)]
pub(crate) struct RunState {
    pub(crate) experiment: ExperimentId,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) purged: bool,
    pub(crate) gate: Arc<RunGate>,
    /// How many handles there are.
    pub(crate) handles: usize,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) tags: BTreeSet<String>,
}

impl RunState {
    /// A run in hand, for its first handle.
    pub(crate) fn new(experiment: ExperimentId, lifecycle: Lifecycle) -> Self {
        RunState {
            experiment,
            lifecycle,
            purged: false,
            gate: Arc::new(RunGate(AtomicBool::new(lifecycle == Lifecycle::Active))),
            handles: 1,
            params: BTreeMap::new(),
            tags: BTreeSet::new(),
        }
    }

    /// What the run is now; its gate follows.
    pub(super) fn set_lifecycle(&mut self, lifecycle: Lifecycle) {
        self.lifecycle = lifecycle;
        self.gate.0.store(lifecycle == Lifecycle::Active && !self.purged, Ordering::Relaxed);
    }
}

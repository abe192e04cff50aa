//! The state that a process keeps of its open runs, to check what it writes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::entity::Lifecycle;
use crate::entity::id::ExperimentId;

/// Whether a run accepts writes. The append path reads it without a lock.
#[derive(Debug)]
pub(crate) struct RunGate(AtomicBool);

impl RunGate {
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A run that this process has a handle of.
#[derive(Clone, Debug)]
pub(crate) struct RunState {
    pub(crate) experiment: ExperimentId,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) purged: bool,
    pub(crate) gate: Arc<RunGate>,
    /// The number of handles.
    pub(crate) handles: usize,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) tags: BTreeSet<String>,
}

impl RunState {
    /// Creates the state of a run with one handle.
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

    /// Sets the lifecycle, and opens or closes the gate.
    pub(super) fn set_lifecycle(&mut self, lifecycle: Lifecycle) {
        self.lifecycle = lifecycle;
        self.gate.0.store(lifecycle == Lifecycle::Active && !self.purged, Ordering::Relaxed);
    }
}

//! How the workers of a served model run.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use tracklite::endpoint::{EndpointLimits, EndpointSize, ServedEntity, ServingLane};

/// How many workers a pool has, how many requests wait, and how the workers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) workers: usize,
    /// How many requests may wait for a worker.
    pub(crate) waiting: usize,
    /// How many requests may wait while no worker is running.
    pub(crate) held: usize,
    /// After which time without a request workers end.
    pub(crate) idle: Option<Duration>,
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether the workers run in an environment with the requirements of the version.
    pub(crate) has_own_environment: bool,
    pub(crate) lane: ServingLane,
}

impl Shape {
    pub(crate) fn new(limits: EndpointLimits, entity: &ServedEntity) -> Shape {
        let idle = Duration::from_millis(u64::from(limits.idle_ms));
        Shape {
            workers: workers(limits, entity.size),
            waiting: limits.waiting as usize,
            held: limits.held as usize,
            idle: entity.scale_to_zero.then_some(idle),
            environment: entity.environment.clone(),
            has_own_environment: entity.has_own_environment(),
            lane: entity.lane,
        }
    }
}

/// Returns the number of workers of a served model.
fn workers(limits: EndpointLimits, size: EndpointSize) -> usize {
    if limits.workers > 0 {
        return limits.workers as usize;
    }
    let cores = available_parallelism().map_or(1, NonZero::get);
    let most = match size {
        EndpointSize::Medium => 4,
        EndpointSize::Large => 16,
        _ => 2,
    };
    cores.min(most)
}

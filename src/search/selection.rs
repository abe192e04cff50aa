//! Parsed searches, as columns and the index evaluate them.

use super::query::{Filter, Order};
use super::registry::{
    ModelVersionNumber, ModelVersionText, RegisteredModelNumber, RegisteredModelText,
};
use super::runs::{RunFilter, RunOrder};
use crate::entity::id::ExperimentId;
use crate::entity::{ArtifactPlaces, Lifecycle};

/// A search of runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunSelection<'a> {
    /// The experiments, sorted and without duplicates. `None` means all.
    pub(crate) experiments: Option<&'a [ExperimentId]>,
    /// The lifecycle of the runs. `None` means any.
    pub(crate) lifecycle: Option<Lifecycle>,
    /// The conditions.
    pub(crate) filter: &'a RunFilter,
    /// The order.
    pub(crate) order: &'a RunOrder,
    /// The addresses of artifacts.
    pub(crate) places: &'a ArtifactPlaces,
    /// The number of runs to skip.
    pub(crate) offset: u64,
    /// The maximum number of runs.
    pub(crate) limit: u64,
}

/// A search of the registry.
#[derive(Debug)]
pub(crate) struct Selection<'a, N, T> {
    /// The conditions.
    pub(crate) filter: &'a Filter<N, T>,
    /// The order.
    pub(crate) order: &'a Order<N, T>,
    /// The number of results to skip.
    pub(crate) offset: u64,
    /// The maximum number of results.
    pub(crate) limit: usize,
}

/// A search of registered models.
pub(crate) type ModelSelection<'a> = Selection<'a, RegisteredModelNumber, RegisteredModelText>;
/// A search of model versions.
pub(crate) type VersionSelection<'a> = Selection<'a, ModelVersionNumber, ModelVersionText>;

//! Statistics that need points, computed while a search waits for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::columns::{Computed, RunColumns, SummaryKeys, SummaryPlace};
use crate::database::Database;
use crate::engine::Engine;
use crate::entity::MetricHistory;
use crate::entity::id::RunId;
use crate::error::Result;
use crate::search::PointSummary;

/// How often a search is repeated with more statistics: for its filter and order, for its results,
/// and for what was logged meanwhile.
const REPEATS_MAX: usize = 4;

/// The statistics that were computed for one search, and those that it lacks.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    known: BTreeMap<SummaryPlace, Computed>,
    missing: BTreeSet<SummaryPlace>,
}

impl Summaries {
    /// Sets the statistics of these rows, and notes those that are missing.
    ///
    /// A statistic that was computed since the search began is new enough, also if points were
    /// added.
    pub(crate) fn fill(&mut self, columns: &mut RunColumns, keys: &SummaryKeys, rows: &[u32]) {
        for place in columns.missing_summaries(keys, rows) {
            match self.known.get(&place) {
                Some(computed) => columns.set_summary(place, *computed),
                None => {
                    self.missing.insert(place);
                }
            }
        }
    }

    /// Computes what is missing. Reads each history once.
    fn compute(&mut self, engine: &Engine) -> Result<()> {
        let mut points = MetricHistory::default();
        let mut read: Option<(RunId, String)> = None;
        for place in std::mem::take(&mut self.missing) {
            if read.as_ref().is_none_or(|(run, key)| *run != place.run || *key != place.key) {
                engine.read_history(place.run, &place.key, &mut points)?;
                read = Some((place.run, place.key.clone()));
            }
            let summary = PointSummary::compute(place.statistic, &points);
            let computed = Computed { points: points.len() as u64, summary };
            self.known.insert(place, computed);
        }
        Ok(())
    }
}

impl Database {
    /// Repeats a question until it lacks no statistic that is computed from points.
    pub(crate) fn with_summaries<T>(
        &self,
        mut ask: impl FnMut(&mut Summaries) -> Result<T>,
    ) -> Result<T> {
        let mut summaries = Summaries::default();
        for _ in 0..REPEATS_MAX {
            let answer = ask(&mut summaries)?;
            if summaries.missing.is_empty() {
                return Ok(answer);
            }
            summaries.compute(self.engine())?;
        }
        ask(&mut summaries)
    }
}

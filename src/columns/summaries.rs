//! Columns of numbers that need all points of a metric: a value at a step, the best smoothed value.

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::MetricGoal;
use crate::entity::id::RunId;
use crate::search::{MetricStatistic, PointSummary};

use super::column::Column;

/// The statistics of metrics that a search needs and that are computed from points.
pub(crate) type SummaryKeys = BTreeSet<(MetricStatistic, String)>;

/// A statistic of a metric of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SummaryPlace {
    pub(crate) run: RunId,
    pub(crate) key: String,
    pub(crate) statistic: MetricStatistic,
}

/// A statistic that was computed from this number of points.
///
/// Points are never changed, so the result holds as long as the metric has this many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Computed {
    pub(crate) points: u64,
    pub(crate) summary: PointSummary,
}

/// The computed statistics by row.
#[derive(Debug, Default)]
pub(crate) struct SummaryColumns(BTreeMap<(MetricStatistic, String), Column<Computed>>);

impl SummaryColumns {
    pub(super) fn get(&self, row: u32, statistic: MetricStatistic, key: &str) -> Option<&Computed> {
        // The map is small: it has the fields of searches, not the metrics of runs.
        let mut columns = self.0.iter();
        let (_, column) = columns.find(|(known, _)| known.0 == statistic && known.1 == key)?;
        column.get(row)
    }

    /// Returns a computed statistic for this goal.
    pub(super) fn value(
        &self,
        row: u32,
        (statistic, key): (MetricStatistic, &str),
        goal: MetricGoal,
    ) -> Option<f64> {
        self.get(row, statistic, key)?.summary.of(goal)
    }

    pub(super) fn set(&mut self, row: u32, place: SummaryPlace, computed: Computed) {
        self.0.entry((place.statistic, place.key)).or_default().set(row, computed);
    }
}

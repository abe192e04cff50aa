//! Columns of statistics: count, extremes and sum of all points of a metric by run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use crate::entity::MetricStatistics;
use crate::entity::id::RunId;

use super::column::Column;
use super::keys::KeySet;

/// The statistics of sealed points, and apart from them those of live points.
///
/// Both are added up when they are read, because live points are counted again for each query.
#[derive(Debug, Default)]
pub(crate) struct StatisticColumns {
    sealed: BTreeMap<String, Column<MetricStatistics>>,
    live: BTreeMap<String, Column<MetricStatistics>>,
    /// Runs whose points were sealed or moved since their statistics were read.
    stale: BTreeSet<RunId>,
}

type Rows = HashMap<RunId, u32, FixedState>;

impl StatisticColumns {
    /// Returns the statistics of a metric of a row.
    pub(crate) fn get(&self, row: u32, key: &str) -> Option<MetricStatistics> {
        let of = |columns: &BTreeMap<String, Column<MetricStatistics>>| {
            columns.get(key).and_then(|column| column.get(row)).copied()
        };
        match (of(&self.sealed), of(&self.live)) {
            (Some(sealed), Some(live)) => Some(sealed.with(live)),
            (sealed, live) => sealed.or(live),
        }
    }

    /// Forgets the statistics of runs that changed.
    pub(super) fn forget(&mut self, changed: &[RunId], rows: &Rows) {
        if self.sealed.is_empty() {
            return;
        }
        for row in changed.iter().filter_map(|run| rows.get(run)) {
            self.sealed.values_mut().for_each(|column| column.remove(*row));
        }
        self.stale.extend(changed);
    }

    /// Returns the keys to read, each with the runs for which they are missing. `None` means all.
    pub(super) fn missing(&mut self, keys: &KeySet) -> Vec<(String, Option<Vec<RunId>>)> {
        let stale: Vec<RunId> = std::mem::take(&mut self.stale).into_iter().collect();
        let is_new = |key: &&String| !self.sealed.contains_key(*key);
        let new: Vec<_> = keys.iter().filter(is_new).map(|key| (key.clone(), None)).collect();
        let known = self.sealed.keys().filter(|_| !stale.is_empty());
        let known = known.map(|key| (key.clone(), Some(stale.clone())));
        known.chain(new).collect()
    }

    pub(super) fn set(
        &mut self,
        key: &str,
        found: impl IntoIterator<Item = (RunId, MetricStatistics)>,
        rows: &Rows,
    ) {
        set_all(self.sealed.entry(key.to_owned()).or_default(), found, rows);
    }

    pub(super) fn set_live<'k>(
        &mut self,
        live: impl IntoIterator<Item = (RunId, &'k str, MetricStatistics)>,
        rows: &Rows,
    ) {
        let mut by_key = BTreeMap::<&str, Vec<_>>::new();
        for (run, key, statistics) in live {
            by_key.entry(key).or_default().push((run, statistics));
        }
        self.live.clear();
        for (key, found) in by_key {
            set_all(self.live.entry(key.to_owned()).or_default(), found, rows);
        }
    }
}

/// Sets the statistics of runs. Several parts of a run are added up.
fn set_all(
    column: &mut Column<MetricStatistics>,
    found: impl IntoIterator<Item = (RunId, MetricStatistics)>,
    rows: &Rows,
) {
    let mut by_row = BTreeMap::<u32, MetricStatistics>::new();
    for (run, statistics) in found {
        if let Some(row) = rows.get(&run) {
            let sum = by_row.get(row).map_or(statistics, |known| known.with(statistics));
            by_row.insert(*row, sum);
        }
    }
    by_row.into_iter().for_each(|(row, statistics)| column.set(row, statistics));
}

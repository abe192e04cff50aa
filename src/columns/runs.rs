//! The columns of runs.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{Lifecycle, MetricGoals, MetricPoint, MetricStatistics, RunRecord};
use crate::error::Result;
use crate::index::{Index, RunRows, TextTable};
use crate::search::PointSummary;

use super::changes::Changes;
use super::column::{Column, TextColumn};
use super::growth::push;
use super::keys::{KeySet, Keys};
use super::statistics::StatisticColumns;
use super::summaries::{Computed, SummaryColumns, SummaryKeys, SummaryPlace};

/// The fields needed by the default filter and order, stored compactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) id: RunId,
    pub(super) experiment: ExperimentId,
    pub(super) started: i64,
    pub(super) is_active: bool,
}

impl Head {
    fn of(run: &RunRecord) -> Self {
        Head {
            id: run.info.id,
            experiment: run.info.experiment,
            started: run.info.started.as_nanos(),
            is_active: run.info.lifecycle == Lifecycle::Active,
        }
    }
}

/// Runs by column. Each row is a run, and rows are in the order in which the runs started.
#[derive(Debug, Default)]
pub(crate) struct RunColumns {
    /// The index's number of each row, ascending.
    pub(super) numbers: Vec<i64>,
    pub(super) heads: Vec<Head>,
    /// The runs with inputs and outputs, but without the values held in columns.
    pub(super) runs: Vec<RunRecord>,
    pub(super) rows: HashMap<RunId, u32, FixedState>,
    /// The loaded columns. A key that no run has is included, but has no column.
    pub(super) keys: Keys,
    pub(super) metrics: BTreeMap<String, Column<MetricPoint>>,
    pub(super) params: BTreeMap<String, TextColumn>,
    pub(super) tags: BTreeMap<String, TextColumn>,
    pub(super) statistics: StatisticColumns,
    pub(super) summaries: SummaryColumns,
    /// The goals of metrics, as of the last load of statistics.
    pub(super) goals: MetricGoals,
}

impl RunColumns {
    /// Reads all runs, or only those with the given ids.
    pub(crate) fn read(index: &Index, only: Option<&[RunId]>, keys: &Keys) -> Result<Self> {
        let mut columns = RunColumns::default();
        index.read_rows(only, |rows| {
            columns.read_runs(rows)?;
            columns.read_values(rows, keys)
        })?;
        columns.keys = keys.of_index();
        Ok(columns)
    }

    /// Returns the number of runs.
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Returns the keys of the loaded columns.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(crate) fn row(&self, run: RunId) -> Option<u32> {
        self.rows.get(&run).copied()
    }

    /// Returns the rows of these runs. Unknown runs are left out.
    pub(crate) fn rows_of(&self, runs: &[RunId]) -> Vec<u32> {
        runs.iter().filter_map(|run| self.row(*run)).collect()
    }

    /// Returns the run of a row, with its inputs and outputs.
    pub(crate) fn run(&self, row: u32) -> &RunRecord {
        &self.runs[row as usize]
    }

    /// Updates all columns from the index.
    pub(super) fn follow(&mut self, index: &Index, changes: Changes) -> Result<()> {
        let Some(changed) = changes.runs(index, |experiment| self.runs_of(experiment))? else {
            *self = RunColumns::read(index, None, &self.keys)?;
            return Ok(());
        };
        if changed.is_empty() {
            return Ok(());
        }
        self.statistics.forget(&changed, &self.rows);
        for tag in self.tags.values_mut() {
            // Only tags can be deleted.
            changed.iter().filter_map(|run| self.rows.get(run)).for_each(|row| tag.remove(*row));
        }
        let keys = self.keys.clone();
        index.read_rows(Some(&changed), |rows| {
            self.read_runs(rows)?;
            self.read_values(rows, &keys)
        })
    }

    /// Loads columns that are missing.
    pub(super) fn load(&mut self, index: &Index, keys: &Keys) -> Result<()> {
        let missing = keys.without(&self.keys).of_index();
        index.read_rows(None, |rows| self.read_values(rows, &missing))?;
        self.keys.add(&missing);
        Ok(())
    }

    /// Adds points that are not sealed yet.
    pub(crate) fn add_live<'k>(
        &mut self,
        live: impl IntoIterator<Item = (RunId, &'k str, MetricPoint)>,
    ) {
        for (run, key, point) in live {
            let is_wanted = match &self.keys.metrics {
                KeySet::All => true,
                KeySet::Some(keys) => keys.contains(key),
            };
            if let Some(row) = self.row(run)
                && is_wanted
            {
                change_column(&mut self.metrics, key, |column| column.keep_latest(row, point));
            }
        }
    }

    fn runs_of(&self, experiment: ExperimentId) -> Vec<RunId> {
        let of = self.heads.iter().filter(|head| head.experiment == experiment);
        of.map(|head| head.id).collect()
    }

    /// Reads runs. New ones are appended.
    fn read_runs(&mut self, rows: &RunRows<'_>) -> Result<()> {
        for (number, run) in rows.runs()? {
            match self.numbers.binary_search(&number) {
                Ok(at) => {
                    self.heads[at] = Head::of(&run);
                    self.runs[at] = run;
                }
                // A missing number below the last one belonged to a purged run. Numbers are not
                // reused.
                Err(at) if at < self.numbers.len() => {}
                Err(at) => {
                    self.rows.insert(run.info.id, at as u32);
                    push(&mut self.numbers, number);
                    push(&mut self.heads, Head::of(&run));
                    push(&mut self.runs, run);
                }
            }
        }
        Ok(())
    }

    fn read_values(&mut self, rows: &RunRows<'_>, keys: &Keys) -> Result<()> {
        let numbers = &self.numbers;
        for key in keys.metrics.questions() {
            let mut at = RowFinder { numbers, last: 0 };
            rows.each_metric(key, |run, key, point| {
                if let Some(row) = at.row(run) {
                    change_column(&mut self.metrics, key, |column| column.keep_latest(row, point));
                }
            })?;
        }
        let params = (TextTable::Params, &keys.params, &mut self.params);
        let tags = (TextTable::Tags, &keys.tags, &mut self.tags);
        for (table, keys, columns) in [params, tags] {
            for key in keys.questions() {
                let mut at = RowFinder { numbers, last: 0 };
                rows.each_text(table, key, |run, key, text| {
                    if let Some(row) = at.row(run) {
                        change_column(columns, key, |column| column.set(row, text));
                    }
                })?;
            }
        }
        Ok(())
    }
}

impl RunColumns {
    /// Returns the columns of metrics by key.
    pub(crate) fn metrics(&self) -> &BTreeMap<String, Column<MetricPoint>> {
        &self.metrics
    }

    /// Sets the statistics of sealed points that are missing, and those of all live points.
    /// `sealed` returns them for a key and some runs, or all runs.
    pub(crate) fn load_statistics<'k>(
        &mut self,
        keys: &KeySet,
        mut sealed: impl FnMut(&str, Option<&[RunId]>) -> Result<Vec<(RunId, MetricStatistics)>>,
        live: impl IntoIterator<Item = (RunId, &'k str, MetricStatistics)>,
        goals: MetricGoals,
    ) -> Result<()> {
        self.goals = goals;
        for (key, runs) in self.statistics.missing(keys) {
            let found = sealed(&key, runs.as_deref())?;
            self.statistics.set(&key, found, &self.rows);
        }
        self.statistics.set_live(live, &self.rows);
        let added = Keys { statistics: keys.clone(), ..Keys::default() };
        self.keys.add(&added);
        Ok(())
    }

    /// Returns which of these statistics of these rows need points that were not read. Sets those
    /// that follow from other statistics. The statistics of these metrics must be loaded.
    pub(crate) fn missing_summaries(
        &mut self,
        keys: &SummaryKeys,
        rows: &[u32],
    ) -> Vec<SummaryPlace> {
        let mut missing = Vec::new();
        for (statistic, key) in keys {
            for row in rows {
                let Some(known) = self.statistics.get(*row, key) else { continue };
                let computed = self.summaries.get(*row, *statistic, key);
                if computed.is_some_and(|computed| computed.points == known.count) {
                    continue;
                }
                let (run, key) = (self.run(*row).info.id, key.clone());
                let place = SummaryPlace { run, key, statistic: *statistic };
                match PointSummary::of_statistics(*statistic, &known) {
                    Some(summary) => {
                        self.summaries.set(*row, place, Computed { points: known.count, summary });
                    }
                    None => missing.push(place),
                }
            }
        }
        missing
    }

    /// Sets a statistic that was computed from points.
    pub(crate) fn set_summary(&mut self, place: SummaryPlace, computed: Computed) {
        if let Some(row) = self.row(place.run) {
            self.summaries.set(row, place, computed);
        }
    }

    pub(crate) fn params(&self) -> &BTreeMap<String, TextColumn> {
        &self.params
    }

    pub(crate) fn tags(&self) -> &BTreeMap<String, TextColumn> {
        &self.tags
    }
}

/// Finds the row of an index number. O(1) if it is the same as the last one or the next.
struct RowFinder<'a> {
    numbers: &'a [i64],
    last: usize,
}

impl RowFinder<'_> {
    fn row(&mut self, number: i64) -> Option<u32> {
        let near = (self.last..self.last + 2).find(|at| self.numbers.get(*at) == Some(&number));
        self.last = match near {
            Some(at) => at,
            None => self.numbers.binary_search(&number).ok()?,
        };
        Some(self.last as u32)
    }
}

/// Changes the column of a key, and creates it if necessary.
fn change_column<C: Default>(
    columns: &mut BTreeMap<String, C>,
    key: &str,
    change: impl FnOnce(&mut C),
) {
    match columns.get_mut(key) {
        Some(column) => change(column),
        None => change(columns.entry(key.to_owned()).or_default()),
    }
}

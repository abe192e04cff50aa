//! Groups of runs with equal values, and the keys of runs.

use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, LargeStringArray};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tracklite::groups::{GroupColumn, RunGroup, RunGroups, Spread};

use crate::convert::text_list;
use crate::database::Database;
use crate::entity::{Entity as _, Fields, Object, to_list};
use crate::search::RunQuery;
use crate::table::{self, Table};

#[pymethods]
impl Database {
    /// Returns all keys of the runs that a search finds: params, then metrics, then tags.
    ///
    /// They are `KeySummary`, each kind by key. The arguments are those of `search_runs`.
    ///
    /// >>> for rate in (0.1, 0.01):
    /// ...     run = experiment.start_run(params={"rate": rate})
    /// >>> key = database.run_keys()[0]
    /// >>> key.key, key.runs, key.distinct, key.range
    /// ('rate', 2, 2, (0.01, 0.1))
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active",
                        max_results=None))]
    fn run_keys<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
    ) -> PyResult<Bound<'py, PyList>> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let search = query.search(py)?;
        to_list(py, &self.handle.call(py, |database| database.run_keys(&search))?)
    }

    /// Returns the params by which repetitions of a configuration are grouped.
    ///
    /// They are those that differ between the runs that a search finds, without seeds, as fields
    /// such as "params.rate".
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active",
                        max_results=None))]
    fn params_but_seeds(
        &self,
        py: Python<'_>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
    ) -> PyResult<Vec<String>> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let search = query.search(py)?;
        self.handle.call(py, |database| database.params_but_seeds(&search))
    }

    /// Groups all runs that a search finds by the values of `keys`, and summarises `columns`.
    ///
    /// Both are columns of `runs_table`. Without `keys`, groups by `params_but_seeds`. Every run of
    /// a group counts, never a sample. The answer is a sequence of `RunGroup`, and a table of them.
    ///
    /// >>> for rate, seed, loss in [(0.1, 0, 1.0), (0.1, 1, 3.0), (0.2, 0, 5.0)]:
    /// ...     with experiment.start_run(params={"rate": rate, "seed": seed}) as run:
    /// ...         run.log_metric("loss", loss)
    /// >>> found = database.group_runs("metrics.loss > 0", columns="metrics.loss",
    /// ...                             order_by="metrics.loss")
    /// >>> [(group.values, group.columns["metrics.loss"].mean) for group in found]
    /// [({'params.rate': '0.1'}, 2.0), ({'params.rate': '0.2'}, 5.0)]
    /// >>> found.to_table().columns[:4]
    /// ['params.rate', 'runs', 'metrics.loss.mean', 'metrics.loss.deviation']
    #[pyo3(signature = (filter="", *, keys=None, columns=None, order_by=None, experiments=None,
                        view="active", max_results=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn group_runs<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        keys: Option<&Bound<'_, PyAny>>,
        columns: Option<&Bound<'_, PyAny>>,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
    ) -> PyResult<Object<'py>> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let search = query.search(py)?;
        let keys = keys.map(text_list).transpose()?;
        let columns = columns.map(text_list).transpose()?.unwrap_or_default();
        let found = self.handle.call(py, |database| {
            let keys = keys.map_or_else(|| database.params_but_seeds(&search), Ok)?;
            database.group_runs(&search, &keys, &columns)
        })?;
        groups_object(py, &found, &columns)
    }
}

fn groups_object<'py>(
    py: Python<'py>,
    found: &RunGroups,
    columns: &[String],
) -> PyResult<Object<'py>> {
    let groups = found.groups.iter().map(|group| group_object(py, &found.keys, group, columns));
    let groups = groups.collect::<PyResult<Vec<_>>>()?;
    let fields = Fields::new(py).add(groups).add(table_of_groups(found, columns)?);
    fields.add(&found.keys).build("RunGroups")
}

fn group_object<'py>(
    py: Python<'py>,
    keys: &[String],
    group: &RunGroup,
    columns: &[String],
) -> PyResult<Object<'py>> {
    let (values, summaries) = (PyDict::new(py), PyDict::new(py));
    for (key, value) in keys.iter().zip(&group.values) {
        values.set_item(key, value)?;
    }
    for (name, summary) in columns.iter().zip(&group.columns) {
        match summary {
            GroupColumn::Numbers(spread) => summaries.set_item(name, spread.to_python(py)?)?,
            GroupColumn::Text(text) => summaries.set_item(name, text)?,
            // The crate may gain a kind before this list does.
            _ => {}
        }
    }
    let runs: Vec<String> = group.runs.iter().map(ToString::to_string).collect();
    Fields::new(py).add(values).add(runs).add(summaries).build("RunGroup")
}

fn table_of_groups(found: &RunGroups, columns: &[String]) -> PyResult<Table> {
    let groups = &found.groups;
    let mut table: Vec<(String, table::Column)> = Vec::new();
    for (place, key) in found.keys.iter().enumerate() {
        let values = groups.iter().map(|group| group.values.get(place)?.as_deref());
        table.push((key.clone(), Arc::new(LargeStringArray::from_iter(values))));
    }
    let sizes = groups.iter().map(|group| group.runs.len());
    table.push(("runs".to_owned(), integers(sizes)));
    for (place, name) in columns.iter().enumerate() {
        let summaries = groups.iter().map(|group| group.columns.get(place));
        let summaries: Vec<&GroupColumn> = summaries.flatten().collect();
        let first = summaries.first();
        match first.map_or_else(|| is_of_numbers(name), |first| spread(first).is_some()) {
            true => table.extend(number_columns(name, &summaries)),
            false => {
                let texts = summaries.into_iter().map(text);
                table.push((name.clone(), Arc::new(LargeStringArray::from_iter(texts))));
            }
        }
    }
    Table::new(table)
}

/// Returns whether a column has numbers, where no group shows it: a metric, or a statistic of one.
fn is_of_numbers(name: &str) -> bool {
    name.split_once('.').is_some_and(|(kind, _)| kind != "params" && kind != "tags")
}

/// Returns the columns of a spread. The numbers of a group without values are missing.
fn number_columns(name: &str, summaries: &[&GroupColumn]) -> Vec<(String, table::Column)> {
    type Part = (&'static str, fn(&Spread) -> f64);
    const PARTS: [Part; 4] = [
        ("mean", |spread| spread.mean),
        ("deviation", |spread| spread.deviation),
        ("min", |spread| spread.min),
        ("max", |spread| spread.max),
    ];
    let column = |(part, of): Part| -> (String, table::Column) {
        let numbers = summaries
            .iter()
            .map(|summary| spread(summary).filter(|spread| spread.count > 0).map(of));
        (format!("{name}.{part}"), Arc::new(Float64Array::from_iter(numbers)))
    };
    let mut columns = Vec::from(PARTS.map(column));
    let counts = summaries.iter().map(|summary| spread(summary).map_or(0, |spread| spread.count));
    columns.push((format!("{name}.count"), integers(counts)));
    columns
}

fn spread(summary: &GroupColumn) -> Option<&Spread> {
    match summary {
        GroupColumn::Numbers(spread) => Some(spread),
        _ => None,
    }
}

fn text(summary: &GroupColumn) -> Option<&str> {
    match summary {
        GroupColumn::Text(text) => text.as_deref(),
        _ => None,
    }
}

fn integers(counts: impl Iterator<Item = usize>) -> table::Column {
    // A count of memory fits.
    let counts = counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
    Arc::new(Int64Array::from_iter_values(counts))
}

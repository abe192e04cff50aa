//! Tables of runs, their histories, params, tags and datasets, and of lineage.

use pyo3::prelude::*;

use crate::convert::{run_ids, text_list};
use crate::database::Database;
use crate::lineage;
use crate::search::RunQuery;
use crate::table::Table;

#[pymethods]
impl Database {
    /// Searches runs, and returns a table with a row for each run found.
    ///
    /// The arguments are those of `search_runs`. `columns` are names such as "run_id",
    /// "metrics.loss" or "params.*", None for the default ones.
    ///
    /// >>> run.log_metric("loss", 0.25)
    /// >>> found = database.runs_table("metrics.loss < 0.5", order_by="metrics.loss DESC")
    /// >>> found["metrics.loss"]
    /// [0.25]
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active",
                        max_results=None, columns=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn runs_table(
        &self,
        py: Python<'_>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Table> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let mut search = query.search(py)?;
        if let Some(columns) = columns {
            search = search.columns(text_list(columns)?);
        }
        Table::from_engine(self.handle.call(py, |database| database.runs_table(&search))?)
    }

    /// Compares runs. Returns a row for each run, and only the columns that differ.
    fn comparison_table(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Table> {
        let runs = run_ids(runs)?;
        Table::from_engine(self.handle.call(py, |database| database.comparison_table(&runs))?)
    }

    /// Returns all points of these metrics of these runs: `run_id, key, step, timestamp, value`.
    ///
    /// `keys` are metrics, None for all. With `wide`, returns a row for each step and a column for
    /// each key.
    ///
    /// >>> run.log({"loss": 0.5, "accuracy": 0.75}, step=0)
    /// >>> database.history_table(run, wide=True).columns
    /// ['run_id', 'step', 'timestamp', 'accuracy', 'loss']
    #[pyo3(signature = (runs, keys=None, *, wide=false))]
    fn history_table(
        &self,
        py: Python<'_>,
        runs: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        wide: bool,
    ) -> PyResult<Table> {
        let runs = run_ids(runs)?;
        let keys = keys.map(text_list).transpose()?.unwrap_or_default();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let table = self.handle.call(py, |database| match wide {
            true => database.wide_history_table(&runs, &keys),
            false => database.history_table(&runs, &keys),
        })?;
        Table::from_engine(table)
    }

    /// Returns the params of these runs: `run_id, key, value`.
    fn params_table(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Table> {
        let runs = run_ids(runs)?;
        Table::from_engine(self.handle.call(py, |database| database.params_table(&runs))?)
    }

    /// Returns the tags of these runs: `run_id, key, value`.
    fn tags_table(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Table> {
        let runs = run_ids(runs)?;
        Table::from_engine(self.handle.call(py, |database| database.tags_table(&runs))?)
    }

    /// Returns the input datasets of these runs.
    fn datasets_table(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Table> {
        let runs = run_ids(runs)?;
        Table::from_engine(self.handle.call(py, |database| database.datasets_table(&runs))?)
    }

    /// Returns the edges of `lineage`: `from_kind, from, from_name, kind, to_kind, to, to_name`.
    #[pyo3(signature = (node, *, direction="both"))]
    fn lineage_table(
        &self,
        py: Python<'_>,
        node: &Bound<'_, PyAny>,
        direction: &str,
    ) -> PyResult<Table> {
        let (node, direction) = (lineage::node(node)?, lineage::direction(py, direction)?);
        let table = self.handle.call(py, |database| database.lineage_table(&node, direction))?;
        Table::from_engine(table)
    }
}

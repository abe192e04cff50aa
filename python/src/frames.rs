//! What a database, a run's metric and a lineage tell as tables.

use polars::prelude::{
    Column as FrameColumn, DataFrame, Int64Chunked, IntoColumn as _, IntoSeries as _,
    NamedFrom as _, NewChunkedArray as _, Series, TimeUnit, TimeZone,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::convert::{run_ids, text_list};
use crate::database::Database;
use crate::detach::detached;
use crate::frame::Frame;
use crate::history::{History, Numbers};
use crate::search::RunQuery;

#[pymethods]
impl Database {
    /// The runs that a search finds, as a table with a row for each.
    ///
    /// `filter` and `order_by` are in MLflow's language; `experiments` are experiments or their
    /// numbers, all when it is None; `view` is "active", "deleted" or "all"; `columns` are names
    /// such as "run_id", "metrics.loss" or "params.*", the usual ones when it is None.
    ///
    /// >>> run.log_metric("loss", 0.25)
    /// >>> found = database.search_runs("metrics.loss < 0.5", order_by="metrics.loss DESC")
    /// >>> found["metrics.loss"]
    /// [0.25]
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, view="active",
                        max_results=None, columns=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn search_runs(
        &self,
        py: Python<'_>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
        max_results: Option<usize>,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Frame> {
        let query = RunQuery { filter, order_by, experiments, view, max_results };
        let mut search = query.search(py)?;
        if let Some(columns) = columns {
            search = search.columns(text_list(columns)?);
        }
        let frame = detached(py, || self.inner.search_runs_frame(&search))?;
        Ok(Frame { frame })
    }

    /// What differs between these runs: a row for each, and the columns that are not the same.
    fn compare_runs(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.comparison_frame(&runs))? })
    }

    /// All points of these metrics of these runs: `run_id, key, step, timestamp, value`; of all
    /// metrics when `keys` is None. With `wide`, a row for each step and a column for each key.
    ///
    /// >>> run.log({"loss": 0.5, "accuracy": 0.75}, step=0)
    /// >>> database.histories(run, wide=True).columns
    /// ['run_id', 'step', 'timestamp', 'accuracy', 'loss']
    #[pyo3(signature = (runs, keys=None, *, wide=false))]
    fn histories(
        &self,
        py: Python<'_>,
        runs: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        wide: bool,
    ) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        let keys = keys.map(text_list).transpose()?.unwrap_or_default();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let frame = detached(py, || match wide {
            true => self.inner.wide_history_frame(&runs, &keys),
            false => self.inner.history_frame(&runs, &keys),
        })?;
        Ok(Frame { frame })
    }

    /// The params of these runs: `run_id, key, value`.
    fn params_of(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.params_frame(&runs))? })
    }

    /// The tags of these runs: `run_id, key, value`.
    fn tags_of(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.tags_frame(&runs))? })
    }

    /// The datasets that these runs were given, run by run.
    fn datasets_of(&self, py: Python<'_>, runs: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let runs = run_ids(runs)?;
        Ok(Frame { frame: detached(py, || self.inner.datasets_frame(&runs))? })
    }
}

#[pymethods]
impl History {
    /// The points as a table of `step`, `timestamp` and `value`.
    fn to_frame(&self) -> PyResult<Frame> {
        let columns =
            [("step", &self.steps), ("timestamp", &self.timestamps), ("value", &self.values)];
        let columns =
            columns.map(|(name, column)| frame_column(name, &column.get().numbers)).into();
        let frame = DataFrame::new_infer_height(columns);
        Ok(Frame { frame: frame.map_err(|error| PyValueError::new_err(error.to_string()))? })
    }

    /// The points as a stream of Arrow, for those who speak its PyCapsule interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.to_frame()?.__arrow_c_stream__(py, requested_schema)
    }

    /// A `polars.DataFrame` of the points; polars must be installed.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Frame::to_polars(&Bound::new(slf.py(), slf.get().to_frame()?)?)
    }

    /// A `pandas.DataFrame` of the points; pandas and pyarrow must be installed.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Frame::to_pandas(&Bound::new(slf.py(), slf.get().to_frame()?)?)
    }
}

fn frame_column(name: &str, numbers: &Numbers) -> FrameColumn {
    match numbers {
        Numbers::Integers(numbers) => Series::new(name.into(), numbers).into_column(),
        Numbers::Floats(numbers) => Series::new(name.into(), numbers).into_column(),
        Numbers::Instants(numbers) => {
            let nanos = Int64Chunked::from_slice(name.into(), numbers);
            let instants = nanos.into_datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC));
            instants.into_series().into_column()
        }
    }
}

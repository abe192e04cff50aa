//! The points of a metric as columns that numpy reads without copying.

use std::sync::Arc;

use arrow_array::{Float64Array, Int64Array, TimestampNanosecondArray};
use pyo3::exceptions::PyIndexError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};
use tracklite::MetricHistory;

use crate::detach::delegated;
use crate::run::Run;
use crate::table::{self, Table};

/// The numbers of a column.
pub(crate) enum Numbers {
    Integers(Vec<i64>),
    /// Nanoseconds since 1970.
    Instants(Vec<i64>),
    Floats(Vec<f64>),
}

/// A sequence of numbers that numpy reads without copying.
///
/// >>> run.log_metric("loss", 0.5, step=7)
/// >>> steps = run.history("loss").steps
/// >>> len(steps), steps[0], list(steps)
/// (1, 7, [7])
#[pyclass(frozen, module = "tracklite", sequence)]
pub(crate) struct Column {
    pub(crate) numbers: Arc<Numbers>,
}

impl Column {
    fn new(numbers: Numbers) -> Self {
        Column { numbers: Arc::new(numbers) }
    }

    pub(crate) fn integers(numbers: Vec<i64>) -> Self {
        Column::new(Numbers::Integers(numbers))
    }

    pub(crate) fn floats(numbers: Vec<f64>) -> Self {
        Column::new(Numbers::Floats(numbers))
    }

    fn to_arrow(&self) -> table::Column {
        match &*self.numbers {
            Numbers::Integers(numbers) => Arc::new(Int64Array::from(numbers.clone())),
            Numbers::Instants(numbers) => {
                Arc::new(TimestampNanosecondArray::from(numbers.clone()).with_timezone("UTC"))
            }
            Numbers::Floats(numbers) => Arc::new(Float64Array::from(numbers.clone())),
        }
    }

    fn length(&self) -> usize {
        match &*self.numbers {
            Numbers::Integers(numbers) | Numbers::Instants(numbers) => numbers.len(),
            Numbers::Floats(numbers) => numbers.len(),
        }
    }
}

#[pymethods]
impl Column {
    fn __len__(&self) -> usize {
        self.length()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        let length = self.length();
        let position = position(index, length)?;
        let found = match &*self.numbers {
            Numbers::Integers(numbers) | Numbers::Instants(numbers) => {
                numbers.get(position).map(|number| Ok(number.into_pyobject(py)?.into_any()))
            }
            Numbers::Floats(numbers) => {
                numbers.get(position).map(|number| Ok(number.into_pyobject(py)?.into_any()))
            }
        };
        found.unwrap_or_else(|| Err(out_of_range(index, length)))
    }

    /// Returns the numbers as a list.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match &*self.numbers {
            Numbers::Integers(numbers) | Numbers::Instants(numbers) => PyList::new(py, numbers),
            Numbers::Floats(numbers) => PyList::new(py, numbers),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.tolist(py)?.try_iter()?.into_any())
    }

    /// The read-only memory of the numbers, by numpy's array protocol.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (kind, address) = match &*self.numbers {
            Numbers::Integers(numbers) => ("i8", numbers.as_ptr() as usize),
            Numbers::Instants(numbers) => ("M8[ns]", numbers.as_ptr() as usize),
            Numbers::Floats(numbers) => ("f8", numbers.as_ptr() as usize),
        };
        let order = if cfg!(target_endian = "little") { '<' } else { '>' };
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", (self.length(),))?;
        interface.set_item("typestr", format!("{order}{kind}"))?;
        interface.set_item("data", (address, true))?;
        Ok(interface)
    }

    /// Returns a read-only numpy array that shares the memory of the numbers. Requires numpy.
    fn to_numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let numpy = slf.py().import(intern!(slf.py(), "numpy"))?;
        numpy.call_method1(intern!(slf.py(), "asarray"), (slf,))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let length = self.length();
        let few = self.tolist(py)?.get_slice(0, length.min(6)).repr()?.to_string();
        let more = if length > 6 { format!(", {length} in all") } else { String::new() };
        Ok(format!("Column({few}{more})"))
    }
}

fn position(index: isize, length: usize) -> PyResult<usize> {
    let from_end = length.checked_sub(index.unsigned_abs());
    let position = if index < 0 { from_end } else { usize::try_from(index).ok() };
    position.filter(|position| *position < length).ok_or_else(|| out_of_range(index, length))
}

fn out_of_range(index: isize, length: usize) -> PyErr {
    PyIndexError::new_err(format!("index {index} is out of range: the length is {length}"))
}

/// The points of a metric as three columns, ordered by time, step and value.
///
/// >>> for step in range(3):
/// ...     run.log_metric("loss", 1 / (step + 1), step)
/// >>> history = run.history("loss")
/// >>> history.values
/// Column([1.0, 0.5, 0.3333333333333333])
/// >>> history.to_numpy()["value"].mean().round(2).item()
/// 0.61
#[pyclass(frozen, module = "tracklite", sequence)]
pub(crate) struct History {
    /// The key of the metric.
    #[pyo3(get)]
    key: String,
    /// The step of each point.
    #[pyo3(get)]
    pub(crate) steps: Py<Column>,
    /// The time of each point, in nanoseconds since 1970.
    #[pyo3(get)]
    pub(crate) timestamps: Py<Column>,
    /// The value of each point, bit for bit as logged.
    #[pyo3(get)]
    pub(crate) values: Py<Column>,
}

impl History {
    fn new(py: Python<'_>, key: String, points: MetricHistory) -> PyResult<History> {
        let MetricHistory { steps, times, values } = points;
        Ok(History {
            key,
            steps: Py::new(py, Column::integers(steps))?,
            timestamps: Py::new(py, Column::new(Numbers::Instants(times)))?,
            values: Py::new(py, Column::floats(values))?,
        })
    }

    fn length(&self) -> usize {
        self.values.get().length()
    }
}

#[pymethods]
impl Run {
    /// Returns all points of a metric, ordered by time, step and value. Empty if it was never
    /// logged.
    fn history(&self, py: Python<'_>, key: &str) -> PyResult<History> {
        let points = self.handle.call(py, |run| run.history(key))?;
        History::new(py, key.to_owned(), points)
    }
}

#[pymethods]
impl History {
    fn __len__(&self) -> usize {
        self.length()
    }

    /// Returns one of the points.
    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        let columns = [&self.steps, &self.timestamps, &self.values];
        let [step, time, value] = columns.map(|column| column.get().__getitem__(py, index));
        let module = py.import(intern!(py, "tracklite.entities"))?;
        module.getattr(intern!(py, "MetricPoint"))?.call1((step?, time?, value?))
    }

    /// Returns a dict of numpy arrays `step`, `timestamp` and `value`, which share the memory of
    /// the points. Requires numpy.
    fn to_numpy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(py);
        arrays.set_item("step", Column::to_numpy(self.steps.bind(py))?)?;
        arrays.set_item("timestamp", Column::to_numpy(self.timestamps.bind(py))?)?;
        arrays.set_item("value", Column::to_numpy(self.values.bind(py))?)?;
        Ok(arrays)
    }

    fn __repr__(&self) -> String {
        format!("History({:?}, {} points)", self.key, self.length())
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "history_html", ())
    }
}

#[pymethods]
impl History {
    /// Returns the points as a table of `step`, `timestamp` and `value`.
    fn to_table(&self) -> PyResult<Table> {
        let columns =
            [("step", &self.steps), ("timestamp", &self.timestamps), ("value", &self.values)];
        let columns = columns.map(|(name, column)| (name.to_owned(), column.get().to_arrow()));
        Table::new(columns.into())
    }

    /// Exports the points by Arrow's PyCapsule interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.to_table()?.__arrow_c_stream__(py, requested_schema)
    }

    /// Returns the points as a `polars.DataFrame`. Requires polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Table::to_polars(&Bound::new(slf.py(), slf.get().to_table()?)?)
    }

    /// Returns the points as a `pandas.DataFrame`. Requires pandas and pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Table::to_pandas(&Bound::new(slf.py(), slf.get().to_table()?)?)
    }
}

//! The points of a metric as columns that numpy reads where they are.

use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tracklite::MetricHistory;

use crate::detach::delegated;

/// The numbers of a column.
pub(crate) enum Numbers {
    Integers(Vec<i64>),
    /// Nanoseconds since 1970.
    Instants(Vec<i64>),
    Floats(Vec<f64>),
}

/// A column of numbers: a sequence, which numpy takes without copying.
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
        let place = place(index, length)?;
        let found = match &*self.numbers {
            Numbers::Integers(numbers) | Numbers::Instants(numbers) => {
                numbers.get(place).map(|it| Ok(it.into_pyobject(py)?.into_any()))
            }
            Numbers::Floats(numbers) => {
                numbers.get(place).map(|it| Ok(it.into_pyobject(py)?.into_any()))
            }
        };
        found.unwrap_or_else(|| Err(out_of_range(index, length)))
    }

    /// The numbers as a list.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match &*self.numbers {
            Numbers::Integers(numbers) | Numbers::Instants(numbers) => PyList::new(py, numbers),
            Numbers::Floats(numbers) => PyList::new(py, numbers),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.tolist(py)?.try_iter()?.into_any())
    }

    /// Where the numbers lie, read-only, by numpy's array protocol.
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

    /// The numbers as a read-only numpy array, which shares their memory; numpy must be installed.
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

fn place(index: isize, length: usize) -> PyResult<usize> {
    let from_end = length.checked_sub(index.unsigned_abs());
    let place = if index < 0 { from_end } else { usize::try_from(index).ok() };
    place.filter(|place| *place < length).ok_or_else(|| out_of_range(index, length))
}

fn out_of_range(index: isize, length: usize) -> PyErr {
    PyIndexError::new_err(format!("index {index} is out of range: there are {length}"))
}

/// The points of a metric, by time, step and value, as three columns of the same length.
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
    /// When each point was logged, in nanoseconds since 1970.
    #[pyo3(get)]
    pub(crate) timestamps: Py<Column>,
    /// The value of each point, bit for bit as logged.
    #[pyo3(get)]
    pub(crate) values: Py<Column>,
}

impl History {
    pub(crate) fn new(py: Python<'_>, key: String, points: MetricHistory) -> PyResult<History> {
        let MetricHistory { steps, times, values } = points;
        Ok(History {
            key,
            steps: Py::new(py, Column::new(Numbers::Integers(steps)))?,
            timestamps: Py::new(py, Column::new(Numbers::Instants(times)))?,
            values: Py::new(py, Column::new(Numbers::Floats(values)))?,
        })
    }

    fn length(&self) -> usize {
        self.values.get().length()
    }
}

#[pymethods]
impl History {
    fn __len__(&self) -> usize {
        self.length()
    }

    /// One of the points.
    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
        let columns = [&self.steps, &self.timestamps, &self.values];
        let [step, time, value] = columns.map(|column| column.get().__getitem__(py, index));
        let module = py.import(intern!(py, "tracklite.entities"))?;
        module.getattr(intern!(py, "MetricPoint"))?.call1((step?, time?, value?))
    }

    /// A dict of numpy arrays `step`, `timestamp` and `value`, which share the memory of the
    /// points; numpy must be installed.
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

//! Tables as they leave for Python: by Arrow's C interface, which every data frame library reads.

use polars::prelude::{AnyValue, CompatLevel, DataFrame, SchemaExt as _};
use polars_arrow::array::{Array, StructArray};
use polars_arrow::datatypes::{ArrowDataType, Field};
use pyo3::conversion::IntoPyObjectExt as _;
use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};

use crate::detach::delegated;

/// A table that polars, pandas, pyarrow and DuckDB take as it is.
///
/// It speaks Arrow's PyCapsule interface: `polars.DataFrame(frame)`, `pyarrow.table(frame)` and
/// `duckdb.sql("FROM frame")` read it; `to_polars`, `to_pandas` and `to_arrow` say it in words.
///
/// >>> run.log_param("depth", 3)
/// >>> frame = database.search_runs(columns=["run_name", "params.depth"])
/// >>> frame.shape
/// (1, 2)
/// >>> frame.rows()
/// [{'run_name': 'baseline', 'params.depth': '3'}]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Table {
    pub(crate) table: DataFrame,
}

#[pymethods]
impl Table {
    /// The number of rows and of columns.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        self.table.shape()
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.table.get_column_names().into_iter().map(ToString::to_string).collect()
    }

    fn __len__(&self) -> usize {
        self.table.height()
    }

    /// The values of a column, as a list.
    fn __getitem__<'py>(&self, py: Python<'py>, column: &str) -> PyResult<Bound<'py, PyList>> {
        let found = self.table.column(column).map_err(|_| PyKeyError::new_err(column.to_owned()));
        let series = found?.as_materialized_series();
        let values = (0..series.len()).map(|row| match series.get(row) {
            Ok(value) => python_value(py, &value),
            Err(error) => Err(PyKeyError::new_err(error.to_string())),
        });
        PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)
    }

    /// The rows as dicts, without any other package.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let rows: Vec<_> = (0..self.table.height()).map(|_| PyDict::new(py)).collect();
        for name in self.columns() {
            let values = self.__getitem__(py, &name)?;
            for (row, value) in rows.iter().zip(values.iter()) {
                row.set_item(&name, value)?;
            }
        }
        PyList::new(py, rows)
    }

    /// The table as a stream of Arrow, for those who speak its PyCapsule interface.
    #[pyo3(signature = (requested_schema=None))]
    pub(crate) fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A wish that a producer need not fulfil.
        drop(requested_schema);
        let (field, batches) = py.detach(|| batches(&self.table));
        let stream =
            polars_arrow::ffi::export_iterator(Box::new(batches.into_iter().map(Ok)), field);
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// A `polars.DataFrame` of it; polars must be installed.
    pub(crate) fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let polars = slf.py().import(intern!(slf.py(), "polars"))?;
        polars.call_method1(intern!(slf.py(), "DataFrame"), (slf,))
    }

    /// A `pyarrow.Table` of it; pyarrow must be installed.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let pyarrow = slf.py().import(intern!(slf.py(), "pyarrow"))?;
        pyarrow.call_method1(intern!(slf.py(), "table"), (slf,))
    }

    /// A `pandas.DataFrame` of it; pandas and pyarrow must be installed.
    pub(crate) fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Table::to_arrow(slf)?.call_method0(intern!(slf.py(), "to_pandas"))
    }

    fn __repr__(&self) -> String {
        self.table.to_string()
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "table_html", ())
    }
}

/// The table as one struct array for each of its chunks, and the field that tells their type.
fn batches(frame: &DataFrame) -> (Field, Vec<Box<dyn Array>>) {
    let compatible = CompatLevel::oldest();
    let fields = frame.schema().to_arrow(compatible).iter_values().cloned().collect();
    let kind = ArrowDataType::Struct(fields);
    let mut frame = frame.clone();
    frame.align_chunks();
    let arrays = frame.iter_chunks(compatible, false).map(|batch| {
        let length = batch.len();
        StructArray::new(kind.clone(), length, batch.into_arrays(), None).boxed()
    });
    (Field::new("".into(), kind.clone(), false), arrays.collect())
}

fn python_value<'py>(py: Python<'py>, value: &AnyValue<'_>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        AnyValue::Null => Ok(py.None().into_bound(py)),
        AnyValue::Boolean(truth) => truth.into_bound_py_any(py),
        AnyValue::Int64(number) => number.into_bound_py_any(py),
        AnyValue::UInt32(number) => number.into_bound_py_any(py),
        AnyValue::UInt64(number) => number.into_bound_py_any(py),
        AnyValue::Float64(number) => number.into_bound_py_any(py),
        // An instant, in nanoseconds since 1970.
        AnyValue::Datetime(nanos, _, _) | AnyValue::DatetimeOwned(nanos, _, _) => {
            nanos.into_bound_py_any(py)
        }
        other => match other.get_str() {
            Some(text) => text.into_bound_py_any(py),
            None => other.to_string().into_bound_py_any(py),
        },
    }
}

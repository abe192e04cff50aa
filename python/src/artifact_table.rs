//! Tables as artifacts.

use parquet::errors::ParquetError;
use pyo3::exceptions::{PyNotImplementedError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::artifacts::Artifacts;
use crate::detach::delegated;
use crate::entity::Object;
use crate::run::Run;
use crate::table::{Table, read_parquet, write_parquet};

/// Converts a dict of columns, or an object with Arrow's PyCapsule interface, to a table.
#[pyfunction]
pub(crate) fn to_table(table: &Bound<'_, PyAny>) -> PyResult<Table> {
    Table::from_python(table)
}

/// Converts a table to the bytes of a Parquet file.
///
/// Raises `NotImplementedError` for nested columns.
#[pyfunction]
pub(crate) fn to_parquet<'py>(py: Python<'py>, table: &Table) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = py.detach(|| write_parquet(&table.schema, &table.batches));
    Ok(PyBytes::new(py, &bytes.map_err(python_error)?))
}

/// Converts the bytes of a Parquet file to a table.
///
/// Raises `NotImplementedError` for nested columns.
#[pyfunction]
pub(crate) fn from_parquet(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Table> {
    Table::new(py.detach(|| read_parquet(bytes)).map_err(python_error)?)
}

fn python_error(error: ParquetError) -> PyErr {
    match error {
        ParquetError::NYI(message) => PyNotImplementedError::new_err(message),
        error => PyValueError::new_err(error.to_string()),
    }
}

#[pymethods]
impl Artifacts {
    /// Logs a table as the artifact `path`, which ends in `.parquet`, `.csv` or `.json`.
    ///
    /// `table` is a dict of columns, a `Table`, or a table of polars, pandas, pyarrow or another
    /// Arrow producer.
    ///
    /// >>> run.artifacts().log_table({"x": [1, 2], "word": ["a", "b"]}, "eval.csv")
    /// >>> run.artifacts().read("eval.csv").decode().split()
    /// ['x,word', '1,a', '2,b']
    fn log_table<'py>(
        slf: &Bound<'py, Self>,
        table: &Bound<'py, PyAny>,
        path: &str,
    ) -> PyResult<()> {
        delegated(slf.as_any(), "_media", "log_table", (table, path)).map(drop)
    }

    /// Reads a table from a Parquet, CSV or JSON file. Nested columns are not supported.
    ///
    /// In CSV files, columns of integers and of floats become numbers, and empty fields None.
    ///
    /// >>> run.log_table({"x": [1, 2], "word": ["a", "b"]}, "eval.parquet")
    /// >>> run.artifacts().read_table("eval.parquet").rows()
    /// [{'x': 1, 'word': 'a'}, {'x': 2, 'word': 'b'}]
    fn read_table<'py>(slf: &Bound<'py, Self>, path: &str) -> PyResult<Object<'py>> {
        delegated(slf.as_any(), "_media", "read_table", (path,))
    }
}

#[pymethods]
impl Run {
    /// Logs a table as the artifact `path`. See `Artifacts.log_table`.
    fn log_table(&self, py: Python<'_>, table: &Bound<'_, PyAny>, path: &str) -> PyResult<()> {
        Artifacts::log_table(&Bound::new(py, self.artifacts(py)?)?, table, path)
    }
}

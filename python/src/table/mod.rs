//! Tables: typed columns, exported by Arrow's C interface, which data frame libraries read.

mod column;
mod engine;
mod import;
mod parquet_reader;
mod parquet_writer;
mod rows;
mod values;

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{Field, Schema, SchemaRef};
use pyo3::exceptions::PyKeyError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};

pub(crate) use self::column::Column;
use self::column::column;
use self::import::{arrow_error, imported};
pub(crate) use self::parquet_reader::read_parquet;
pub(crate) use self::parquet_writer::write_parquet;
pub(crate) use self::rows::{stored_type, to_engine};
use crate::detach::delegated;

/// A table that polars, pandas, pyarrow and DuckDB read directly.
///
/// It has Arrow's PyCapsule interface, which `polars.DataFrame(table)`, `pyarrow.table(table)` and
/// `duckdb.sql("FROM table")` use. `to_polars`, `to_pandas` and `to_arrow` are shortcuts.
///
/// >>> run.log_param("depth", 3)
/// >>> table = database.runs_table(columns=["run_name", "params.depth"])
/// >>> table.shape
/// (1, 2)
/// >>> table.rows()
/// [{'run_name': 'baseline', 'params.depth': '3'}]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Table {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Table {
    /// Makes a table of named columns, which must have the same length.
    pub(crate) fn new(columns: Vec<(String, Column)>) -> PyResult<Table> {
        let fields =
            columns.iter().map(|(name, column)| Field::new(name, column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns: Vec<Column> = columns.into_iter().map(|(_, column)| column).collect();
        let batch = match columns.is_empty() {
            true => RecordBatch::new_empty(Arc::clone(&schema)),
            false => RecordBatch::try_new(Arc::clone(&schema), columns).map_err(arrow_error)?,
        };
        Ok(Table { schema, batches: vec![batch] })
    }

    /// Converts a table of the engine.
    pub(crate) fn from_engine(table: tracklite::table::Table) -> PyResult<Table> {
        let columns = table
            .into_columns()
            .map(|(name, column)| Ok((name, engine::converted(column).map_err(arrow_error)?)));
        Table::new(columns.collect::<PyResult<_>>()?)
    }

    /// Imports a dict of columns, or an object with Arrow's PyCapsule interface.
    pub(crate) fn from_python(table: &Bound<'_, PyAny>) -> PyResult<Table> {
        let Ok(columns) = table.cast::<PyDict>() else {
            let (schema, batches) = imported(table)?;
            return Ok(Table { schema, batches });
        };
        let columns = columns.iter().map(|(name, values)| {
            let name = name.str()?.to_cow()?.into_owned();
            let values = column(&name, &values)?;
            Ok((name, values))
        });
        Table::new(columns.collect::<PyResult<_>>()?)
    }

    fn length(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn values<'py>(&self, py: Python<'py>, column: usize) -> PyResult<Bound<'py, PyList>> {
        values::to_list(py, self.batches.iter().map(|batch| batch.column(column)))
    }
}

#[pymethods]
impl Table {
    /// The number of rows and of columns.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.length(), self.schema.fields().len())
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.length()
    }

    /// Returns the values of a column as a list.
    fn __getitem__<'py>(&self, py: Python<'py>, column: &str) -> PyResult<Bound<'py, PyList>> {
        let found = self.schema.index_of(column);
        self.values(py, found.map_err(|_| PyKeyError::new_err(column.to_owned()))?)
    }

    /// Returns the rows as dicts, without any other package.
    ///
    /// Times are in nanoseconds since 1970.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let rows: Vec<_> = (0..self.length()).map(|_| PyDict::new(py)).collect();
        for (column, name) in self.columns().iter().enumerate() {
            let values = self.values(py, column)?;
            for (row, value) in rows.iter().zip(values.iter()) {
                row.set_item(name, value)?;
            }
        }
        PyList::new(py, rows)
    }

    /// Exports the table by Arrow's PyCapsule interface.
    #[pyo3(signature = (requested_schema=None))]
    pub(crate) fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A producer may ignore the requested schema.
        drop(requested_schema);
        let batches = self.batches.clone().into_iter().map(Ok);
        let batches = RecordBatchIterator::new(batches, Arc::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// Exports the names and types of the columns by Arrow's PyCapsule interface.
    pub(crate) fn __arrow_c_schema__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref());
        PyCapsule::new_with_value(py, schema.map_err(arrow_error)?, c"arrow_schema")
    }

    /// Returns a `polars.DataFrame`. Requires polars.
    pub(crate) fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let polars = slf.py().import(intern!(slf.py(), "polars"))?;
        polars.call_method1(intern!(slf.py(), "DataFrame"), (slf,))
    }

    /// Returns a `pyarrow.Table`. Requires pyarrow.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let pyarrow = slf.py().import(intern!(slf.py(), "pyarrow"))?;
        pyarrow.call_method1(intern!(slf.py(), "table"), (slf,))
    }

    /// Returns a `pandas.DataFrame`. Requires pandas and pyarrow.
    pub(crate) fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Table::to_arrow(slf)?.call_method0(intern!(slf.py(), "to_pandas"))
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "table_text", ())
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        delegated(slf.as_any(), "_display", "table_html", ())
    }
}

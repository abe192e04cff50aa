//! The database: one file, opened once in a process however many handles there are.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::detach::detached;

/// An open file of runs.
///
/// >>> from tracklite import Database
/// >>> database = Database.create(folder / "runs.tracklite")
/// >>> database.path.name
/// 'runs.tracklite'
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Database {
    pub(crate) inner: tracklite::Database,
}

#[pymethods]
impl Database {
    /// Open the file, which must exist.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Database> {
        let inner = detached(py, || tracklite::Database::open(path))?;
        Ok(Database { inner })
    }

    /// Open the file, creating it when there is none.
    #[staticmethod]
    fn create(py: Python<'_>, path: PathBuf) -> PyResult<Database> {
        let inner = detached(py, || tracklite::Database::create(path))?;
        Ok(Database { inner })
    }

    /// The path by which the file was opened.
    #[getter]
    fn path(&self) -> PathBuf {
        self.inner.path().to_owned()
    }
}

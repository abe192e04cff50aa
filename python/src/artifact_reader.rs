//! Reading an artifact like a file.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::artifacts::Artifacts;
use crate::detach::delegated;
use crate::entity::Object;
use crate::session::Handle;

/// Reads parts of an artifact. `_files.ArtifactFile` makes a Python file of it.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct ArtifactReader {
    handle: Handle<Arc<Mutex<tracklite::artifact::ArtifactReader>>>,
    /// The length of the artifact in bytes.
    #[pyo3(get)]
    length: u64,
}

#[pymethods]
impl ArtifactReader {
    /// Returns at most `size` bytes from `position` on. Returns fewer where a chunk ends.
    fn read_at<'py>(
        &self,
        py: Python<'py>,
        position: u64,
        size: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.handle.call(py, |reader| {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let left = reader.len().saturating_sub(position);
            let mut bytes = vec![0; size.min(usize::try_from(left).unwrap_or(usize::MAX))];
            let read = reader.seek(SeekFrom::Start(position)).and_then(|_| reader.read(&mut bytes));
            bytes.truncate(read.map_err(into_error)?);
            Ok(bytes)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }
}

/// Returns the error of the engine inside an I/O error.
fn into_error(error: std::io::Error) -> tracklite::Error {
    match error.downcast::<tracklite::Error>() {
        Ok(error) => error,
        Err(error) => tracklite::Error::io("reading an artifact", error),
    }
}

#[pymethods]
impl Artifacts {
    /// Opens a file for reading. Returns a binary file like `open(path, "rb")`, which can seek.
    ///
    /// Reads and checks the file in chunks of at most 1 MiB, so that large files need little
    /// memory. Wrap it in `io.TextIOWrapper` to read text.
    ///
    /// >>> run.log_text("one two three", "notes.txt")
    /// >>> with run.artifacts().open("notes.txt") as file:
    /// ...     file.seek(4)
    /// ...     file.read(3)
    /// 4
    /// b'two'
    fn open<'py>(slf: &Bound<'py, Self>, path: &str) -> PyResult<Object<'py>> {
        let (py, this) = (slf.py(), slf.get());
        let reader = this.handle.call(py, |artifacts| artifacts.open(path))?;
        let length = reader.len();
        let handle = this.handle.derive(py, Arc::new(Mutex::new(reader)))?;
        let reader = Bound::new(py, ArtifactReader { handle, length })?;
        delegated(reader.as_any(), "_files", "opened", (path,))
    }
}

//! Artifacts: the files of a run, kept in the database.

use std::borrow::Cow;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::detach::{delegated, detached};
use crate::entity::{Entity as _, Object, told_list};
use crate::logged_model::LoggedModel;
use crate::run::Run;

/// The files of a run or of a logged model. A path is relative, with `/` between its parts.
///
/// >>> artifacts = run.artifacts()
/// >>> artifacts.log_text("model/notes.txt", "the best so far")
/// >>> artifacts.read("model/notes.txt")
/// b'the best so far'
/// >>> [info.path for info in artifacts.list()]
/// ['model']
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Artifacts {
    pub(crate) inner: tracklite::Artifacts,
}

#[pymethods]
impl Artifacts {
    /// Log a file as the artifact `path`; under its own name when that is None.
    ///
    /// `progress` is called with the number of bytes read so far.
    #[pyo3(signature = (file, path=None, *, progress=None))]
    fn log_file(
        &self,
        py: Python<'_>,
        file: PathBuf,
        path: Option<&str>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let path = path.map(str::to_owned).or(name).unwrap_or_default();
        self.upload(py, progress, |upload| upload.file(&file, &path))
    }

    /// Log all files in a folder, and in the folders in it, below `path`.
    #[pyo3(signature = (folder, path="", *, progress=None))]
    fn log_folder(
        &self,
        py: Python<'_>,
        folder: PathBuf,
        path: &str,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        self.upload(py, progress, |upload| upload.folder(&folder, path))
    }

    /// Log bytes as the artifact `path`.
    fn log_bytes(&self, py: Python<'_>, path: &str, bytes: Cow<'_, [u8]>) -> PyResult<()> {
        detached(py, || self.inner.log_bytes(path, &bytes))
    }

    /// Log a text as the artifact `path`.
    fn log_text(&self, py: Python<'_>, path: &str, text: &str) -> PyResult<()> {
        detached(py, || self.inner.log_text(path, text))
    }

    /// Log a dict, or another value that JSON knows, as the artifact `path`; as YAML when that
    /// ends in `.yaml` and PyYAML is installed.
    fn log_dict<'py>(
        slf: &Bound<'py, Self>,
        path: &str,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        delegated(slf.as_any(), "_media", "log_dict", (path, value)).map(drop)
    }

    /// Log a table as the artifact `path` (`.parquet`, `.csv` or `.json`): a dict of columns, a
    /// data frame of polars or pandas, a table of pyarrow, or a `Frame`.
    ///
    /// >>> run.artifacts().log_table("eval.csv", {"x": [1, 2], "word": ["a", "b"]})
    /// >>> run.artifacts().read("eval.csv").decode().split()
    /// ['x,word', '1,a', '2,b']
    fn log_table<'py>(
        slf: &Bound<'py, Self>,
        path: &str,
        table: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        delegated(slf.as_any(), "_media", "log_table", (path, table)).map(drop)
    }

    /// Log a figure of matplotlib or plotly as the artifact `path`, such as "loss.png".
    fn log_figure<'py>(
        slf: &Bound<'py, Self>,
        path: &str,
        figure: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        delegated(slf.as_any(), "_media", "log_figure", (path, figure)).map(drop)
    }

    /// Log an image at a step: encoded bytes, an image of PIL, or an array of pixels, for which
    /// PIL must be installed. Gives its path.
    #[pyo3(signature = (key, image, step=0))]
    fn log_image<'py>(
        slf: &Bound<'py, Self>,
        key: &str,
        image: &Bound<'py, PyAny>,
        step: i64,
    ) -> PyResult<String> {
        let bytes = delegated(image, "_media", "image_bytes", ())?;
        let bytes = bytes.extract::<Cow<'_, [u8]>>()?;
        let artifacts = &slf.get().inner;
        detached(slf.py(), || artifacts.log_image(key, &bytes, step))
    }

    /// Note a file that stays outside of the database.
    #[pyo3(signature = (path, uri, *, size=None, digest=None))]
    fn log_reference(
        &self,
        py: Python<'_>,
        path: &str,
        uri: &str,
        size: Option<u64>,
        digest: Option<&str>,
    ) -> PyResult<()> {
        detached(py, || self.inner.log_reference(path, uri, size, digest))
    }

    /// What is directly in a folder, by path.
    #[pyo3(signature = (folder=""))]
    fn list<'py>(&self, py: Python<'py>, folder: &str) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.list(folder))?)
    }

    /// All files, in whatever folder, by path.
    fn list_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.list_all())?)
    }

    /// What is told of a file.
    fn info<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Object<'py>> {
        detached(py, || self.inner.info(path))?.told(py)
    }

    /// All bytes of a file, checked.
    fn read<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &detached(py, || self.inner.read(path))?))
    }

    /// Write a file, or a folder with all that is in it, to a local folder; gives where it is.
    fn download(&self, py: Python<'_>, path: &str, folder: PathBuf) -> PyResult<PathBuf> {
        detached(py, || self.inner.download(path, folder))
    }

    /// Delete a file, or a folder with all that is in it.
    fn delete(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        detached(py, || self.inner.delete(path))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.inner)
    }
}

impl Artifacts {
    /// Uploads with a progress that is told to Python. Its exception ends the upload, and so does
    /// Ctrl-C.
    fn upload(
        &self,
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        run: impl FnOnce(tracklite::ArtifactUpload<'_>) -> tracklite::Result<()> + Send,
    ) -> PyResult<()> {
        let mut raised: Option<PyErr> = None;
        let outcome = detached(py, || {
            let tell = |py: Python<'_>, bytes: u64| {
                py.check_signals()?;
                progress.as_ref().map_or(Ok(()), |it| it.call1(py, (bytes,)).map(drop))
            };
            run(self.inner.upload().progress(|bytes| {
                Python::attach(|py| tell(py, bytes)).map_err(|error| {
                    raised = Some(error);
                    tracklite::Error::new(tracklite::ErrorKind::InvalidState, "it was interrupted")
                })
            }))
        });
        raised.map_or(outcome, Err)
    }
}

#[pymethods]
impl Run {
    /// The run's files.
    fn artifacts(&self) -> Artifacts {
        Artifacts { inner: self.inner.artifacts() }
    }

    /// Log a file, under its own name or as `path`.
    #[pyo3(signature = (file, path=None))]
    fn log_artifact(&self, py: Python<'_>, file: PathBuf, path: Option<&str>) -> PyResult<()> {
        self.artifacts().log_file(py, file, path, None)
    }

    /// Log all that is in a folder, below `path`.
    #[pyo3(signature = (folder, path=""))]
    fn log_artifacts(&self, py: Python<'_>, folder: PathBuf, path: &str) -> PyResult<()> {
        self.artifacts().log_folder(py, folder, path, None)
    }

    /// Log bytes as an artifact.
    fn log_bytes(&self, py: Python<'_>, path: &str, bytes: Cow<'_, [u8]>) -> PyResult<()> {
        self.artifacts().log_bytes(py, path, bytes)
    }

    /// Log a text as an artifact.
    fn log_text(&self, py: Python<'_>, path: &str, text: &str) -> PyResult<()> {
        self.artifacts().log_text(py, path, text)
    }

    /// Log a dict as an artifact; see `Artifacts.log_dict`.
    fn log_dict(&self, py: Python<'_>, path: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Artifacts::log_dict(&Bound::new(py, self.artifacts())?, path, value)
    }

    /// Log a table as an artifact; see `Artifacts.log_table`.
    fn log_table(&self, py: Python<'_>, path: &str, table: &Bound<'_, PyAny>) -> PyResult<()> {
        Artifacts::log_table(&Bound::new(py, self.artifacts())?, path, table)
    }

    /// Log a figure as an artifact; see `Artifacts.log_figure`.
    fn log_figure(&self, py: Python<'_>, path: &str, figure: &Bound<'_, PyAny>) -> PyResult<()> {
        Artifacts::log_figure(&Bound::new(py, self.artifacts())?, path, figure)
    }

    /// Log an image at a step; see `Artifacts.log_image`.
    #[pyo3(signature = (key, image, step=0))]
    fn log_image(
        &self,
        py: Python<'_>,
        key: &str,
        image: &Bound<'_, PyAny>,
        step: i64,
    ) -> PyResult<String> {
        Artifacts::log_image(&Bound::new(py, self.artifacts())?, key, image, step)
    }
}

#[pymethods]
impl LoggedModel {
    /// The model's files.
    fn artifacts(&self, py: Python<'_>) -> PyResult<Artifacts> {
        let owner = tracklite::ArtifactOwner::LoggedModel(self.inner.id());
        Ok(Artifacts { inner: detached(py, || self.inner.database().artifacts_of(owner))? })
    }
}

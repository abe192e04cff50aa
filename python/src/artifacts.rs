//! Artifacts: the files of a run or of a logged model, stored in the database.

use std::borrow::Cow;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::detach::{delegated, detached};
use crate::entity::{Entity as _, Object, to_list};
use crate::logged_model::LoggedModel;
use crate::run::Run;
use crate::session::Handle;

/// The files of a run or of a logged model. Paths are relative, with `/` between their parts.
///
/// >>> artifacts = run.artifacts()
/// >>> artifacts.log_text("the best so far", "model/notes.txt")
/// >>> artifacts.read("model/notes.txt")
/// b'the best so far'
/// >>> [info.path for info in artifacts.list()]
/// ['model']
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Artifacts {
    pub(crate) handle: Handle<tracklite::artifact::Artifacts>,
}

#[pymethods]
impl Artifacts {
    /// Logs a file as the artifact `path`, by default under its own name.
    ///
    /// Calls `progress` with the number of bytes read so far.
    #[pyo3(signature = (file, path=None, *, progress=None))]
    fn log_file(
        &self,
        py: Python<'_>,
        file: PathBuf,
        path: Option<&str>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let path = path.map_or_else(|| file_name(&file), str::to_owned);
        self.upload(py, progress, |upload| upload.file(&file, &path))
    }

    /// Logs all files in a folder and its subfolders, below `path`.
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

    /// Logs bytes as the artifact `path`.
    fn log_bytes(&self, py: Python<'_>, bytes: Cow<'_, [u8]>, path: &str) -> PyResult<()> {
        self.handle.call(py, |artifacts| artifacts.log_bytes(&bytes, path))
    }

    /// Logs a text as the artifact `path`.
    fn log_text(&self, py: Python<'_>, text: &str, path: &str) -> PyResult<()> {
        self.handle.call(py, |artifacts| artifacts.log_text(text, path))
    }

    /// Logs a dict, or another JSON value, as the artifact `path`.
    ///
    /// Writes YAML if the path ends in `.yaml`, which requires PyYAML.
    fn log_dict<'py>(
        slf: &Bound<'py, Self>,
        value: &Bound<'py, PyAny>,
        path: &str,
    ) -> PyResult<()> {
        delegated(slf.as_any(), "_media", "log_dict", (value, path)).map(drop)
    }

    /// Logs a figure of matplotlib or plotly as the artifact `path`, such as "loss.png".
    fn log_figure<'py>(
        slf: &Bound<'py, Self>,
        figure: &Bound<'py, PyAny>,
        path: &str,
    ) -> PyResult<()> {
        delegated(slf.as_any(), "_media", "log_figure", (figure, path)).map(drop)
    }

    /// Logs an image of a series at a step. Returns its path.
    ///
    /// `image` is encoded bytes, a PIL image, or an array of pixels, which requires PIL.
    #[pyo3(signature = (image, key, step=0))]
    fn log_image<'py>(
        slf: &Bound<'py, Self>,
        image: &Bound<'py, PyAny>,
        key: &str,
        step: i64,
    ) -> PyResult<String> {
        let bytes = delegated(image, "_media", "image_bytes", ())?;
        let bytes = bytes.extract::<Cow<'_, [u8]>>()?;
        slf.get().handle.call(slf.py(), |artifacts| artifacts.log_image(&bytes, key, step))
    }

    /// Logs a reference to a file outside of the database as the artifact `path`.
    #[pyo3(signature = (uri, path, *, size=None, digest=None))]
    fn log_reference(
        &self,
        py: Python<'_>,
        uri: &str,
        path: &str,
        size: Option<u64>,
        digest: Option<&str>,
    ) -> PyResult<()> {
        self.handle.call(py, |artifacts| artifacts.log_reference(uri, path, size, digest))
    }

    /// Returns the files and folders directly in a folder, by path.
    #[pyo3(signature = (folder=""))]
    fn list<'py>(&self, py: Python<'py>, folder: &str) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, |artifacts| artifacts.list(folder))?)
    }

    /// Returns all files in all folders, by path.
    fn list_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::artifact::Artifacts::list_all)?)
    }

    /// Returns size, type, digest and time of a file.
    fn info<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Object<'py>> {
        self.handle.call(py, |artifacts| artifacts.info(path))?.to_python(py)
    }

    /// Returns all bytes of a file, and checks them.
    fn read<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.handle.call(py, |artifacts| artifacts.read(path))?))
    }

    /// Copies a file, or a folder with its content, to a local folder. Returns the local path.
    fn download(&self, py: Python<'_>, path: &str, folder: PathBuf) -> PyResult<PathBuf> {
        self.handle.call(py, |artifacts| artifacts.download(path, folder))
    }

    /// Deletes a file, or a folder with its content.
    fn delete(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        self.handle.call(py, |artifacts| artifacts.delete(path))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("{:?}", self.handle.get(py)?))
    }
}

impl Artifacts {
    /// Uploads, and reports progress to Python. An exception there cancels the upload, and so does
    /// Ctrl-C.
    fn upload(
        &self,
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        run: impl FnOnce(tracklite::artifact::ArtifactUpload<'_>) -> tracklite::Result<()> + Send,
    ) -> PyResult<()> {
        let artifacts = self.handle.get(py)?;
        let mut raised: Option<PyErr> = None;
        let outcome = detached(py, || {
            let report = |py: Python<'_>, bytes: u64| {
                py.check_signals()?;
                progress.as_ref().map_or(Ok(()), |callback| callback.call1(py, (bytes,)).map(drop))
            };
            run(artifacts.upload().progress(|bytes| {
                Python::attach(|py| report(py, bytes)).map_err(|error| {
                    raised = Some(error);
                    tracklite::Error::new(tracklite::ErrorKind::InvalidState, "interrupted")
                })
            }))
        });
        raised.map_or(outcome, Err)
    }
}

/// Returns the name of a local file, which is its default path among the artifacts.
fn file_name(file: &std::path::Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[pymethods]
impl Run {
    /// Returns the files of the run.
    pub(crate) fn artifacts(&self, py: Python<'_>) -> PyResult<Artifacts> {
        Ok(Artifacts { handle: self.handle.call_derive(py, |run| Ok(run.artifacts()))? })
    }

    /// Logs a file under its own name, in a folder of the artifacts if one is given.
    ///
    /// `Artifacts.log_file` logs it under another name.
    ///
    /// >>> _ = (folder / "weights.bin").write_bytes(b"...")
    /// >>> run.log_artifact(folder / "weights.bin", "model")
    /// >>> run.artifacts().read("model/weights.bin")
    /// b'...'
    #[pyo3(signature = (file, folder=None))]
    fn log_artifact(&self, py: Python<'_>, file: PathBuf, folder: Option<&str>) -> PyResult<()> {
        let name = file_name(&file);
        let path = match folder.map(|folder| folder.trim_end_matches('/')) {
            None | Some("") => name,
            Some(folder) => format!("{folder}/{name}"),
        };
        self.artifacts(py)?.log_file(py, file, Some(&path), None)
    }

    /// Logs all files in a local folder and its subfolders, below a folder of the artifacts.
    #[pyo3(signature = (source, folder=""))]
    fn log_artifacts(&self, py: Python<'_>, source: PathBuf, folder: &str) -> PyResult<()> {
        self.artifacts(py)?.log_folder(py, source, folder, None)
    }

    /// Logs bytes as the artifact `path`.
    fn log_bytes(&self, py: Python<'_>, bytes: Cow<'_, [u8]>, path: &str) -> PyResult<()> {
        self.artifacts(py)?.log_bytes(py, bytes, path)
    }

    /// Logs a text as the artifact `path`.
    fn log_text(&self, py: Python<'_>, text: &str, path: &str) -> PyResult<()> {
        self.artifacts(py)?.log_text(py, text, path)
    }

    /// Logs a dict as the artifact `path`. See `Artifacts.log_dict`.
    fn log_dict(&self, py: Python<'_>, value: &Bound<'_, PyAny>, path: &str) -> PyResult<()> {
        Artifacts::log_dict(&Bound::new(py, self.artifacts(py)?)?, value, path)
    }

    /// Logs a figure as the artifact `path`. See `Artifacts.log_figure`.
    fn log_figure(&self, py: Python<'_>, figure: &Bound<'_, PyAny>, path: &str) -> PyResult<()> {
        Artifacts::log_figure(&Bound::new(py, self.artifacts(py)?)?, figure, path)
    }

    /// Logs an image of a series at a step. See `Artifacts.log_image`.
    #[pyo3(signature = (image, key, step=0))]
    fn log_image(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        key: &str,
        step: i64,
    ) -> PyResult<String> {
        Artifacts::log_image(&Bound::new(py, self.artifacts(py)?)?, image, key, step)
    }
}

#[pymethods]
impl LoggedModel {
    /// Returns the files of the model.
    fn artifacts(&self, py: Python<'_>) -> PyResult<Artifacts> {
        let artifacts = |model: &tracklite::logged_model::LoggedModel| {
            let owner = tracklite::artifact::ArtifactOwner::LoggedModel(model.id());
            model.database().artifacts_of(owner)
        };
        Ok(Artifacts { handle: self.handle.call_derive(py, artifacts)? })
    }
}

//! Logged models: what a run has made, with params, tags and metrics of its own.

use pyo3::prelude::*;
use pyo3::types::PyList;
use tracklite::{LoggedModelMetric, LoggedModelSearch, LoggedModelStatus, Signature};

use crate::convert::{instant, logged_model_id, number, run_id, text, texts, word};
use crate::database::Database;
use crate::detach::detached;
use crate::entity::{Entity as _, Object, told_list};
use crate::error::python_error;
use crate::experiment::Experiment;
use crate::run::flat_params;

/// A handle of a logged model.
///
/// >>> model = experiment.create_logged_model("forest", params={"trees": 100}, source_run=run)
/// >>> model.artifacts().log_bytes("model.bin", b"...")
/// >>> model.log_metric("accuracy", 0.93)
/// >>> model.set_status("READY")
/// >>> model.info().params
/// {'trees': '100'}
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct LoggedModel {
    pub(crate) inner: tracklite::LoggedModel,
}

/// A signature from the JSON of MLflow.
pub(crate) fn signature(py: Python<'_>, json: &str) -> PyResult<Signature> {
    Signature::parse(json).map_err(|error| python_error(py, &error))
}

#[pymethods]
impl LoggedModel {
    /// The id: `m-` and 32 hexadecimal digits.
    #[getter]
    fn id(&self) -> String {
        self.inner.id().to_string()
    }

    /// All that the file says of it now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.info())?.told(py)
    }

    /// Set how far it has come: "PENDING", "READY" or "FAILED".
    #[pyo3(signature = (status, *, message=None))]
    fn set_status(&self, py: Python<'_>, status: &str, message: Option<&str>) -> PyResult<()> {
        let status: LoggedModelStatus = word(py, status)?;
        detached(py, || self.inner.set_status(status, message))
    }

    /// Set params, all or none.
    fn log_params(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<()> {
        let params = flat_params(params)?;
        detached(py, || self.inner.log_params(params))
    }

    /// Set a tag, whatever it was before.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        detached(py, || self.inner.set_tag(key, value))
    }

    /// Set tags, all or none.
    fn set_tags(&self, py: Python<'_>, tags: &Bound<'_, PyAny>) -> PyResult<()> {
        let tags = texts(tags, "tags")?;
        detached(py, || self.inner.set_tags(tags))
    }

    /// Delete a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        detached(py, || self.inner.delete_tag(key))
    }

    /// Log a value that was measured of it, by a run, on the dataset of a name and digest.
    #[pyo3(signature = (key, value, step=0, *, time=None, run=None, dataset=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn log_metric(
        &self,
        py: Python<'_>,
        key: &str,
        value: &Bound<'_, PyAny>,
        step: i64,
        time: Option<&Bound<'_, PyAny>>,
        run: Option<&Bound<'_, PyAny>>,
        dataset: Option<(String, String)>,
    ) -> PyResult<()> {
        let mut metric = LoggedModelMetric::new(key, number(value, key)?, step);
        if let Some(time) = time {
            metric = metric.time(instant(time, "time")?);
        }
        if let Some(run) = run {
            metric = metric.run(run_id(run)?);
        }
        if let Some((name, digest)) = dataset {
            metric = metric.dataset(name, digest);
        }
        detached(py, || self.inner.log_metrics([metric]))
    }

    /// Set the signature, as the JSON of MLflow, and an example of the input, as JSON.
    #[pyo3(signature = (signature, *, input_example=None))]
    fn set_signature(
        &self,
        py: Python<'_>,
        signature: &str,
        input_example: Option<&str>,
    ) -> PyResult<()> {
        let signature = self::signature(py, signature)?;
        detached(py, || self.inner.set_signature(&signature, input_example))
    }

    /// Mark it deleted, until `restore` or `gc`.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.delete())
    }

    /// Restore it.
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.inner.restore())
    }

    fn __repr__(&self) -> String {
        format!("LoggedModel({:?})", self.id())
    }
}

#[pymethods]
impl Experiment {
    /// Create a logged model, whose files are then its artifacts.
    #[pyo3(signature = (name="", *, model_type=None, source_run=None, params=None, tags=None,
                        signature=None, input_example=None))]
    #[expect(clippy::too_many_arguments, reason = "each is a keyword of its own in Python")]
    fn create_logged_model(
        &self,
        py: Python<'_>,
        name: &str,
        model_type: Option<&str>,
        source_run: Option<&Bound<'_, PyAny>>,
        params: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        signature: Option<&str>,
        input_example: Option<&str>,
    ) -> PyResult<LoggedModel> {
        let mut builder = self.inner.new_logged_model().name(name);
        if let Some(kind) = model_type {
            builder = builder.model_type(kind);
        }
        if let Some(run) = source_run {
            builder = builder.source_run(run_id(run)?);
        }
        for (key, value) in params.map(flat_params).transpose()?.unwrap_or_default() {
            builder = builder.param(&key, value);
        }
        for (key, value) in tags.map(|it| texts(it, "tags")).transpose()?.unwrap_or_default() {
            builder = builder.tag(&key, value);
        }
        if let Some(json) = signature {
            builder = builder.signature(self::signature(py, json)?);
        }
        if let Some(json) = input_example {
            builder = builder.input_example(json);
        }
        Ok(LoggedModel { inner: detached(py, || builder.create())? })
    }
}

#[pymethods]
impl Database {
    /// A handle of the logged model of this id.
    fn logged_model(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<LoggedModel> {
        let id = logged_model_id(id)?;
        Ok(LoggedModel { inner: detached(py, || self.inner.logged_model(id))? })
    }

    /// One page of the logged models that a search finds, and what asks for the next page.
    ///
    /// `order_by` are fields, each ascending unless " DESC" follows.
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None, max_results=None,
                        page_token=None))]
    fn search_logged_models<'py>(
        &self,
        py: Python<'py>,
        filter: &str,
        order_by: Option<&Bound<'_, PyAny>>,
        experiments: Option<&Bound<'_, PyAny>>,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> PyResult<(Bound<'py, PyList>, Option<String>)> {
        let mut search = LoggedModelSearch::new().filter(filter);
        search = search.page_token(page_token.unwrap_or_default());
        let order = order_by.map(crate::convert::text_list).transpose()?;
        for field in order.unwrap_or_default() {
            search = match field.strip_suffix(" DESC") {
                Some(field) => search.order_by(field, false),
                None => search.order_by(field.strip_suffix(" ASC").unwrap_or(&field), true),
            };
        }
        let experiments = experiments.map(crate::search::experiment_ids).transpose()?;
        for id in experiments.unwrap_or_default() {
            search = search.experiment(id);
        }
        if let Some(count) = max_results {
            search = search.max_results(count);
        }
        let page = detached(py, || self.inner.search_logged_models(&search))?;
        Ok((told_list(py, &page.items)?, page.next_page_token))
    }
}

//! Logged models: outputs of runs, with params, tags and metrics of their own.

use pyo3::prelude::*;
use tracklite::logged_model::{LoggedModelMetric, LoggedModelSearch, LoggedModelStatus};

use crate::convert::{
    choice, experiment_ids, flat_params, instant, logged_model_id, number, run_id, run_text,
    tag_pairs, text, text_list, texts,
};
use crate::database::Database;
use crate::detach::detached;
use crate::entity::{Entity as _, Object, to_page};
use crate::experiment::Experiment;
use crate::search::iterate;
use crate::session::Handle;

/// A handle to a logged model.
///
/// >>> model = experiment.create_logged_model("forest", params={"trees": 100}, source_run=run)
/// >>> model.artifacts().log_bytes(b"...", "model.bin")
/// >>> model.log_metric("accuracy", 0.93)
/// >>> model.set_status("READY")
/// >>> model.info().params
/// {'trees': '100'}
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct LoggedModel {
    pub(crate) handle: Handle<tracklite::logged_model::LoggedModel>,
    id: String,
}

impl LoggedModel {
    fn new(
        py: Python<'_>,
        database: &Handle<tracklite::Database>,
        model: tracklite::logged_model::LoggedModel,
    ) -> PyResult<LoggedModel> {
        let id = model.id().to_string();
        Ok(LoggedModel { handle: database.derive(py, model)?, id })
    }
}

#[pymethods]
impl LoggedModel {
    /// The ID: `m-` and 32 hexadecimal digits.
    #[getter]
    fn id(&self) -> String {
        self.id.clone()
    }

    /// Returns everything that the file has about the model now.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::logged_model::LoggedModel::info)?.to_python(py)
    }

    /// Sets the status: "PENDING", "READY" or "FAILED".
    #[pyo3(signature = (status, *, message=None))]
    fn set_status(&self, py: Python<'_>, status: &str, message: Option<&str>) -> PyResult<()> {
        let status: LoggedModelStatus = choice(py, status)?;
        self.handle.call(py, |model| model.set_status(status, message))
    }

    /// Sets params, all or none.
    fn log_params(&self, py: Python<'_>, params: &Bound<'_, PyAny>) -> PyResult<()> {
        let params = flat_params(params)?;
        self.handle.call(py, |model| model.log_params(params))
    }

    /// Sets a tag. Replaces an earlier value.
    fn set_tag(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = text(value)?;
        self.handle.call(py, |model| model.set_tag(key, value))
    }

    /// Sets tags, all or none.
    fn set_tags(&self, py: Python<'_>, tags: &Bound<'_, PyAny>) -> PyResult<()> {
        let tags = texts(tags, "tags")?;
        self.handle.call(py, |model| model.set_tags(tags))
    }

    /// Deletes a tag.
    fn delete_tag(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        self.handle.call(py, |model| model.delete_tag(key))
    }

    /// Logs a measured value.
    ///
    /// `run` is the run that measured it, `dataset` the name and digest of the dataset used.
    #[pyo3(signature = (key, value, step=0, *, time=None, run=None, dataset=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
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
        self.handle.call(py, |model| model.log_metrics([metric]))
    }

    /// Sets the signature, in MLflow's JSON, and an example of the input, in JSON.
    #[pyo3(signature = (signature, *, input_example=None))]
    fn set_signature(
        &self,
        py: Python<'_>,
        signature: &str,
        input_example: Option<&str>,
    ) -> PyResult<()> {
        let signature = crate::convert::signature(py, signature)?;
        self.handle.call(py, |model| model.set_signature(&signature, input_example))
    }

    /// Marks the model deleted, until `restore` or `gc`.
    fn delete(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::logged_model::LoggedModel::delete)
    }

    /// Restores a deleted model.
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::logged_model::LoggedModel::restore)
    }

    fn __repr__(&self) -> String {
        format!("LoggedModel({:?})", self.id)
    }
}

#[pymethods]
impl Experiment {
    /// Creates a logged model. Its files are its artifacts.
    ///
    /// `source_run` is a run, its ID, or any text that names one elsewhere.
    #[pyo3(signature = (name="", *, model_type=None, source_run=None, params=None, tags=None,
                        signature=None, input_example=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
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
        let mut builder = self.handle.get(py)?.new_logged_model().name(name);
        if let Some(kind) = model_type {
            builder = builder.model_type(kind);
        }
        if let Some(run) = source_run {
            builder = builder.source_run(run_text(run)?);
        }
        for (key, value) in params.map(flat_params).transpose()?.unwrap_or_default() {
            builder = builder.param(&key, value);
        }
        for (key, value) in tag_pairs(tags)? {
            builder = builder.tag(&key, value);
        }
        if let Some(json) = signature {
            builder = builder.signature(crate::convert::signature(py, json)?);
        }
        if let Some(json) = input_example {
            builder = builder.input_example(json);
        }
        LoggedModel::new(py, &self.database, detached(py, || builder.create())?)
    }
}

#[pymethods]
impl Database {
    /// Returns a handle to the logged model with this ID.
    fn logged_model(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<LoggedModel> {
        let id = logged_model_id(id)?;
        let model = self.handle.call(py, |database| database.logged_model(id))?;
        LoggedModel::new(py, &self.handle, model)
    }

    /// Searches logged models. Returns one page of `LoggedModelInfo`.
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
    ) -> PyResult<Object<'py>> {
        let mut search = LoggedModelSearch::new().filter(filter);
        search = search.page_token(page_token.unwrap_or_default());
        for field in order_by.map(text_list).transpose()?.unwrap_or_default() {
            search = search.order_by(field);
        }
        for id in experiments.map(experiment_ids).transpose()?.unwrap_or_default() {
            search = search.experiment(id);
        }
        if let Some(count) = max_results {
            search = search.max_results(count);
        }
        let page = self.handle.call(py, |database| database.search_logged_models(&search))?;
        to_page(py, &page.items, page.next_page_token)
    }

    /// Iterates over all logged models that a search finds. Reads them page by page.
    #[pyo3(signature = (filter="", *, order_by=None, experiments=None))]
    fn iter_logged_models<'py>(
        slf: &Bound<'py, Self>,
        filter: &str,
        order_by: Option<&Bound<'py, PyAny>>,
        experiments: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Object<'py>> {
        let options = [("order_by", order_by), ("experiments", experiments)];
        iterate(slf.as_any(), "search_logged_models", filter, &options)
    }
}

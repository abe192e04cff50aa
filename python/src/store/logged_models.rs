//! Logged models, for the plug-in.

use pyo3::prelude::*;
use tracklite::logged_model::{
    LoggedModel, LoggedModelMetric, LoggedModelSearch, LoggedModelStatus,
};
use tracklite::{Database, ExperimentId, LoggedModelId, Result, RunId};

use super::file::{Store, milliseconds};
use super::values::{
    LoggedModelValue, ModelMetricValue, PageValue, logged_model_value, optional_run_text,
};
use crate::detach::detached;

/// The name of a dataset, and its digest or None for any digest.
type DatasetChoice = (String, Option<String>);

/// The logged models of a file.
#[pyclass(frozen, module = "tracklite._tracklite")]
pub(crate) struct StoreLoggedModels {
    database: Database,
}

#[pymethods]
impl StoreLoggedModels {
    #[new]
    fn new(store: &Store) -> Self {
        StoreLoggedModels { database: store.database.clone() }
    }

    /// Creates a logged model in the state PENDING. The default name is generated.
    #[expect(clippy::too_many_arguments, reason = "the facts of a new logged model")]
    fn create(
        &self,
        py: Python<'_>,
        experiment: u64,
        name: Option<&str>,
        model_type: Option<&str>,
        #[pyo3(from_py_with = optional_run_text)] source_run: Option<String>,
        params: Vec<(String, String)>,
        tags: Vec<(String, String)>,
    ) -> PyResult<LoggedModelValue> {
        let create = || {
            let experiment = self.database.experiment_by_id(ExperimentId::new(experiment))?;
            let mut model = experiment.new_logged_model();
            if let Some(name) = name {
                model = model.name(name);
            }
            if let Some(model_type) = model_type {
                model = model.model_type(model_type);
            }
            if let Some(run) = source_run {
                model = model.source_run(run);
            }
            model = params.iter().fold(model, |model, (key, value)| model.param(key, value));
            model = tags.iter().fold(model, |model, (key, value)| model.tag(key, value));
            model.create()?.info().map(logged_model_value)
        };
        detached(py, create)
    }

    /// Returns the logged model. A deleted one only with `allow_deleted`.
    fn get(&self, py: Python<'_>, id: &str, allow_deleted: bool) -> PyResult<LoggedModelValue> {
        let get = || {
            let model = self.model(id)?;
            let info = if allow_deleted { model.info()? } else { model.active_info()? };
            Ok(logged_model_value(info))
        };
        detached(py, get)
    }

    /// Sets the final status: `READY` or `FAILED`.
    fn finalize(&self, py: Python<'_>, id: &str, status: &str) -> PyResult<LoggedModelValue> {
        let finalize = || {
            let model = self.model(id)?;
            model.finalize(status.parse::<LoggedModelStatus>()?)?;
            model.info().map(logged_model_value)
        };
        detached(py, finalize)
    }

    /// Sets params. They cannot be changed later.
    fn log_params(&self, py: Python<'_>, id: &str, params: Vec<(String, String)>) -> PyResult<()> {
        detached(py, || self.model(id)?.log_params(params))
    }

    /// Sets tags.
    fn set_tags(&self, py: Python<'_>, id: &str, tags: Vec<(String, String)>) -> PyResult<()> {
        detached(py, || self.model(id)?.set_tags(tags))
    }

    /// Deletes a tag.
    fn delete_tag(&self, py: Python<'_>, id: &str, key: &str) -> PyResult<()> {
        detached(py, || self.model(id)?.delete_tag(key))
    }

    /// Marks the model deleted.
    fn delete(&self, py: Python<'_>, id: &str) -> PyResult<()> {
        detached(py, || self.model(id)?.delete())
    }

    /// Searches logged models. Returns one page.
    #[expect(clippy::too_many_arguments, reason = "the arguments of MLflow's search")]
    fn search(
        &self,
        py: Python<'_>,
        experiments: Vec<u64>,
        filter: &str,
        datasets: Vec<DatasetChoice>,
        max_results: usize,
        order: Vec<(String, bool, Option<DatasetChoice>)>,
        token: &str,
        artifact_root: &str,
    ) -> PyResult<PageValue<LoggedModelValue>> {
        let search = || {
            let mut search =
                LoggedModelSearch::new().filter(filter).max_results(max_results).page_token(token);
            search = search.artifact_root(artifact_root);
            if experiments.is_empty() {
                return Ok((Vec::new(), None));
            }
            for id in experiments {
                search = search.experiment(ExperimentId::new(id));
            }
            for (name, digest) in datasets {
                search = search.dataset(name, digest.as_deref());
            }
            for (field, is_ascending, dataset) in order {
                let field = format!("{field} {}", if is_ascending { "ASC" } else { "DESC" });
                search = match dataset {
                    Some((name, digest)) => {
                        search.order_by_metric_on(field, &name, digest.as_deref())
                    }
                    None => search.order_by(field),
                };
            }
            let page = self.database.search_logged_models(&search)?;
            Ok((page.items.into_iter().map(logged_model_value).collect(), page.next_page_token))
        };
        detached(py, search)
    }
}

impl StoreLoggedModels {
    fn model(&self, id: &str) -> Result<LoggedModel> {
        self.database.logged_model(LoggedModelId::lookup(id)?)
    }
}

/// Converts a value of a logged model's metric.
pub(super) fn logged_model_metric(value: ModelMetricValue) -> Result<LoggedModelMetric> {
    let (key, value, time, step, run, dataset) = value;
    let mut metric = LoggedModelMetric::new(key, value, step).time(milliseconds(time)?);
    if let Some(run) = run {
        metric = metric.run(RunId::lookup(&run)?);
    }
    if let Some((name, digest)) = dataset {
        metric = metric.dataset(name, digest);
    }
    Ok(metric)
}

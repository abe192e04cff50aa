//! What a run was given and what came of it: datasets and logged models.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use tracklite::{Dataset, DatasetInput};

use crate::convert::{logged_model_id, texts};
use crate::detach::detached;
use crate::entity::{Entity as _, Object, told_list};
use crate::run::Run;

/// What a dataset says of itself: `tracklite.Dataset`, or any value with these attributes.
#[derive(FromPyObject)]
struct GivenDataset {
    name: String,
    digest: String,
    source_type: String,
    source: String,
    schema: Option<String>,
    profile: Option<String>,
}

impl GivenDataset {
    fn dataset(self) -> Dataset {
        let mut dataset = Dataset::new(self.name, self.digest, self.source_type, self.source);
        if let Some(schema) = self.schema {
            dataset = dataset.schema(schema);
        }
        if let Some(profile) = self.profile {
            dataset = dataset.profile(profile);
        }
        dataset
    }
}

#[pymethods]
impl Run {
    /// Log a dataset that the run was given, and what for: "train", "eval" or any other text.
    ///
    /// >>> from tracklite import Dataset
    /// >>> run.log_dataset(Dataset("iris", "5f2c", source="/data/iris.csv"), context="train")
    /// >>> run.inputs().datasets[0].tags
    /// {'mlflow.data.context': 'train'}
    #[pyo3(signature = (dataset, *, context=None, tags=None))]
    fn log_dataset(
        &self,
        py: Python<'_>,
        dataset: &Bound<'_, PyAny>,
        context: Option<&str>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let given = dataset.extract::<GivenDataset>().map_err(|error| {
            let wrong = PyTypeError::new_err("dataset must be a tracklite.Dataset");
            wrong.set_cause(py, Some(error));
            wrong
        });
        let mut input = DatasetInput::new(given?.dataset());
        if let Some(context) = context {
            input = input.context(context);
        }
        for (key, value) in tags.map(|it| texts(it, "tags")).transpose()?.unwrap_or_default() {
            input = input.tag(key, value);
        }
        detached(py, || self.inner.log_inputs(&[input], &[]))
    }

    /// Log a model that the run was given.
    fn log_model_input(&self, py: Python<'_>, model: &Bound<'_, PyAny>) -> PyResult<()> {
        let model = logged_model_id(model)?.to_string();
        detached(py, || self.inner.log_inputs(&[], &[&model]))
    }

    /// Log a model that the run has made, and at which step.
    #[pyo3(signature = (model, step=0))]
    fn log_model_output(
        &self,
        py: Python<'_>,
        model: &Bound<'_, PyAny>,
        step: i64,
    ) -> PyResult<()> {
        let model = logged_model_id(model)?.to_string();
        detached(py, || self.inner.log_outputs([(model, step)]))
    }

    /// The datasets and models that the run was given, in the order of logging.
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        detached(py, || self.inner.inputs())?.told(py)
    }

    /// The models that the run has made, in the order of logging.
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        told_list(py, &detached(py, || self.inner.outputs())?)
    }
}

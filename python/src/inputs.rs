//! The inputs and outputs of a run: datasets and logged models.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use tracklite::inputs::{Dataset, DatasetInput};

use crate::convert::{logged_model_id, tag_pairs};
use crate::entity::{Entity as _, Object, to_list};
use crate::run::Run;

/// A `tracklite.Dataset`, or any value with these attributes.
#[derive(FromPyObject)]
struct DatasetArgument {
    name: String,
    digest: String,
    source_type: String,
    source: String,
    schema: Option<String>,
    profile: Option<String>,
}

impl DatasetArgument {
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
    /// Logs a dataset as an input of the run. `context` is its use, such as "train" or "eval".
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
        let dataset = dataset.extract::<DatasetArgument>().map_err(|error| {
            let wrong = PyTypeError::new_err("dataset must be a tracklite.Dataset");
            wrong.set_cause(py, Some(error));
            wrong
        });
        let mut input = DatasetInput::new(dataset?.dataset());
        if let Some(context) = context {
            input = input.context(context);
        }
        for (key, value) in tag_pairs(tags)? {
            input = input.tag(key, value);
        }
        self.handle.call(py, |run| run.log_inputs(&[input], &[]))
    }

    /// Logs a model as an input of the run.
    fn log_model_input(&self, py: Python<'_>, model: &Bound<'_, PyAny>) -> PyResult<()> {
        let model = logged_model_id(model)?.to_string();
        self.handle.call(py, |run| run.log_inputs(&[], &[&model]))
    }

    /// Logs a model as an output of the run, at a step.
    #[pyo3(signature = (model, step=0))]
    fn log_model_output(
        &self,
        py: Python<'_>,
        model: &Bound<'_, PyAny>,
        step: i64,
    ) -> PyResult<()> {
        let model = logged_model_id(model)?.to_string();
        self.handle.call(py, |run| run.log_outputs([(model, step)]))
    }

    /// Returns the input datasets and models, in the order of logging.
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        self.handle.call(py, tracklite::Run::inputs)?.to_python(py)
    }

    /// Returns the output models, in the order of logging.
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::Run::outputs)?)
    }
}

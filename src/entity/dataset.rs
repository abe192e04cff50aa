//! The inputs and outputs of runs: datasets and logged models.

use std::collections::BTreeMap;

use super::tag::DATA_CONTEXT_TAG;
use crate::entity::id::ExperimentId;

/// A dataset as used by a run.
///
/// Name and digest identify it within its experiment. The other fields keep their first logged
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// The name.
    pub name: String,
    /// A digest of its contents, by any algorithm.
    pub digest: String,
    /// The kind of source, such as `local` or `s3`.
    pub source_type: String,
    /// The location of the data, usually as JSON.
    pub source: String,
    /// The columns and their types, usually as JSON.
    pub schema: Option<String>,
    /// Summary statistics such as row counts and means, usually as JSON.
    pub profile: Option<String>,
}

impl Dataset {
    /// Creates a dataset without a schema or profile.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        digest: impl Into<String>,
        source_type: impl Into<String>,
        source: impl Into<String>,
    ) -> Self {
        Dataset {
            name: name.into(),
            digest: digest.into(),
            source_type: source_type.into(),
            source: source.into(),
            schema: None,
            profile: None,
        }
    }

    /// Sets the schema.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Sets the profile.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }
}

/// A dataset used as an input of a run, with tags that describe the use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatasetInput {
    /// The dataset.
    pub dataset: Dataset,
    /// The tags of this use by key.
    pub tags: BTreeMap<String, String>,
}

impl DatasetInput {
    /// Creates an input without tags.
    #[must_use]
    pub fn new(dataset: Dataset) -> Self {
        DatasetInput { dataset, tags: BTreeMap::new() }
    }

    /// Sets a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Sets the purpose, such as `train` or `eval`. This is the tag `mlflow.data.context`.
    #[must_use]
    pub fn context(self, context: impl Into<String>) -> Self {
        self.tag(DATA_CONTEXT_TAG, context)
    }
}

/// The inputs of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInputs {
    /// The datasets, in the order of logging.
    pub datasets: Vec<DatasetInput>,
    /// The ids of logged models, in the order of logging.
    pub models: Vec<String>,
}

/// A model logged by a run at a training step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelOutput {
    /// The id of the logged model.
    pub model: String,
    /// The training step.
    pub step: i64,
}

impl ModelOutput {
    /// Creates an output: `model`, logged at `step`.
    #[must_use]
    pub fn new(model: impl Into<String>, step: i64) -> Self {
        ModelOutput { model: model.into(), step }
    }
}

/// A dataset of an experiment, with one purpose for which runs used it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The name of the dataset.
    pub name: String,
    /// The digest of the dataset.
    pub digest: String,
    /// The purpose, such as `train`.
    pub context: Option<String>,
}

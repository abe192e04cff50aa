//! What a run was given and what came of it: datasets and logged models.

use std::collections::BTreeMap;

use super::tag::DATA_CONTEXT_TAG;
use crate::entity::id::ExperimentId;

/// A dataset as a run used it. In its experiment it is identified by name and digest; what else
/// it says holds as it was logged first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// A digest of its contents, by whatever rule.
    pub digest: String,
    /// What kind of source it has, such as `local` or `s3`.
    pub source_type: String,
    /// Where it comes from, most often as JSON.
    pub source: String,
    /// What its columns are, most often as JSON.
    pub schema: Option<String>,
    /// What it amounts to (rows, means ...), most often as JSON.
    pub profile: Option<String>,
}

impl Dataset {
    /// A dataset without schema and profile.
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

    /// The same with a schema.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// The same with a profile.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }
}

/// A dataset that a run was given, and tags that say what for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatasetInput {
    /// The dataset.
    pub dataset: Dataset,
    /// Tags of this use of it by key.
    pub tags: BTreeMap<String, String>,
}

impl DatasetInput {
    /// An input without tags.
    #[must_use]
    pub fn new(dataset: Dataset) -> Self {
        DatasetInput { dataset, tags: BTreeMap::new() }
    }

    /// The same with a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// The same with what it is used for, such as `train` or `eval`: the tag
    /// `mlflow.data.context`.
    #[must_use]
    pub fn context(self, context: impl Into<String>) -> Self {
        self.tag(DATA_CONTEXT_TAG, context)
    }
}

/// What a run was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInputs {
    /// The datasets, in the order of logging.
    pub datasets: Vec<DatasetInput>,
    /// The ids of logged models, in the order of logging.
    pub models: Vec<String>,
}

/// A model that a run logged, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelOutput {
    /// The id of the logged model.
    pub model: String,
    /// The training step.
    pub step: i64,
}

impl ModelOutput {
    /// The model logged at this step.
    #[must_use]
    pub fn new(model: impl Into<String>, step: i64) -> Self {
        ModelOutput { model: model.into(), step }
    }
}

/// A dataset of an experiment and one use that runs made of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The dataset's name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What it was used for, such as `train`.
    pub context: Option<String>,
}

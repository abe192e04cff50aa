//! Inputs and outputs of runs: datasets and logged models.

use crate::database::Database;
use crate::entity::id::ExperimentId;
use crate::entity::limits::{Limits, check_name, check_text};
use crate::entity::{Dataset, DatasetInput, DatasetSummary, ModelOutput, RunInputs};
use crate::error::Result;
use crate::experiment::Experiment;
use crate::format::record::{DatasetLogged, InputsLogged, OutputsLogged};
use crate::run::Run;

impl DatasetSummary {
    /// The maximum number of results of [`Database::search_datasets`], as in MLflow.
    pub const MAX_RESULTS: usize = 1000;
}

impl Run {
    /// Logs datasets and logged models as inputs of the run, all or none.
    ///
    /// If the run already has a dataset with the same name and digest, the first one and its tags
    /// are kept. Duplicates are ignored.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the id of a model is blank,
    ///   or the name, digest, source type or source of a dataset is.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a text exceeds its
    ///   [`Limits`] or the key of a tag is illegal.
    ///
    /// # Performance
    ///
    /// Takes a few microseconds.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::inputs::{Dataset, DatasetInput};
    ///
    /// let run = database.default_experiment()?.start_run("")?;
    /// let iris = Dataset::new("iris", "5f2c", "local", "/data/iris.csv");
    /// run.log_inputs(&[DatasetInput::new(iris).context("train")], &["m-17"])?;
    /// run.log_outputs([("m-18", 100)])?;
    /// assert_eq!(run.inputs()?.datasets[0].tags["mlflow.data.context"], "train");
    /// assert_eq!(run.outputs()?[0].model, "m-18");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn log_inputs(&self, datasets: &[DatasetInput], models: &[&str]) -> Result<()> {
        let limits = &self.engine().limits;
        let checked = datasets
            .iter()
            .try_for_each(|input| check_input(limits, input))
            .and_then(|()| models.iter().try_for_each(|model| check_model(limits, model)));
        self.engine().located(checked)?;
        if datasets.is_empty() && models.is_empty() {
            return Ok(());
        }
        let record = InputsLogged {
            run: self.id(),
            datasets: datasets.iter().map(logged).collect(),
            models: models.iter().map(|&model| model.to_owned()).collect(),
        };
        self.write(|_| Ok(vec![record.clone().into()]))
    }

    /// Logs a dataset as an input of the run, with its context: `train`, `eval` or any other text.
    ///
    /// See [`Run::log_inputs`].
    pub fn log_dataset(&self, dataset: Dataset, context: &str) -> Result<()> {
        self.log_inputs(&[DatasetInput::new(dataset).context(context)], &[])
    }

    /// Logs logged models as outputs of the run, each with its training step.
    ///
    /// Duplicates are ignored.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if an id is blank or exceeds
    ///   its [`Limits`].
    pub fn log_outputs<M: Into<String>>(
        &self,
        models: impl IntoIterator<Item = (M, i64)>,
    ) -> Result<()> {
        let models: Vec<(String, i64)> =
            models.into_iter().map(|(model, step)| (model.into(), step)).collect();
        let limits = &self.engine().limits;
        let checked = models.iter().try_for_each(|(model, _)| check_model(limits, model));
        self.engine().located(checked)?;
        if models.is_empty() {
            return Ok(());
        }
        let record = OutputsLogged { run: self.id(), models };
        self.write(|_| Ok(vec![record.clone().into()]))
    }

    /// Returns the datasets and models that are inputs of the run, in the order of logging.
    ///
    /// # Performance
    ///
    /// Takes about 10 us.
    pub fn inputs(&self) -> Result<RunInputs> {
        let inputs = self.engine().with_index(|index, _| index.run_inputs(self.id()))?;
        self.unless_purged(inputs, |inputs| inputs.datasets.is_empty() && inputs.models.is_empty())
    }

    /// Returns the models that are outputs of the run, in the order of logging.
    pub fn outputs(&self) -> Result<Vec<ModelOutput>> {
        let outputs = self.engine().with_index(|index, _| index.run_outputs(self.id()))?;
        self.unless_purged(outputs, Vec::is_empty)
    }
}

impl Database {
    /// Returns the distinct datasets of these experiments and their contexts.
    ///
    /// They are ordered by experiment, name, digest and context. Datasets of deleted runs are
    /// included. Only the first [`DatasetSummary::MAX_RESULTS`] are returned, as in MLflow.
    /// [`Experiment::datasets`] returns all.
    pub fn search_datasets(&self, experiments: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        let mut found = self.engine().with_index(|index, _| index.datasets(experiments))?;
        found.truncate(DatasetSummary::MAX_RESULTS);
        Ok(found)
    }
}

impl Experiment {
    /// Returns the distinct datasets of its runs and their contexts.
    ///
    /// They are ordered by name, digest and context. Datasets of deleted runs are included.
    pub fn datasets(&self) -> Result<Vec<DatasetSummary>> {
        self.database().engine().with_index(|index, _| index.datasets(&[self.id()]))
    }
}

fn logged(input: &DatasetInput) -> DatasetLogged {
    let DatasetInput { dataset, tags } = input.clone();
    let Dataset { name, digest, source_type, source, schema, profile } = dataset;
    let tags = tags.into_iter().collect();
    DatasetLogged { name, digest, source_type, source, schema, profile, tags }
}

fn check_input(limits: &Limits, input: &DatasetInput) -> Result<()> {
    let DatasetInput { dataset, tags } = input;
    let (schema, profile) = (dataset.schema.as_deref(), dataset.profile.as_deref());
    let sizes = limits.dataset();
    check_name("name", &dataset.name, sizes.name)?;
    check_name("digest", &dataset.digest, sizes.digest)?;
    check_name("source_type", &dataset.source_type, sizes.source)?;
    check_name("source", &dataset.source, sizes.source)?;
    check_text("schema", schema.unwrap_or_default(), sizes.schema)?;
    check_text("profile", profile.unwrap_or_default(), sizes.profile)?;
    tags.iter().try_for_each(|(key, value)| limits.input_tags().check(None, key, value))
}

fn check_model(limits: &Limits, model: &str) -> Result<()> {
    check_name("model_id", model, limits.dataset().model)
}

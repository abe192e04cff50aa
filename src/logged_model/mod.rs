//! Logged models: models that runs create, with their own params, tags, metrics and files.
//!
//! [`Experiment::new_logged_model`] creates one, and [`Database::logged_model`] finds it by its id.
//! [`Database::search_logged_models`] searches them.

pub(crate) mod search;

use std::fmt;
use std::ops::RangeInclusive;

use crate::database::Database;
use crate::engine::Engine;
use crate::engine::guards::{
    LOGGED_MODEL_LIFECYCLES, ParamOwner, check_experiment_active, check_experiment_writable,
    check_logged_model_writable, measured, no_such_logged_model, set_once,
};
use crate::entity::Lifecycle;
use crate::entity::id::{LoggedModelId, Timestamp};
use crate::entity::limits::check_text;
use crate::entity::names;
use crate::entity::signature::check_json;
use crate::entity::wording::python;
use crate::error::{Error, ErrorKind, Result};
use crate::experiment::Experiment;
use crate::format::record::{
    LoggedModelCreated, LoggedModelLifecycleSet, LoggedModelMetricsLogged, LoggedModelParamsSet,
    LoggedModelSignatureSet, LoggedModelTagDeleted, LoggedModelTagsSet, LoggedModelUpdated,
    MeasuredMetric, Record,
};
use crate::index::Index;

pub use crate::entity::signature::{FieldType, Signature, SignatureField, SignatureParam};
pub use crate::entity::{LoggedModelInfo, LoggedModelMetric, LoggedModelStatus};
pub use crate::logged_model::search::LoggedModelSearch;

/// Keys and values.
type Pairs = Vec<(String, String)>;

/// Records that change a logged model, without its metrics.
const FACTS: RangeInclusive<u16> = LoggedModelUpdated::KIND..=LoggedModelTagDeleted::KIND;

/// A handle of a logged model.
///
/// Clones are the same handle. Dropping a handle writes nothing.
///
/// # Errors
///
/// All methods that write may fail with:
///
/// - [`ErrorKind::InvalidState`] if the model or its experiment is deleted.
/// - [`ErrorKind::NotFound`] if the model was purged, for example by [`Database::gc`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::logged_model::{LoggedModelMetric, LoggedModelStatus};
///
/// let experiment = database.experiment("/Shared/team/digits")?;
/// let run = experiment.start_run("")?;
/// let model = experiment.new_logged_model().name("digits").source_run(run.id()).create()?;
/// run.log_outputs([(model.id().to_string(), 0)])?;
/// model.log_params([("depth", "3")])?;
/// model.log_metrics([LoggedModelMetric::new("accuracy", 0.9, 0).dataset("test", "5f2c")])?;
/// model.finalize(LoggedModelStatus::Ready)?;
/// assert_eq!(model.info()?.metrics[0].value, 0.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LoggedModel {
    database: Database,
    id: LoggedModelId,
}

impl Database {
    /// Returns the logged model with this id, which may be deleted.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such model.
    pub fn logged_model(&self, id: LoggedModelId) -> Result<LoggedModel> {
        self.engine().with_index(|index, _| {
            index.logged_model_lifecycle(id)?.map(|_| ()).ok_or_else(|| no_such_logged_model(id))
        })?;
        Ok(LoggedModel { database: self.clone(), id })
    }
}

impl Experiment {
    /// Builds a logged model in this experiment.
    pub fn new_logged_model(&self) -> LoggedModelBuilder {
        LoggedModelBuilder {
            experiment: self.clone(),
            name: None,
            model_type: None,
            source_run: None,
            params: Vec::new(),
            tags: Vec::new(),
            signature: None,
            input_example: None,
        }
    }
}

impl LoggedModel {
    /// Returns the id of the model.
    #[must_use]
    pub fn id(&self) -> LoggedModelId {
        self.id
    }

    /// Returns the database that contains the model.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn engine(&self) -> &Engine {
        self.database.engine()
    }

    /// Returns the name, status, times, params, tags and metrics.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the model was purged.
    ///
    /// # Performance
    ///
    /// About 20 us, plus 1 us for each metric.
    pub fn info(&self) -> Result<LoggedModelInfo> {
        let found = self.engine().with_index(|index, _| index.logged_model(self.id))?;
        found.ok_or_else(|| self.engine().locate(no_such_logged_model(self.id)))
    }

    /// Returns the same as [`LoggedModel::info`], but only if the model is not deleted.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the model is deleted or was purged, as in MLflow.
    pub fn active_info(&self) -> Result<LoggedModelInfo> {
        let info = self.info()?;
        match info.lifecycle {
            Lifecycle::Active => Ok(info),
            Lifecycle::Deleted => {
                let id = self.id;
                let message = format!(
                    "Logged model with ID '{id}' not found. It is deleted and can be restored."
                );
                Err(self.engine().locate(Error::new(ErrorKind::NotFound, message)))
            }
        }
    }

    /// Returns the signature, or `None` if none was set.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the model was purged.
    pub fn signature(&self) -> Result<Option<Signature>> {
        self.info()?.signature.as_deref().map(Signature::parse).transpose()
    }

    /// Sets the final status.
    pub fn finalize(&self, status: LoggedModelStatus) -> Result<()> {
        self.set_status(status, None)
    }

    /// Sets the status and its message. Without a message, the previous message stays.
    pub fn set_status(&self, status: LoggedModelStatus, message: Option<&str>) -> Result<()> {
        self.write(&[], |_| {
            let (status, status_message) = (Some(status), message.map(str::to_owned));
            let (model, time) = (self.id, Timestamp::now_nanos());
            Ok(vec![LoggedModelUpdated { model, status, status_message, time }.into()])
        })
    }

    /// Logs params: all of them or none.
    ///
    /// A param is set once. Setting it again to the same value changes nothing.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if a param already has another value, or a key or value is not
    ///   legal.
    pub fn log_params<K: AsRef<str>, V: ToString>(
        &self,
        params: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let params = self.pairs("params", params)?;
        self.write(&[FACTS], |info| {
            let owner = ParamOwner::LoggedModel(self.id);
            let fresh = set_once(owner, Some(&info.params), &params)?;
            if fresh.is_empty() {
                return Ok(Vec::new());
            }
            Ok(vec![
                LoggedModelParamsSet {
                    model: self.id,
                    params: fresh,
                    time: Timestamp::now_nanos(),
                }
                .into(),
            ])
        })
    }

    /// Sets or replaces a tag.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the key or value is not legal.
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        self.set_tags([(key, value)])
    }

    /// Sets or replaces tags: all of them or none.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if a key or value is not legal.
    pub fn set_tags<K: AsRef<str>, V: ToString>(
        &self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let tags = self.pairs("tags", tags)?;
        self.write(&[], |_| {
            let (model, tags) = (self.id, tags.clone());
            Ok(vec![LoggedModelTagsSet { model, tags, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Deletes a tag.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such tag.
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.write(&[FACTS], |info| {
            if !info.tags.contains_key(key) {
                let (id, key) = (self.id, python(key));
                let message = format!("No tag with key {key} found for model with ID '{id}'.");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let (model, key) = (self.id, key.to_owned());
            Ok(vec![LoggedModelTagDeleted { model, key, time: Timestamp::now_nanos() }.into()])
        })
    }

    /// Logs a value that was measured now, without a dataset.
    ///
    /// # Errors
    ///
    /// - Those of [`LoggedModel::log_metrics`].
    /// - [`ErrorKind::InvalidInput`] if the step exceeds `i64::MAX`.
    pub fn log_metric(
        &self,
        key: &str,
        value: impl Into<f64>,
        step: impl TryInto<i64>,
    ) -> Result<()> {
        let Ok(step) = step.try_into() else {
            let message = format!("step is too large: the largest step is {}", i64::MAX);
            return Err(self.engine().locate(Error::new(ErrorKind::InvalidInput, message)));
        };
        self.log_metrics([LoggedModelMetric::new(key, value, step)])
    }

    /// Logs metrics of the model: all of them or none.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if a key is not legal, or the name or digest of a dataset is
    ///   blank.
    pub fn log_metrics(&self, metrics: impl IntoIterator<Item = LoggedModelMetric>) -> Result<()> {
        let limits = &self.engine().limits;
        let measured = metrics.into_iter().map(|metric| measured(limits, metric));
        let measured: Vec<MeasuredMetric> =
            self.engine().located(measured.collect::<Result<_>>())?;
        if measured.is_empty() {
            return Ok(());
        }
        self.write_with(&[], |index| {
            check_logged_model_writable(index, self.id)?;
            let (model, metrics) = (self.id, measured.clone());
            Ok(vec![LoggedModelMetricsLogged { model, metrics }.into()])
        })
    }

    /// Sets the signature, with an optional example of the input as JSON.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the example is not valid JSON.
    pub fn set_signature(&self, signature: &Signature, input_example: Option<&str>) -> Result<()> {
        let example = input_example.unwrap_or("null");
        let checked = check_json("the input example", example)
            .and_then(|()| check_text("input_example", example, usize::MAX));
        checked?;
        self.write(&[], |_| {
            let example = input_example.map(str::to_owned);
            Ok(vec![signature_set(self.id, Some(signature), example)])
        })
    }

    /// Marks the model as deleted.
    ///
    /// [`LoggedModel::restore`] undoes this, until [`Database::gc`] purges the model.
    pub fn delete(&self) -> Result<()> {
        self.set_lifecycle(Lifecycle::Deleted)
    }

    /// Restores a deleted model.
    pub fn restore(&self) -> Result<()> {
        self.set_lifecycle(Lifecycle::Active)
    }

    fn set_lifecycle(&self, lifecycle: Lifecycle) -> Result<()> {
        self.write_with(&[], |index| {
            let found = index.logged_model_lifecycle(self.id)?;
            let (before, _) = found.ok_or_else(|| no_such_logged_model(self.id))?;
            if before == lifecycle {
                return Ok(Vec::new());
            }
            let (model, time) = (self.id, Timestamp::now_nanos());
            Ok(vec![LoggedModelLifecycleSet { model, lifecycle, time }.into()])
        })
    }

    fn pairs<K: AsRef<str>, V: ToString>(
        &self,
        what: &'static str,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Vec<(String, String)>> {
        let pairs = self.engine().limits.logged_model_pairs(what).collect(pairs);
        self.engine().located(pairs)
    }

    /// Appends the records that `build` returns for the info of the model, if it accepts writes.
    fn write(
        &self,
        kinds: &[RangeInclusive<u16>],
        mut build: impl FnMut(&LoggedModelInfo) -> Result<Vec<Record>>,
    ) -> Result<()> {
        self.write_with(kinds, |index| {
            check_logged_model_writable(index, self.id)?;
            build(&index.logged_model(self.id)?.ok_or_else(|| no_such_logged_model(self.id))?)
        })
    }

    fn write_with(
        &self,
        kinds: &[RangeInclusive<u16>],
        mut build: impl FnMut(&Index) -> Result<Vec<Record>>,
    ) -> Result<()> {
        let kinds = [&LOGGED_MODEL_LIFECYCLES, kinds].concat();
        self.engine().append_decided(&kinds, |index| Ok((build(index)?, ())))
    }
}

impl fmt::Debug for LoggedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LoggedModel").field(&self.id).finish()
    }
}

/// A builder of a logged model, which is written as one frame.
#[derive(Debug)]
#[must_use = "a logged model is created by `create`"]
pub struct LoggedModelBuilder {
    experiment: Experiment,
    name: Option<String>,
    model_type: Option<String>,
    source_run: Option<String>,
    params: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    signature: Option<Signature>,
    input_example: Option<String>,
}

impl LoggedModelBuilder {
    /// Sets the name. Default: a generated one.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Sets the type, which is any text. Default: none.
    pub fn model_type(mut self, model_type: &str) -> Self {
        self.model_type = Some(model_type.to_owned());
        self
    }

    /// Sets the run that creates the model: its id, or any other text, as in MLflow.
    ///
    /// The run may be deleted, or be in another file. Default: none.
    #[expect(clippy::needless_pass_by_value, reason = "callers write ids and texts")]
    pub fn source_run(mut self, run: impl ToString) -> Self {
        self.source_run = Some(run.to_string());
        self
    }

    /// Adds a param.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn param(mut self, key: &str, value: impl ToString) -> Self {
        self.params.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds a tag.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn tag(mut self, key: &str, value: impl ToString) -> Self {
        self.tags.push((key.to_owned(), value.to_string()));
        self
    }

    /// Sets the signature. Default: none.
    pub fn signature(mut self, signature: Signature) -> Self {
        self.signature = Some(signature);
        self
    }

    /// Sets an example of the input, as JSON. Default: none.
    pub fn input_example(mut self, json: &str) -> Self {
        self.input_example = Some(json.to_owned());
        self
    }

    /// Creates the model as one frame, with the status pending.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the name is blank or contains one of `/ : . % " '`.
    /// - [`ErrorKind::InvalidInput`] if a key is not legal, a param has two values, or the example
    ///   is not valid JSON.
    /// - [`ErrorKind::NotFound`] if the experiment does not exist.
    /// - [`ErrorKind::InvalidState`] if the experiment is deleted.
    pub fn create(self) -> Result<LoggedModel> {
        let database = self.experiment.database().clone();
        let engine = database.engine();
        let located = |error| engine.locate(error);
        let random = engine.random_bits()?;
        let id = LoggedModelId::from_bits(random);
        let (params, tags) = self.checked(engine).map_err(located)?;
        let experiment = self.experiment.id();
        let checked = engine.state(|state, _| check_experiment_writable(state, experiment));
        checked.and_then(|checked| checked).map_err(located)?;
        let created = LoggedModelCreated {
            model: id,
            experiment,
            name: self.name.unwrap_or_else(|| names::generated(random)),
            model_type: self.model_type,
            source_run: self.source_run,
            params,
            tags,
            time: Timestamp::now_nanos(),
        };
        let mut records: Vec<Record> = vec![created.into()];
        if self.signature.is_some() || self.input_example.is_some() {
            records.push(signature_set(id, self.signature.as_ref(), self.input_example));
        }
        engine.append_decided(&LOGGED_MODEL_LIFECYCLES, |index| {
            check_experiment_active(index, experiment)?;
            Ok((records.clone(), ()))
        })?;
        Ok(LoggedModel { database: database.clone(), id })
    }

    fn checked(&self, engine: &Engine) -> Result<(Pairs, Pairs)> {
        let limits = &engine.limits;
        if let Some(name) = &self.name {
            limits.check_logged_model_name(name)?;
        }
        let model_type = self.model_type.as_deref().unwrap_or_default();
        check_text("model_type", model_type, usize::MAX)?;
        let run = self.source_run.as_deref().unwrap_or_default();
        check_text("source_run_id", run, usize::MAX)?;
        check_json("the input example", self.input_example.as_deref().unwrap_or("null"))?;
        let rule = limits.logged_model_pairs("params");
        let params = rule.collect(self.params.iter().map(|(key, value)| (key, value)))?;
        let params = set_once(ParamOwner::New("logged model"), None, &params)?;
        let rule = limits.logged_model_pairs("tags");
        Ok((params, rule.collect(self.tags.iter().map(|(key, value)| (key, value)))?))
    }
}

fn signature_set(
    model: LoggedModelId,
    signature: Option<&Signature>,
    input_example: Option<String>,
) -> Record {
    let signature = signature.map(Signature::to_json);
    LoggedModelSignatureSet { model, signature, input_example, time: Timestamp::now_nanos() }.into()
}

//! Params and tags of a run.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::engine::guards::{ParamOwner, set_once};
use crate::entity::id::RunId;
use crate::entity::reserved;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{ParamsSet, TagDeleted, TagsSet};
use crate::log::State;
use crate::run::Run;

impl Run {
    /// Sets a param. A param cannot be changed; setting it to the same value again has no effect.
    ///
    /// Keys follow the rule of [`Run::metric`]. A value is any text within the
    /// [`Limits`](crate::Limits).
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the param has another value already.
    /// - [`ErrorKind::InvalidInput`] if the key is illegal or the value is too long.
    /// - [`ErrorKind::InvalidState`] if the run is deleted, or was finished through this handle.
    ///
    /// # Performance
    ///
    /// Writes one record.
    pub fn log_param(&self, key: &str, value: impl ToString) -> Result<()> {
        self.log_params_of(ParamOwner::OneOf(self.id()), [(key, value)])
    }

    /// Sets params, all or none. See [`Run::log_param`].
    pub fn log_params<K, V>(&self, params: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: AsRef<str>,
        V: ToString,
    {
        self.log_params_of(ParamOwner::Run(self.id()), params)
    }

    fn log_params_of<K, V>(
        &self,
        owner: ParamOwner,
        params: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()>
    where
        K: AsRef<str>,
        V: ToString,
    {
        let params = self.limits().params().collect(params);
        let params = self.engine().located(params)?;
        self.write(|state| {
            let known = state.runs.get(&self.id()).map(|run| &run.params);
            let params = set_once(owner, known, &params)?;
            let record = ParamsSet { run: self.id(), params };
            Ok(if record.params.is_empty() { Vec::new() } else { vec![record.into()] })
        })
    }

    /// Sets a tag, and replaces any previous value.
    ///
    /// Two tags stay in sync with the run: `mlflow.runName` with its name, and `mlflow.parentRunId`
    /// with its parent, if the value is an id.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if key or value is illegal. The rules are those of
    ///   [`Run::log_param`].
    /// - [`ErrorKind::InvalidState`] if the run is deleted, or was finished through this handle.
    ///
    /// # Performance
    ///
    /// Writes one record.
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        self.set_tags([(key, value)])
    }

    /// Sets tags, all or none. See [`Run::set_tag`].
    pub fn set_tags<K, V>(&self, tags: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: AsRef<str>,
        V: ToString,
    {
        let tags = self.limits().tags().collect(tags);
        let tags = tags.and_then(|tags| reserved::check_tags(self.limits(), &tags).map(|()| tags));
        let tags = self.engine().located(tags)?;
        if tags.is_empty() {
            return Ok(());
        }
        self.write(|_| Ok(vec![TagsSet { run: self.id(), tags: tags.clone() }.into()]))
    }

    /// Deletes a tag.
    ///
    /// Deleting `mlflow.parentRunId` removes the parent. Deleting `mlflow.runName` keeps the name,
    /// as in MLflow.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the run has no such tag.
    /// - [`ErrorKind::InvalidState`] if the run is deleted, or was finished through this handle.
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.write(|state| {
            let has = state.runs.get(&self.id()).is_some_and(|run| run.tags.contains(key));
            if !has {
                let message = format!("No tag with name: {key} in run with id {}", self.id());
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            Ok(vec![TagDeleted { run: self.id(), key: key.to_owned() }.into()])
        })
    }

    /// Returns the value of a param as a number, a bool or another type, or `None` if it is not
    /// set.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// let run = database.default_experiment()?.start_run("")?;
    /// run.log_params([("rate", "0.1"), ("depth", "3")])?;
    /// assert_eq!(run.param::<f64>("rate")?, Some(0.1));
    /// assert_eq!(run.param::<u32>("depth")?, Some(3));
    /// assert_eq!(run.param::<bool>("shuffle")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the value is not a `T`.
    /// - [`ErrorKind::NotFound`] if the run was purged.
    pub fn param<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.params()?.remove(key) else { return Ok(None) };
        let parsed = value.parse().map(Some);
        parsed.map_err(|source| self.engine().locate(self.not_a::<T>(key, &value, &source)))
    }

    fn not_a<T>(&self, key: &str, value: &str, source: &dyn Display) -> Error {
        let (id, name) = (self.id(), type_name::<T>());
        let message = format!("param {key:?} of run {id} is {value:?}, not a {name}: {source}");
        Error::new(ErrorKind::InvalidInput, message)
    }

    /// Returns the params by key. [`Run::param`] returns one of them as another type.
    pub fn params(&self) -> Result<BTreeMap<String, String>> {
        let params = self.engine().with_index(|index, _| index.params(self.id()))?;
        self.unless_purged(params, BTreeMap::is_empty)
    }

    /// Returns the tags by key.
    pub fn tags(&self) -> Result<BTreeMap<String, String>> {
        let tags = self.engine().with_index(|index, _| index.tags(self.id()))?;
        self.unless_purged(tags, BTreeMap::is_empty)
    }
}

/// Returns the params that are not set yet. Fails if one of them has another value.
pub(crate) fn new_params(
    state: &State,
    run: RunId,
    params: &[(String, String)],
) -> Result<Vec<(String, String)>> {
    let known = state.runs.get(&run).map(|run| &run.params);
    set_once(ParamOwner::Run(run), known, params)
}

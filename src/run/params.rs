//! Params and tags of a run.

use std::collections::BTreeMap;

use crate::entity::id::RunId;
use crate::entity::reserved;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{ParamsSet, TagDeleted, TagsSet};
use crate::log::State;
use crate::run::Run;

impl Run {
    /// Sets a param. The same value again does nothing; another value than before is
    /// [`ErrorKind::InvalidInput`].
    ///
    /// Keys follow the rule of [`Run::metric`]; a value is any text within the [`Limits`], else it
    /// is [`ErrorKind::InvalidInput`]. Costs a record in the file, as tags do.
    pub fn log_param(&self, key: &str, value: impl ToString) -> Result<()> {
        self.log_params([(key, value)])
    }

    /// Sets params, all or none.
    pub fn log_params<K, V>(&self, params: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: AsRef<str>,
        V: ToString,
    {
        let params = self.limits().params().collect(params);
        let params = self.engine().located(params)?;
        self.write(|state| {
            let fresh = fresh_params(state, self.id(), &params)?;
            let record = ParamsSet { run: self.id(), params: fresh };
            Ok(if record.params.is_empty() { Vec::new() } else { vec![record.into()] })
        })
    }

    /// Sets a tag, whatever it was before; key and value follow the rules of params.
    ///
    /// Two tags stand for something else, both ways: `mlflow.runName` is the run's name, and
    /// `mlflow.parentRunId` the run that it is nested in, when its value is an id.
    pub fn set_tag(&self, key: &str, value: impl ToString) -> Result<()> {
        self.set_tags([(key, value)])
    }

    /// Sets tags, all or none.
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

    /// Deletes a tag; [`ErrorKind::NotFound`] when the run has no such tag.
    ///
    /// Without `mlflow.parentRunId` the run is nested in none; without `mlflow.runName` it keeps
    /// its name, as in MLflow.
    pub fn delete_tag(&self, key: &str) -> Result<()> {
        self.write(|state| {
            let has = state.runs.get(&self.id()).is_some_and(|run| run.tags.contains(key));
            if !has {
                let message = format!("run {} has no tag {key:?}", self.id());
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            Ok(vec![TagDeleted { run: self.id(), key: key.to_owned() }.into()])
        })
    }

    /// The params by key.
    pub fn params(&self) -> Result<BTreeMap<String, String>> {
        let params = self.engine().with_index(|index, _| index.params(self.id()))?;
        self.unless_purged(params, BTreeMap::is_empty)
    }

    /// The tags by key.
    pub fn tags(&self) -> Result<BTreeMap<String, String>> {
        let tags = self.engine().with_index(|index, _| index.tags(self.id()))?;
        self.unless_purged(tags, BTreeMap::is_empty)
    }
}

/// The params that are not set yet; one that is set to another value is an error.
pub(crate) fn fresh_params(
    state: &State,
    run: RunId,
    params: &[(String, String)],
) -> Result<Vec<(String, String)>> {
    let known = state.runs.get(&run).map(|run| &run.params);
    let mut fresh: Vec<(String, String)> = Vec::new();
    for (key, value) in params {
        let first = fresh.iter().find(|(other, _)| other == key).map(|(_, value)| value);
        match known.and_then(|known| known.get(key)).or(first) {
            None => fresh.push((key.clone(), value.clone())),
            Some(before) if before == value => {}
            Some(before) => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "param {key:?} of run {run} is {before:?} and stays so: it cannot become \
                         {value:?}"
                    ),
                ));
            }
        }
    }
    Ok(fresh)
}

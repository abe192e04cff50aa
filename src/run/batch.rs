//! Batches: points, params and tags of a run, logged all or none.

use std::collections::{HashMap, HashSet};

use crate::engine::guards::{LOGGED_MODEL_LIFECYCLES, check_logged_model_writable, measured};
use crate::entity::id::LoggedModelId;
use crate::entity::limits::Limits;
use crate::entity::reserved;
use crate::entity::{LoggedModelMetric, MetricPoint};
use crate::error::Result;
use crate::format::record::{LoggedModelMetricsLogged, MeasuredMetric, ParamsSet, Record, TagsSet};
use crate::index::Index;
use crate::log::{KeyedPoints, State};
use crate::run::Run;
use crate::run::params::new_params;

/// Points, params and tags for [`Run::log_batch`], with metrics of logged models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    points: Vec<(String, MetricPoint)>,
    params: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    models: Vec<(LoggedModelId, LoggedModelMetric)>,
}

impl Batch {
    /// Creates an empty batch.
    #[must_use]
    pub fn new() -> Self {
        Batch::default()
    }

    /// Adds a point of a metric, with its own step and time.
    pub fn point(&mut self, key: &str, point: MetricPoint) -> &mut Self {
        self.points.push((key.to_owned(), point));
        self
    }

    /// Adds a param.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn param(&mut self, key: &str, value: impl ToString) -> &mut Self {
        self.params.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds a tag. The last value of a key is kept.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn tag(&mut self, key: &str, value: impl ToString) -> &mut Self {
        self.tags.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds a metric of a logged model. It does not become a metric of the run, unless it is also
    /// added with [`Batch::point`].
    pub fn logged_model_metric(
        &mut self,
        model: LoggedModelId,
        metric: LoggedModelMetric,
    ) -> &mut Self {
        self.models.push((model, metric));
        self
    }

    /// Returns the number of points, params, tags and metrics of logged models.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() + self.params.len() + self.tags.len() + self.models.len()
    }

    /// Returns whether the batch is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self, limits: &Limits) -> Result<()> {
        let mut keys = HashSet::new();
        for (index, (key, _)) in self.points.iter().enumerate() {
            if keys.insert(key) {
                limits.check_metric_key(key, Some(index))?;
            }
        }
        for (index, (key, value)) in self.params.iter().enumerate() {
            limits.params().check(Some(index), key, value)?;
        }
        for (index, (key, value)) in self.tags.iter().enumerate() {
            limits.tags().check(Some(index), key, value)?;
        }
        limits.check_batch(self.points.len(), self.params.len(), self.tags.len())?;
        limits.check_unique(self.params.iter().map(|(key, _)| key.as_str()))?;
        reserved::check_tags(limits, &self.tags)
    }

    /// Returns one record for each logged model, in the order of the batch.
    fn measured(&self, limits: &Limits) -> Result<Vec<LoggedModelMetricsLogged>> {
        let mut by_model: Vec<LoggedModelMetricsLogged> = Vec::new();
        for (model, metric) in &self.models {
            let metric: MeasuredMetric = measured(limits, metric.clone())?;
            match by_model.iter_mut().find(|record| record.model == *model) {
                Some(record) => record.metrics.push(metric),
                None => {
                    let metrics = vec![metric];
                    by_model.push(LoggedModelMetricsLogged { model: *model, metrics });
                }
            }
        }
        Ok(by_model)
    }

    /// Returns the points by key, in the order of the first point of each key.
    fn metrics(&self) -> Vec<KeyedPoints<'_>> {
        let mut metrics: Vec<KeyedPoints<'_>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (key, point) in &self.points {
            let place = *places.entry(key).or_insert(metrics.len());
            if place == metrics.len() {
                metrics.push((key, Vec::new()));
            }
            metrics[place].1.push(*point);
        }
        metrics
    }
}

impl Run {
    /// Logs points, params and tags, all or none.
    ///
    /// When this returns, they survive the death of the process. For many points of a few metrics,
    /// use [`Metric::log_points`](crate::Metric::log_points).
    ///
    /// # Errors
    ///
    /// Nothing is written after an error.
    ///
    /// - [`ErrorKind::InvalidInput`] if a param is a duplicate, even with an equal value, or
    ///   already has another value.
    /// - [`ErrorKind::InvalidInput`] if the batch is larger than about 30 MiB or exceeds the
    ///   [`Limits`].
    /// - [`ErrorKind::InvalidInput`] if an item breaks a rule of [`Run::metric`],
    ///   [`Run::log_param`] or [`Run::set_tag`].
    /// - [`ErrorKind::NotFound`] if a logged model does not exist.
    /// - [`ErrorKind::InvalidState`] if the run or a logged model is deleted.
    ///
    /// # Performance
    ///
    /// Compresses the points and writes one record. Metrics of logged models also take a lookup in
    /// the index.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::{Batch, MetricPoint, Timestamp};
    ///
    /// let run = database.default_experiment()?.start_run("")?;
    /// let mut batch = Batch::new();
    /// batch.param("depth", 3).tag("stage", "warm-up");
    /// for step in 0..10 {
    ///     batch.point("loss", MetricPoint { step, time: Timestamp::now(), value: 0.5 });
    /// }
    /// run.log_batch(&batch)?;
    /// assert_eq!(run.history("loss")?.len(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`ErrorKind::InvalidInput`]: crate::ErrorKind::InvalidInput
    /// [`ErrorKind::NotFound`]: crate::ErrorKind::NotFound
    /// [`ErrorKind::InvalidState`]: crate::ErrorKind::InvalidState
    pub fn log_batch(&self, batch: &Batch) -> Result<()> {
        self.engine().located(batch.check(&self.engine().limits))?;
        self.check_open()?;
        let (engine, metrics) = (self.engine(), batch.metrics());
        let measured = engine.located(batch.measured(&engine.limits))?;
        if measured.is_empty() {
            let records = |state: &State| self.records_of(batch, state).map(Some);
            let appended = engine.log.append_batch(self.id(), &metrics, records);
            engine.located(appended)?;
        } else {
            self.log_with_models(batch, &metrics, &measured)?;
        }
        let last = |points: &Vec<MetricPoint>| points.last().map(|point| point.step);
        self.note_steps(metrics.iter().filter_map(|(key, points)| Some((*key, last(points)?))));
        Ok(())
    }

    fn records_of(&self, batch: &Batch, state: &State) -> Result<Vec<Record>> {
        let (run, mut records) = (self.id(), Vec::new());
        let params = new_params(state, run, &batch.params)?;
        if !params.is_empty() {
            records.push(ParamsSet { run, params }.into());
        }
        if !batch.tags.is_empty() {
            records.push(TagsSet { run, tags: batch.tags.clone() }.into());
        }
        Ok(records)
    }

    /// Logs a batch with metrics of logged models. Only the index knows whether a logged model is
    /// writable, so the decision is repeated if the index was stale.
    fn log_with_models(
        &self,
        batch: &Batch,
        metrics: &[KeyedPoints<'_>],
        measured: &[LoggedModelMetricsLogged],
    ) -> Result<()> {
        let engine = self.engine();
        let check = |index: &Index| {
            measured.iter().try_for_each(|record| check_logged_model_writable(index, record.model))
        };
        engine.decide(&LOGGED_MODEL_LIFECYCLES, check, |(), is_stale| {
            let is_appended = engine.log.append_batch(self.id(), metrics, |state| {
                if is_stale(state) {
                    return Ok(None);
                }
                let mut records = self.records_of(batch, state)?;
                records.extend(measured.iter().cloned().map(Record::from));
                Ok(Some(records))
            })?;
            Ok(is_appended.then_some(()))
        })
    }
}

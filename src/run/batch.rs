//! Batches: points, params and tags of a run that are logged as one, or not at all.

use std::collections::{HashMap, HashSet};

use crate::entity::id::LoggedModelId;
use crate::entity::limits::Limits;
use crate::entity::reserved;
use crate::entity::{LoggedModelMetric, MetricPoint};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::{LoggedModelMetricsLogged, MeasuredMetric, ParamsSet, Record, TagsSet};
use crate::index::Index;
use crate::log::{KeyedPoints, State};
use crate::logged_model::{LIFECYCLES, check_writable, measured};
use crate::run::Run;
use crate::run::params::fresh_params;

/// Points, params and tags to be logged by [`Run::log_batch`], with what was measured of logged
/// models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    points: Vec<(String, MetricPoint)>,
    params: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    models: Vec<(LoggedModelId, LoggedModelMetric)>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Batch::default()
    }

    /// Adds a point of a metric, with a step and time of its own.
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

    /// Adds a tag; of several with one key the last is kept.
    #[expect(clippy::needless_pass_by_value, reason = "callers write numbers and literals")]
    pub fn tag(&mut self, key: &str, value: impl ToString) -> &mut Self {
        self.tags.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds a value that was measured of a logged model; as one of the run it is added by
    /// [`Batch::point`] beside this.
    pub fn logged_model_metric(
        &mut self,
        model: LoggedModelId,
        metric: LoggedModelMetric,
    ) -> &mut Self {
        self.models.push((model, metric));
        self
    }

    /// How many points, params, tags and values of logged models it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() + self.params.len() + self.tags.len() + self.models.len()
    }

    /// Whether it has nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self, limits: &Limits) -> Result<()> {
        limits.check_batch(self.points.len(), self.params.len(), self.tags.len())?;
        let keys: HashSet<&str> = self.points.iter().map(|(key, _)| key.as_str()).collect();
        keys.into_iter().try_for_each(|key| limits.check_metric_key(key))?;
        let mut params = HashSet::new();
        for (key, value) in &self.params {
            limits.params().check(key, value)?;
            if !params.insert(key) {
                let message = format!("param {key:?} stands twice in one batch");
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        self.tags.iter().try_for_each(|(key, value)| limits.tags().check(key, value))?;
        reserved::check_tags(limits, &self.tags)
    }

    /// What was measured, a record for each logged model in their order.
    fn measured(&self, limits: &Limits) -> Result<Vec<LoggedModelMetricsLogged>> {
        let mut by_model: Vec<LoggedModelMetricsLogged> = Vec::new();
        for (model, metric) in &self.models {
            let metric: MeasuredMetric = measured(limits, metric.clone())?;
            match by_model.iter_mut().find(|it| it.model == *model) {
                Some(record) => record.metrics.push(metric),
                None => {
                    let metrics = vec![metric];
                    by_model.push(LoggedModelMetricsLogged { model: *model, metrics });
                }
            }
        }
        Ok(by_model)
    }

    /// The points by key, in the order in which the keys come first.
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
    /// Logs points, params and tags as one frame of the file: all of them or, whatever happens,
    /// none. When this returns they survive the death of the process by any means.
    ///
    /// All is checked before anything is written. A param that stands twice, even with equal
    /// values, one that has another value already, and what breaks a rule of [`Run::metric`],
    /// [`Run::log_param`] or [`Run::set_tag`], is [`ErrorKind::InvalidInput`]; so is a batch of
    /// more than some 30 MiB, and one over the [`Limits`]. A logged model that is not there is
    /// [`ErrorKind::NotFound`], a deleted one [`ErrorKind::InvalidState`].
    ///
    /// Costs a record in the file, and the packing of the points; with logged models also a look
    /// into the index. [`Metric::log_points`](crate::Metric::log_points) is for many points of a
    /// few metrics.
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
        let params = fresh_params(state, run, &batch.params)?;
        if !params.is_empty() {
            records.push(ParamsSet { run, params }.into());
        }
        if !batch.tags.is_empty() {
            records.push(TagsSet { run, tags: batch.tags.clone() }.into());
        }
        Ok(records)
    }

    /// Whether logged models may be written to only the index knows: hence the second look.
    fn log_with_models(
        &self,
        batch: &Batch,
        metrics: &[KeyedPoints<'_>],
        measured: &[LoggedModelMetricsLogged],
    ) -> Result<()> {
        let engine = self.engine();
        let check = |index: &Index| {
            measured.iter().try_for_each(|record| check_writable(index, record.model))
        };
        engine.decide(&LIFECYCLES, check, |(), is_stale| {
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

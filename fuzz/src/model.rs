//! The expected contents of a database, in plain maps and vectors.

use std::collections::BTreeMap;

use crate::endpoints::{ModelEndpoint, compare_endpoints};
use crate::models::{Files, ModelLogged, ModelRegistered};
use crate::models::{compare_files, compare_logged, compare_registered};
use crate::tokens::{ModelToken, compare_tokens};
use crate::views::{ModelView, compare_views};
use crate::webhooks::{ModelWebhook, compare_webhooks};
use tracklite::artifact::ArtifactOwner;
use tracklite::{Database, ExperimentId, Lifecycle, MetricPoint, RunId, RunStatus};

/// An experiment in the model.
#[derive(Clone, Debug)]
pub struct ModelExperiment {
    /// Its id in the database.
    pub id: ExperimentId,
    /// Its path.
    pub path: String,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A run in the model.
#[derive(Clone, Debug)]
pub struct ModelRun {
    /// Its id in the database.
    pub id: RunId,
    /// The id of its experiment.
    pub experiment: ExperimentId,
    /// The id of its parent run.
    pub parent: Option<RunId>,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: RunStatus,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// Its params.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its points by key, in the order of logging.
    pub points: BTreeMap<String, Vec<MetricPoint>>,
    /// Its files.
    pub files: Files,
}

/// The expected contents of a database.
#[derive(Clone, Debug)]
pub struct Model {
    /// Experiments by id, the default one first.
    pub experiments: Vec<ModelExperiment>,
    /// Runs, in the order of their start.
    pub runs: Vec<ModelRun>,
    /// Logged models, in the order of their creation.
    pub logged: Vec<ModelLogged>,
    /// Registered models, in arbitrary order.
    pub registered: Vec<ModelRegistered>,
    /// Access tokens, in the order of their creation.
    pub tokens: Vec<ModelToken>,
    /// Webhooks, in the order of their creation.
    pub webhooks: Vec<ModelWebhook>,
    /// Saved views by name, also deleted ones.
    pub views: BTreeMap<String, ModelView>,
    /// Endpoints by name, also deleted ones.
    pub endpoints: BTreeMap<String, ModelEndpoint>,
}

impl Default for Model {
    fn default() -> Self {
        let experiment = ModelExperiment {
            id: ExperimentId::DEFAULT,
            path: "Default".to_owned(),
            is_deleted: false,
            tags: BTreeMap::new(),
        };
        Model {
            experiments: vec![experiment],
            runs: Vec::new(),
            logged: Vec::new(),
            registered: Vec::new(),
            tokens: Vec::new(),
            webhooks: Vec::new(),
            views: BTreeMap::new(),
            endpoints: BTreeMap::new(),
        }
    }
}

impl Model {
    /// Compares the database with the model.
    ///
    /// # Panics
    ///
    /// If a call fails, or if its result differs from the model.
    pub fn compare(&self, database: &Database) {
        self.compare_experiments(database);
        let records = database.all_runs().expect("read all runs");
        assert_eq!(records.len(), self.runs.len(), "number of runs");
        let active = database.runs().expect("read the active runs");
        let is_active = |run: &&ModelRun| !run.is_deleted && !self.is_in_deleted(run);
        let expected = self.runs.iter().filter(is_active).count();
        assert_eq!(active.len(), expected, "number of active runs");
        for run in &self.runs {
            self.compare_run(database, run);
        }
        compare_logged(database, &self.logged);
        compare_registered(database, &self.registered);
        compare_tokens(database, &self.tokens);
        compare_webhooks(database, &self.webhooks);
        compare_views(database, &self.views);
        compare_endpoints(database, &self.endpoints);
    }

    fn is_in_deleted(&self, run: &ModelRun) -> bool {
        let mut deleted = self.experiments.iter().filter(|experiment| experiment.is_deleted);
        deleted.any(|experiment| experiment.id == run.experiment)
    }

    /// Removes what gc removes.
    pub fn purge(&mut self) {
        let kept = |run: &ModelRun| !run.is_deleted && !self.is_in_deleted(run);
        self.runs = self.runs.iter().filter(|run| kept(run)).cloned().collect();
        let gone = self.experiments.iter().filter(|experiment| experiment.is_deleted);
        let gone: Vec<ExperimentId> = gone.map(|experiment| experiment.id).collect();
        self.logged.retain(|model| !model.is_deleted && !gone.contains(&model.experiment));
        let stays = |experiment: &ModelExperiment| experiment.id == ExperimentId::DEFAULT;
        self.experiments.retain(|experiment| !experiment.is_deleted || stays(experiment));
    }

    fn compare_experiments(&self, database: &Database) {
        let infos = database.experiments().expect("read the experiments");
        assert_eq!(infos.len(), self.experiments.len(), "number of experiments");
        for (info, wanted) in infos.iter().zip(&self.experiments) {
            assert_eq!((info.id, &info.path), (wanted.id, &wanted.path));
            assert_eq!(info.lifecycle, lifecycle(wanted.is_deleted), "{}", wanted.path);
            assert_eq!(info.tags, wanted.tags, "{}", wanted.path);
            let found = database.find_experiment(&wanted.path).expect("find the experiment");
            assert_eq!(found.map(|experiment| experiment.id()), Some(wanted.id));
        }
    }

    fn compare_run(&self, database: &Database, wanted: &ModelRun) {
        let run = database.run(wanted.id).expect("find the run");
        let record = run.record().expect("read its record");
        assert_eq!(record.info.name, wanted.name);
        assert_eq!(record.info.status, wanted.status);
        assert_eq!(record.info.ended.is_some(), wanted.status.is_terminated());
        assert_eq!(record.info.parent, wanted.parent);
        assert_eq!(record.info.lifecycle, lifecycle(wanted.is_deleted));
        assert_eq!(record.info.experiment, wanted.experiment);
        let mut tags = record.tags.clone();
        assert_eq!(tags.remove("mlflow.runName").as_ref(), Some(&record.info.name));
        let parent = wanted.parent.map(|parent| parent.to_string());
        assert_eq!(tags.remove("mlflow.parentRunId"), parent);
        assert_eq!((&record.params, &tags), (&wanted.params, &wanted.tags));
        let children = self.runs.iter().filter(|run| run.parent == Some(wanted.id));
        assert_eq!(
            run.children().expect("read its children"),
            children.map(|run| run.id).collect::<Vec<_>>()
        );
        let keys: Vec<&String> = record.metrics.keys().collect();
        assert_eq!(keys, wanted.points.keys().collect::<Vec<_>>(), "keys with points");
        for (key, points) in &wanted.points {
            let history = run.history(key).expect("read the history");
            assert!(history.times.is_sorted(), "the history is not sorted by time");
            let found: Vec<MetricPoint> = history.iter().collect();
            assert_eq!(sorted(&found), sorted(points), "{key}");
            let latest = points.iter().copied().max_by(MetricPoint::latest_order);
            assert_eq!(
                record.metrics[key].latest_order(&latest.expect("find the latest point")),
                std::cmp::Ordering::Equal,
                "{key}"
            );
            compare_statistics(&run, key, points);
        }
        compare_files(database, ArtifactOwner::Run(wanted.id), &wanted.files);
        assert!(run.history("never logged").expect("read an empty history").is_empty());
    }
}

fn compare_statistics(run: &tracklite::Run, key: &str, points: &[MetricPoint]) {
    let found = run.statistics(key).expect("read the statistics").expect("find statistics");
    let numbers = points.iter().map(|point| point.value).filter(|value| !value.is_nan());
    assert_eq!(found.count, points.len() as u64, "{key}");
    assert_eq!(found.nan_count, (points.len() - numbers.clone().count()) as u64, "{key}");
    if numbers.clone().next().is_some() {
        assert_eq!(found.min, numbers.clone().fold(f64::INFINITY, f64::min), "{key}");
        assert_eq!(found.max, numbers.fold(f64::NEG_INFINITY, f64::max), "{key}");
    }
}

fn lifecycle(is_deleted: bool) -> Lifecycle {
    if is_deleted { Lifecycle::Deleted } else { Lifecycle::Active }
}

/// Returns the points in a canonical order, with the bits of their values.
fn sorted(points: &[MetricPoint]) -> Vec<(i64, i64, u64)> {
    let bits = |point: &MetricPoint| (point.time.as_nanos(), point.step, point.value.to_bits());
    let mut sorted: Vec<_> = points.iter().map(bits).collect();
    sorted.sort_unstable();
    sorted
}

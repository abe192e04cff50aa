//! Searching logged models by MLflow's search language, page by page.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::database::Database;
use crate::entity::id::ExperimentId;
use crate::entity::{ArtifactPlaces, LoggedModelInfo, LoggedModelMetric, MetricPoint};
use crate::error::Result;
use crate::search::{
    Condition, DatasetChoice, LoggedModelFilter, LoggedModelNumber, LoggedModelOrder,
    LoggedModelOrderItem, LoggedModelText, Page, Query, Row, Searched, distinct,
};

const LOGGED_MODELS: Searched = Searched {
    name: "logged models",
    has_view: false,
    is_registry: false,
    max_results: usize::MAX,
    default_results: LoggedModelSearch::DEFAULT_RESULTS,
};

/// A search of logged models: experiments, a filter, datasets, an order and a page, all optional.
///
/// The language is MLflow's for logged models. See `docs/search.md`. Deleted models are never
/// found.
///
/// A metric counts with its latest value, the maximum by step, time and value. If the search names
/// datasets, only values measured on one of them count.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::logged_model::LoggedModelSearch;
///
/// let experiment = database.default_experiment()?;
/// for (name, accuracy) in [("small", 0.7), ("large", 0.9)] {
///     experiment.new_logged_model().name(name).create()?.log_metric("accuracy", accuracy, 0)?;
/// }
/// let search = LoggedModelSearch::new()
///     .filter("metrics.accuracy > 0.5 AND status = 'PENDING'")
///     .order_by("metrics.accuracy DESC");
/// let page = database.search_logged_models(&search)?;
/// let names: Vec<&str> = page.items.iter().map(|model| model.name.as_str()).collect();
/// assert_eq!(names, ["large", "small"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedModelSearch {
    query: Query<LoggedModelOrderItem>,
    experiments: Option<Vec<ExperimentId>>,
    datasets: Vec<DatasetChoice>,
    artifact_root: Option<String>,
}

impl LoggedModelSearch {
    /// The number of logged models on one page unless [`LoggedModelSearch::max_results`] is
    /// called. MLflow's default.
    pub const DEFAULT_RESULTS: usize = 100;

    /// Creates a search for all active logged models of the file, newest first.
    #[must_use]
    pub fn new() -> Self {
        LoggedModelSearch::default()
    }

    /// Restricts the search to this experiment. Further calls add experiments.
    #[must_use]
    pub fn experiment(mut self, id: ExperimentId) -> Self {
        self.experiments.get_or_insert_default().push(id);
        self
    }

    /// Sets the filter. Fields are `metrics.KEY`, `params.KEY`, `tags.KEY` and attributes.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.query.filter = filter.into();
        self
    }

    /// Counts only values that were measured on a dataset of this name, and of this digest if one
    /// is given. Further calls add datasets.
    ///
    /// If the filter has no metric, the search finds only models with any value on one of them.
    #[must_use]
    pub fn dataset(mut self, name: impl Into<String>, digest: Option<&str>) -> Self {
        self.datasets.push(DatasetChoice { name: name.into(), digest: digest.map(str::to_owned) });
        self
    }

    /// Orders by a metric or an attribute, such as `name` or `metrics.accuracy DESC`. Further calls
    /// add fields that break ties.
    ///
    /// The key of a metric is not quoted, even if it contains spaces. Missing values come last in
    /// both directions.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.query.order.push(LoggedModelOrderItem { field: field.into(), dataset: None });
        self
    }

    /// Orders by a metric like [`LoggedModelSearch::order_by`], by its values on a dataset of this
    /// name, and of this digest if one is given.
    #[must_use]
    pub fn order_by_metric_on(
        mut self,
        field: impl Into<String>,
        dataset: &str,
        digest: Option<&str>,
    ) -> Self {
        let digest = digest.map(str::to_owned);
        let dataset = Some(DatasetChoice { name: dataset.to_owned(), digest });
        self.query.order.push(LoggedModelOrderItem { field: field.into(), dataset });
        self
    }

    /// Sets the largest number of models on a page, at least 1.
    #[must_use]
    pub fn max_results(mut self, count: usize) -> Self {
        self.query.max_results = Some(count);
        self
    }

    /// Sets the page by the token from the previous page of the same search. An empty text means
    /// the first page.
    #[must_use]
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.query.page_token = token.into();
        self
    }

    /// Sets the prefix of `artifact_location`, like
    /// [`RunSearch::artifact_root`](crate::RunSearch::artifact_root).
    #[must_use]
    pub fn artifact_root(mut self, root: impl Into<String>) -> Self {
        self.artifact_root = Some(root.into());
        self
    }

    /// Returns everything to which a page token is bound, apart from the filter.
    fn scope(&self) -> String {
        format!("{:?} {:?} {:?}", self.experiments, self.datasets, self.query.order)
    }
}

impl Database {
    /// Returns one page of the logged models that a search finds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the filter, the order, the
    ///   page token or the number of results is not valid.
    ///
    /// # Performance
    ///
    /// Reads all models of the experiments, about 20 us each.
    pub fn search_logged_models(
        &self,
        search: &LoggedModelSearch,
    ) -> Result<Page<LoggedModelInfo>> {
        self.engine().located(self.find_logged_models(search))
    }

    fn find_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModelInfo>> {
        search.query.check_max_results(&LOGGED_MODELS)?;
        let filter = LoggedModelFilter::parse(&search.query.filter)?;
        let order = LoggedModelOrder::parse(&search.query.order)?;
        let page = search.query.page(&LOGGED_MODELS, Some(&search.scope()))?;
        let experiments = search.experiments.as_deref().map(distinct);
        let mut items =
            self.engine().with_index(|index, _| index.logged_models(experiments.as_deref()))?;
        let places = self.artifact_places(search.artifact_root.clone())?;
        items.retain(|model| is_found(model, &filter, &search.datasets, &places));
        items.sort_by(|left, right| compare(left, right, &order, &places));
        let next_page_token = page.cut_out(&mut items);
        Ok(Page { items, next_page_token })
    }
}

/// A logged model whose metrics count only on these datasets, or on any if there are none.
struct Measured<'a> {
    model: &'a LoggedModelInfo,
    datasets: &'a [DatasetChoice],
    places: &'a ArtifactPlaces,
}

impl Measured<'_> {
    /// Returns the latest value of a metric.
    fn latest(&self, key: &str) -> Option<f64> {
        let counts = |metric: &&LoggedModelMetric| {
            let is_on_any = self.datasets.iter().any(|choice| is_on(metric, choice));
            metric.key == key && (self.datasets.is_empty() || is_on_any)
        };
        let points = self.model.metrics.iter().filter(counts).map(|metric| MetricPoint {
            step: metric.step,
            time: metric.time,
            value: metric.value,
        });
        points.max_by(MetricPoint::latest_order).map(|point| point.value)
    }
}

impl Row for Measured<'_> {
    type Number = LoggedModelNumber;
    type Text = LoggedModelText;

    fn number(&self, field: &LoggedModelNumber) -> Option<f64> {
        match field {
            LoggedModelNumber::Metric(key) => self.latest(key),
            LoggedModelNumber::CreationTimestamp => Some(self.model.created.as_millis() as f64),
            LoggedModelNumber::LastUpdatedTimestamp => Some(self.model.updated.as_millis() as f64),
        }
    }

    fn text(&self, field: &LoggedModelText) -> Option<Cow<'_, str>> {
        let model = self.model;
        match field {
            LoggedModelText::Param(key) => model.params.get(key).map(Cow::from),
            LoggedModelText::Tag(key) => model.tags.get(key).map(Cow::from),
            LoggedModelText::Name => Some(Cow::from(&model.name)),
            LoggedModelText::ModelId => Some(Cow::from(model.id.to_string())),
            LoggedModelText::ModelType => model.model_type.as_deref().map(Cow::from),
            LoggedModelText::Status => Some(Cow::from(model.status.as_str())),
            LoggedModelText::SourceRunId => model.source_run.as_deref().map(Cow::from),
            LoggedModelText::ExperimentId => Some(Cow::from(model.experiment.to_string())),
            LoggedModelText::ArtifactLocation => {
                Some(Cow::from(self.places.of_logged_model(model)))
            }
            LoggedModelText::LifecycleStage => Some(Cow::from(model.lifecycle.as_str())),
            LoggedModelText::StatusMessage => model.status_message.as_deref().map(Cow::from),
        }
    }
}

fn is_on(metric: &LoggedModelMetric, choice: &DatasetChoice) -> bool {
    metric.dataset.as_ref().is_some_and(|(name, digest)| {
        *name == choice.name && choice.digest.as_ref().is_none_or(|wanted| wanted == digest)
    })
}

fn is_found(
    model: &LoggedModelInfo,
    filter: &LoggedModelFilter,
    datasets: &[DatasetChoice],
    places: &ArtifactPlaces,
) -> bool {
    let has_metric = filter
        .conditions
        .iter()
        .any(|condition| matches!(condition, Condition::Number(LoggedModelNumber::Metric(_), _)));
    let is_measured =
        |choice: &DatasetChoice| model.metrics.iter().any(|metric| is_on(metric, choice));
    (has_metric || datasets.is_empty() || datasets.iter().any(is_measured))
        && filter.matches(&Measured { model, datasets, places })
}

/// Compares two models. Each key of the order has its own datasets.
fn compare(
    left: &LoggedModelInfo,
    right: &LoggedModelInfo,
    order: &LoggedModelOrder,
    places: &ArtifactPlaces,
) -> Ordering {
    let by_key = order.keys.iter().map(|key| {
        let datasets = key.dataset.as_slice();
        let left = Measured { model: left, datasets, places };
        key.key.compare(&left, &Measured { model: right, datasets, places })
    });
    by_key.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

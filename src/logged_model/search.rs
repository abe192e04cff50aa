//! Searching logged models by MLflow's search language, page by page.

use std::cmp::Ordering;

use crate::database::Database;
use crate::entity::id::ExperimentId;
use crate::entity::{LoggedModelInfo, LoggedModelMetric, MetricPoint};
use crate::error::{Error, ErrorKind, Result};
use crate::run::search::Page;
use crate::search::{
    Condition, DatasetChoice, Direction, Field, Fingerprint, LoggedModelFilter, LoggedModelNumber,
    LoggedModelOrder, LoggedModelOrderItem, LoggedModelSortKey, LoggedModelText, PageToken,
};

/// The number of logged models of one page when no other is asked for; MLflow's default.
pub const LOGGED_MODELS_PAGE_DEFAULT: usize = 100;

/// What to search logged models by: experiments, a filter, datasets, an order and a page, all of
/// which may be left out.
///
/// The language is MLflow's for logged models, described in `docs/search.md`; deleted ones are
/// never found. A metric counts with its latest value, the greatest by step, time and value, on
/// any of the datasets or, where none are named, on whatever it was measured.
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
///     .order_by("metrics.accuracy", false);
/// let page = database.search_logged_models(&search)?;
/// let names: Vec<&str> = page.items.iter().map(|model| model.name.as_str()).collect();
/// assert_eq!(names, ["large", "small"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoggedModelSearch {
    experiments: Option<Vec<ExperimentId>>,
    filter: String,
    datasets: Vec<DatasetChoice>,
    order: Vec<SortField>,
    max_results: Option<usize>,
    page_token: String,
}

/// An item of an order, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SortField {
    name: String,
    is_ascending: bool,
    dataset: Option<DatasetChoice>,
}

impl SortField {
    fn as_item(&self) -> LoggedModelOrderItem<'_> {
        LoggedModelOrderItem {
            field_name: &self.name,
            ascending: self.is_ascending,
            dataset_name: self.dataset.as_ref().map(|it| it.name.as_str()),
            dataset_digest: self.dataset.as_ref().and_then(|it| it.digest.as_deref()),
        }
    }
}

impl LoggedModelSearch {
    /// All active logged models of the file, the newest first, a hundred a page.
    #[must_use]
    pub fn new() -> Self {
        LoggedModelSearch::default()
    }

    /// Only those of this experiment; may be called again, for those of several.
    #[must_use]
    pub fn experiment(mut self, id: ExperimentId) -> Self {
        self.experiments.get_or_insert_default().push(id);
        self
    }

    /// What must hold of them: `metrics.KEY`, `params.KEY`, `tags.KEY` or an attribute.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Counts only values that were measured on a dataset of this name, and of this digest if one
    /// is given; may be called again, for any of several. Where the filter asks for no metric, only
    /// models are found that have any value on one of them.
    #[must_use]
    pub fn dataset(mut self, name: impl Into<String>, digest: Option<&str>) -> Self {
        self.datasets.push(DatasetChoice { name: name.into(), digest: digest.map(str::to_owned) });
        self
    }

    /// Orders by `metrics.KEY` or an attribute, smallest first or last; may be called again.
    /// What is missing comes last both ways.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>, is_ascending: bool) -> Self {
        self.order.push(SortField { name: field.into(), is_ascending, dataset: None });
        self
    }

    /// As [`LoggedModelSearch::order_by`], by the values of a metric on a dataset of this name, and
    /// of this digest if one is given.
    #[must_use]
    pub fn order_by_metric_on(
        mut self,
        field: impl Into<String>,
        is_ascending: bool,
        dataset: &str,
        digest: Option<&str>,
    ) -> Self {
        let digest = digest.map(str::to_owned);
        let dataset = Some(DatasetChoice { name: dataset.to_owned(), digest });
        self.order.push(SortField { name: field.into(), is_ascending, dataset });
        self
    }

    /// At most so many models a page, at least 1.
    #[must_use]
    pub fn max_results(mut self, count: usize) -> Self {
        self.max_results = Some(count);
        self
    }

    /// The page that a former page of the same search names; the first one for an empty text.
    #[must_use]
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.page_token = token.into();
        self
    }

    fn parsed_order(&self) -> Result<LoggedModelOrder> {
        let items: Vec<_> = self.order.iter().map(SortField::as_item).collect();
        LoggedModelOrder::new(&items)
    }

    /// What a page token is bound to: all but the page.
    fn fingerprint(&self) -> Fingerprint {
        let rest = format!("{:?} {:?} {:?}", self.experiments, self.datasets, self.order);
        Fingerprint::of(["logged models", &self.filter, &rest])
    }
}

impl Database {
    /// One page of the logged models that a search finds.
    ///
    /// A filter, order or token that breaks a rule is [`ErrorKind::InvalidInput`]. Reads all
    /// models of the experiments: some 20 us for each.
    pub fn search_logged_models(
        &self,
        search: &LoggedModelSearch,
    ) -> Result<Page<LoggedModelInfo>> {
        self.engine().located(self.find_logged_models(search))
    }

    fn find_logged_models(&self, search: &LoggedModelSearch) -> Result<Page<LoggedModelInfo>> {
        let limit = search.max_results.unwrap_or(LOGGED_MODELS_PAGE_DEFAULT);
        if limit == 0 {
            let message = "max_results is 0: at least 1 is allowed";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let filter = LoggedModelFilter::parse(&search.filter)?;
        let order = search.parsed_order()?;
        let fingerprint = search.fingerprint();
        let offset = PageToken::offset_in(&search.page_token, fingerprint)?;
        let mut experiments = search.experiments.clone();
        if let Some(experiments) = &mut experiments {
            experiments.sort_unstable();
            experiments.dedup();
        }
        let found =
            self.engine().with_index(|index, _| index.logged_models(experiments.as_deref()));
        let mut found = found?;
        found.retain(|it| passes(it, &filter, &search.datasets));
        found.sort_by(|left, right| compare(left, right, &order));
        let next_page_token = PageToken::cut_out(&mut found, offset, limit, fingerprint);
        Ok(Page { items: found, next_page_token })
    }
}

fn is_on(metric: &LoggedModelMetric, choice: &DatasetChoice) -> bool {
    metric.dataset.as_ref().is_some_and(|(name, digest)| {
        *name == choice.name && choice.digest.as_ref().is_none_or(|wanted| wanted == digest)
    })
}

/// The latest value of a metric on any of these datasets, on whatever where none are given.
fn latest(model: &LoggedModelInfo, key: &str, datasets: &[DatasetChoice]) -> Option<f64> {
    let counts = |it: &&LoggedModelMetric| {
        it.key == key && (datasets.is_empty() || datasets.iter().any(|choice| is_on(it, choice)))
    };
    let point =
        |it: &LoggedModelMetric| MetricPoint { step: it.step, time: it.time, value: it.value };
    let points = model.metrics.iter().filter(counts).map(point);
    points.max_by(MetricPoint::latest_order).map(|point| point.value)
}

fn number(
    model: &LoggedModelInfo,
    field: &LoggedModelNumber,
    datasets: &[DatasetChoice],
) -> Option<f64> {
    match field {
        LoggedModelNumber::Metric(key) => latest(model, key, datasets),
        LoggedModelNumber::CreationTimestamp => Some(model.created.as_millis() as f64),
        LoggedModelNumber::LastUpdatedTimestamp => Some(model.updated.as_millis() as f64),
    }
}

/// Calls `look` with a text of the model, if it has that one.
fn with_text<T>(
    model: &LoggedModelInfo,
    field: &LoggedModelText,
    look: impl FnOnce(Option<&str>) -> T,
) -> T {
    match field {
        LoggedModelText::Param(key) => look(model.params.get(key).map(String::as_str)),
        LoggedModelText::Tag(key) => look(model.tags.get(key).map(String::as_str)),
        LoggedModelText::Name => look(Some(&model.name)),
        LoggedModelText::ModelId => look(Some(&model.id.to_string())),
        LoggedModelText::ModelType => look(model.model_type.as_deref()),
        LoggedModelText::Status => look(Some(model.status.as_str())),
        LoggedModelText::SourceRunId => {
            look(model.source_run.map(|run| run.to_string()).as_deref())
        }
        LoggedModelText::ExperimentId => look(Some(&model.experiment.to_string())),
    }
}

fn passes(model: &LoggedModelInfo, filter: &LoggedModelFilter, datasets: &[DatasetChoice]) -> bool {
    let asks_for_metric = filter
        .conditions
        .iter()
        .any(|it| matches!(it, Condition::Number(LoggedModelNumber::Metric(_), _)));
    let is_measured = |choice: &DatasetChoice| model.metrics.iter().any(|it| is_on(it, choice));
    if !asks_for_metric && !datasets.is_empty() && !datasets.iter().any(is_measured) {
        return false;
    }
    filter.conditions.iter().all(|condition| match condition {
        Condition::Number(field, test) => test.matches(number(model, field, datasets)),
        Condition::Text(field, test) => with_text(model, field, |text| test.matches(text)),
    })
}

fn compare(left: &LoggedModelInfo, right: &LoggedModelInfo, order: &LoggedModelOrder) -> Ordering {
    let by = |LoggedModelSortKey { key, dataset }: &LoggedModelSortKey| match &key.field {
        Field::Number(field) => {
            let datasets = dataset.as_ref().map_or(&[][..], std::slice::from_ref);
            let (left, right) = (number(left, field, datasets), number(right, field, datasets));
            key.direction.compare_numbers(left, right)
        }
        Field::Text(field) => compare_texts(left, right, field, key.direction),
    };
    order.keys.iter().map(by).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_texts(
    left: &LoggedModelInfo,
    right: &LoggedModelInfo,
    field: &LoggedModelText,
    direction: Direction,
) -> Ordering {
    with_text(left, field, |left| {
        with_text(right, field, |right| direction.compare_texts(left, right))
    })
}

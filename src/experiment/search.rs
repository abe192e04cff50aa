//! Searching experiments by MLflow's search language, page by page.

use std::cmp::Ordering;

use crate::database::Database;
use crate::entity::ExperimentInfo;
use crate::error::Result;
use crate::run::search::{PAGE_RESULTS_DEFAULT, Page, View, check_max_results};
use crate::search::{
    Condition, ExperimentFilter, ExperimentNumber, ExperimentOrder, ExperimentText, Field,
    Fingerprint, PageToken, SortKey,
};

/// What to search experiments by: a filter, an order and a page, all of which may be left out.
///
/// The language is MLflow's, described in `docs/search.md`. Without an order the newest comes
/// first.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("runs.tracklite");
/// use tracklite::{Database, ExperimentSearch};
///
/// let database = Database::create(&path)?;
/// for path in ["/Shared/vision/digits", "/Shared/vision/faces", "/Shared/text/mails"] {
///     database.experiment(path)?.set_tag("team", "research")?;
/// }
/// let search = ExperimentSearch::new()
///     .filter("name LIKE '/Shared/vision/%' AND tags.team = 'research'")
///     .order_by("name DESC");
/// let page = database.search_experiments(&search)?;
/// let paths: Vec<&str> = page.items.iter().map(|it| it.path.as_str()).collect();
/// assert_eq!(paths, ["/Shared/vision/faces", "/Shared/vision/digits"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExperimentSearch {
    filter: String,
    order: Vec<String>,
    view: View,
    max_results: Option<usize>,
    page_token: String,
}

impl ExperimentSearch {
    /// All active experiments of the file, the newest first, a thousand a page.
    #[must_use]
    pub fn new() -> Self {
        ExperimentSearch::default()
    }

    /// What must hold of the experiments, such as `name LIKE '/Shared/%' AND tags.team = 'a'`.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Orders by `name`, `experiment_id`, `creation_time` or `last_update_time`, with `DESC` behind
    /// it the other way; may be called again, for what is equal by the fields before.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.order.push(field.into());
        self
    }

    /// Whether active experiments, deleted ones or both are meant; active ones unless this is
    /// called.
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    /// At most so many experiments a page: 1 to [`PAGE_RESULTS_MAX`](crate::PAGE_RESULTS_MAX).
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

    /// What a page token is bound to: all but the page.
    fn fingerprint(&self) -> Fingerprint {
        let view = format!("{:?}", self.view);
        let fixed = ["experiments", &self.filter, &view];
        Fingerprint::of(fixed.into_iter().chain(self.order.iter().map(String::as_str)))
    }
}

impl Database {
    /// One page of the experiments that a search finds.
    ///
    /// A filter, order or token that breaks a rule is [`crate::ErrorKind::InvalidInput`], and the
    /// message points at the place. Looks at all experiments of the file, of which there are few.
    pub fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<ExperimentInfo>> {
        let limit = search.max_results.unwrap_or(PAGE_RESULTS_DEFAULT);
        self.engine().located(self.find_experiments(search, limit))
    }

    /// Returns all experiments that a search finds, or up to
    /// [`ExperimentSearch::max_results`], as they were at one moment.
    ///
    /// # Errors
    ///
    /// As [`Database::search_experiments`].
    pub fn search_all_experiments(&self, search: &ExperimentSearch) -> Result<Vec<ExperimentInfo>> {
        let limit = search.max_results.unwrap_or(usize::MAX);
        self.engine().located(self.find_experiments(search, limit)).map(|page| page.items)
    }

    fn find_experiments(
        &self,
        search: &ExperimentSearch,
        limit: usize,
    ) -> Result<Page<ExperimentInfo>> {
        check_max_results(search.max_results)?;
        let filter = ExperimentFilter::parse(&search.filter)?;
        let order = ExperimentOrder::parse(&search.order)?;
        let fingerprint = search.fingerprint();
        let offset = PageToken::offset_in(&search.page_token, fingerprint)?;
        let lifecycle = search.view.lifecycle();
        let mut found = self.experiments()?;
        found.retain(|it| lifecycle.is_none_or(|wanted| it.lifecycle == wanted));
        found.retain(|it| passes(it, &filter));
        found.sort_by(|left, right| compare(left, right, &order));
        let next_page_token = PageToken::cut_out(&mut found, offset, limit, fingerprint);
        Ok(Page { items: found, next_page_token })
    }
}

fn number(experiment: &ExperimentInfo, field: &ExperimentNumber) -> f64 {
    match field {
        ExperimentNumber::ExperimentId => experiment.id.get() as f64,
        ExperimentNumber::CreationTime => experiment.created.as_millis() as f64,
        ExperimentNumber::LastUpdateTime => experiment.updated.as_millis() as f64,
    }
}

fn text<'a>(experiment: &'a ExperimentInfo, field: &ExperimentText) -> Option<&'a str> {
    match field {
        ExperimentText::Name => Some(&experiment.path),
        ExperimentText::Tag(key) => experiment.tags.get(key).map(String::as_str),
    }
}

fn passes(experiment: &ExperimentInfo, filter: &ExperimentFilter) -> bool {
    filter.conditions.iter().all(|condition| match condition {
        Condition::Number(field, test) => test.matches(Some(number(experiment, field))),
        Condition::Text(field, test) => test.matches(text(experiment, field)),
    })
}

fn compare(left: &ExperimentInfo, right: &ExperimentInfo, order: &ExperimentOrder) -> Ordering {
    let by = |SortKey { field, direction }: &SortKey<ExperimentNumber, ExperimentText>| match field
    {
        Field::Number(field) => {
            direction.compare_numbers(Some(number(left, field)), Some(number(right, field)))
        }
        Field::Text(field) => direction.compare_texts(text(left, field), text(right, field)),
    };
    order.keys.iter().map(by).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
}

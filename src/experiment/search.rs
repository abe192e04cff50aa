//! Searching experiments by MLflow's search language, page by page.

use std::borrow::Cow;

use crate::database::Database;
use crate::entity::ExperimentInfo;
use crate::error::Result;
use crate::search::{
    ExperimentFilter, ExperimentNumber, ExperimentOrder, ExperimentText, Page, Query, Row,
    Searched, View,
};

const EXPERIMENTS: Searched = Searched {
    name: "experiments",
    has_view: true,
    is_registry: false,
    max_results: ExperimentSearch::MAX_RESULTS,
    default_results: ExperimentSearch::DEFAULT_RESULTS,
};

/// A search of experiments: a filter, an order and a page, all optional.
///
/// The language is MLflow's. See `docs/search.md`. Without an order, the newest experiment comes
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
/// let paths: Vec<&str> = page.items.iter().map(|found| found.path.as_str()).collect();
/// assert_eq!(paths, ["/Shared/vision/faces", "/Shared/vision/digits"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExperimentSearch {
    query: Query,
}

impl ExperimentSearch {
    /// The largest number of experiments on one page. MLflow's limit.
    pub const MAX_RESULTS: usize = 50_000;
    /// The number of experiments on one page unless [`ExperimentSearch::max_results`] is called.
    /// MLflow's default.
    pub const DEFAULT_RESULTS: usize = 1000;

    /// Creates a search for all active experiments of the file, newest first.
    #[must_use]
    pub fn new() -> Self {
        ExperimentSearch::default()
    }

    /// Sets the filter, such as `name LIKE '/Shared/%' AND tags.team = 'a'`.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.query.filter = filter.into();
        self
    }

    /// Orders by `name`, `experiment_id`, `creation_time` or `last_update_time`, such as `name` or
    /// `name DESC`. Further calls add fields that break ties.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.query.order.push(field.into());
        self
    }

    /// Sets whether the search finds active experiments, deleted ones or both. Default: active
    /// ones.
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.query.view = view;
        self
    }

    /// Sets the largest number of experiments on a page, from 1 to
    /// [`ExperimentSearch::MAX_RESULTS`].
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
}

impl Database {
    /// Returns one page of the experiments that a search finds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the filter, the order, the
    ///   page token or the number of results is not valid. The message of a filter or order marks
    ///   the place.
    ///
    /// # Performance
    ///
    /// Reads all experiments of the file.
    pub fn search_experiments(&self, search: &ExperimentSearch) -> Result<Page<ExperimentInfo>> {
        let found = self.find_experiments(search, ExperimentSearch::DEFAULT_RESULTS);
        self.engine().located(found)
    }

    /// Returns all experiments that a search finds, or up to
    /// [`ExperimentSearch::max_results`], as they were at one moment.
    ///
    /// # Errors
    ///
    /// As [`Database::search_experiments`].
    pub fn search_all_experiments(&self, search: &ExperimentSearch) -> Result<Vec<ExperimentInfo>> {
        self.engine().located(self.find_experiments(search, usize::MAX)).map(|page| page.items)
    }

    fn find_experiments(
        &self,
        search: &ExperimentSearch,
        default_results: usize,
    ) -> Result<Page<ExperimentInfo>> {
        search.query.check_max_results(&EXPERIMENTS)?;
        let filter = ExperimentFilter::parse(&search.query.filter)?;
        let order = ExperimentOrder::parse(&search.query.order)?;
        let page = search.query.bounds(&EXPERIMENTS, default_results, None)?;
        let lifecycle = search.query.view.lifecycle();
        let mut items = self.experiments()?;
        items.retain(|found| {
            lifecycle.is_none_or(|wanted| found.lifecycle == wanted) && filter.matches(found)
        });
        items.sort_by(|left, right| order.compare(left, right));
        let next_page_token = page.cut_out(&mut items);
        Ok(Page { items, next_page_token })
    }
}

impl Row for ExperimentInfo {
    type Number = ExperimentNumber;
    type Text = ExperimentText;

    fn number(&self, field: &ExperimentNumber) -> Option<f64> {
        Some(match field {
            ExperimentNumber::ExperimentId => self.id.get() as f64,
            ExperimentNumber::CreationTime => self.created.as_millis() as f64,
            ExperimentNumber::LastUpdateTime => self.updated.as_millis() as f64,
        })
    }

    fn text(&self, field: &ExperimentText) -> Option<Cow<'_, str>> {
        match field {
            ExperimentText::Name => Some(Cow::Borrowed(&self.path)),
            ExperimentText::Tag(key) => self.tags.get(key).map(Cow::from),
        }
    }
}

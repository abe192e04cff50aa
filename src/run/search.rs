//! Searching runs by MLflow's search language, page by page.

use crate::columns::{self, ColumnCache, Keys, RunColumns};
use crate::database::Database;
use crate::engine::Engine;
use crate::engine::guards::no_such_run;
use crate::engine::live::LivePoints;
use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{ArtifactPlaces, RunRecord};
use crate::error::Result;
use crate::index::Index;
use crate::run::summaries::Summaries;
use crate::search::{
    Condition, Field, Page, PageBounds, Query, RunColumn, RunFilter, RunOrder, RunSelection,
    RunText, Searched, View, distinct,
};

const RUNS: Searched = Searched {
    name: "runs",
    has_view: true,
    is_registry: false,
    max_results: RunSearch::MAX_RESULTS,
    default_results: RunSearch::DEFAULT_RESULTS,
};

/// A search of runs: a filter, an order and a page, all optional.
///
/// The language is MLflow's. See `docs/search.md`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("runs.tracklite");
/// use tracklite::{Database, RunSearch};
///
/// let database = Database::create(&path)?;
/// for (rate, loss) in [("0.1", 0.7), ("0.01", 0.3), ("0.001", 0.5)] {
///     let run = database.default_experiment()?.start_run(rate)?;
///     run.log_param("learning_rate", rate)?;
///     run.log_metric("loss", loss, 0)?;
/// }
/// let search = RunSearch::new().filter("metrics.loss < 0.6").order_by("metrics.loss");
/// let page = database.search_runs(&search)?;
/// let names: Vec<&str> = page.items.iter().map(|run| run.info.name.as_str()).collect();
/// assert_eq!(names, ["0.01", "0.001"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSearch {
    query: Query,
    experiments: Option<Vec<ExperimentId>>,
    artifact_root: Option<String>,
    columns: Option<Vec<String>>,
    way: Way,
}

/// The way to evaluate a search. The result is the same.
#[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "tests and benches choose"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// The cheaper one.
    #[default]
    Cheapest,
    /// SQL over the index.
    Sql,
    /// Columns in memory.
    Columns,
}

impl RunSearch {
    /// The largest number of runs on one page. MLflow's limit.
    pub const MAX_RESULTS: usize = 50_000;
    /// The number of runs on one page unless [`RunSearch::max_results`] is called. MLflow's
    /// default.
    pub const DEFAULT_RESULTS: usize = 1000;

    /// Creates a search for all active runs of the file, newest first.
    #[must_use]
    pub fn new() -> Self {
        RunSearch::default()
    }

    /// Restricts the search to this experiment. Further calls add experiments.
    #[must_use]
    pub fn experiment(mut self, id: ExperimentId) -> Self {
        self.experiments.get_or_insert_default().push(id);
        self
    }

    /// Restricts the search to these experiments. Without any, it finds nothing.
    #[must_use]
    pub fn experiments(mut self, ids: impl IntoIterator<Item = ExperimentId>) -> Self {
        self.experiments.get_or_insert_default().extend(ids);
        self
    }

    /// Sets the filter, such as `metrics.loss < 0.1 AND params.model = 'tree'`.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.query.filter = filter.into();
        self
    }

    /// Orders by a field, such as `metrics.loss` or `start_time DESC`. Further calls add fields
    /// that break ties.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.query.order.push(field.into());
        self
    }

    /// Sets whether the search finds active runs, deleted ones or both. Default: active ones.
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.query.view = view;
        self
    }

    /// Sets the largest number of runs on a page, from 1 to [`RunSearch::MAX_RESULTS`].
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

    /// Sets the columns of [`Database::runs_table`].
    ///
    /// They are `run_id`, `run_name`, `experiment_id`, `status`, `artifact_uri`, `start_time`,
    /// `end_time`, `user_id`, `lifecycle_stage`, `parent_run_id`, `metrics.KEY`, `params.KEY` and
    /// `tags.KEY`. `metrics.*`, `params.*` and `tags.*` stand for all keys. With another name, the
    /// search fails with [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput).
    #[must_use]
    pub fn columns<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.columns.get_or_insert_default().extend(names.into_iter().map(Into::into));
        self
    }

    pub(crate) fn parsed_columns(&self) -> Result<Vec<RunColumn>> {
        match &self.columns {
            Some(names) => names.iter().map(|name| RunColumn::parse(name)).collect(),
            None => Ok(RunColumn::usual()),
        }
    }

    /// Sets the prefix of `artifact_uri`, before `/EXPERIMENT/RUN/artifacts`. Default: the address
    /// of the file, [`Database::address`].
    ///
    /// A server that serves the artifacts elsewhere sets its own address. Experiments with
    /// [their own location](crate::ARTIFACT_LOCATION_TAG) keep it.
    #[must_use]
    pub fn artifact_root(mut self, root: impl Into<String>) -> Self {
        self.artifact_root = Some(root.into());
        self
    }

    pub(crate) fn places(&self, database: &Database) -> Result<ArtifactPlaces> {
        database.artifact_places(self.artifact_root.clone())
    }

    pub(crate) fn filter_text(&self) -> &str {
        &self.query.filter
    }

    pub(crate) fn order_texts(&self) -> &[String] {
        &self.query.order
    }

    pub(crate) fn wanted_results(&self) -> Option<usize> {
        self.query.max_results
    }

    fn bounds(&self, limit: usize) -> Result<PageBounds> {
        let experiments = match &self.experiments {
            None => String::from("all"),
            Some(ids) => ids.iter().map(|id| format!("{id} ")).collect(),
        };
        self.query.bounds(&RUNS, limit, Some(&experiments))
    }

    /// Forces one way of evaluation, for tests and benches.
    #[cfg(feature = "internals")]
    #[doc(hidden)]
    #[must_use]
    pub fn way(mut self, way: Way) -> Self {
        self.way = way;
        self
    }
}

impl Database {
    /// Returns one page of the runs that a search finds, with params, tags and latest metrics.
    ///
    /// The search sees every point that any process logged before the call.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the filter, the order, the
    ///   page token or the number of results is not valid. The message of a filter or order marks
    ///   the place.
    pub fn search_runs(&self, search: &RunSearch) -> Result<Page<RunRecord>> {
        let limit = search.wanted_results().unwrap_or(RunSearch::DEFAULT_RESULTS);
        self.engine().located(self.find_page(search, limit))
    }

    fn find_page(&self, search: &RunSearch, limit: usize) -> Result<Page<RunRecord>> {
        let all = Keys::all();
        let (items, next_page_token) =
            self.find(search, limit, &all, |columns, rows| Ok(columns.records(rows)))?;
        Ok(Page { items, next_page_token })
    }

    /// Passes up to `limit` runs that a search finds to `take`, in order, as rows of columns with
    /// at least these keys. Also returns the token of the next page.
    pub(crate) fn find<T>(
        &self,
        search: &RunSearch,
        limit: usize,
        keys: &Keys,
        mut take: impl FnMut(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<(T, Option<String>)> {
        search.query.check_max_results(&RUNS)?;
        let filter = RunFilter::parse(&search.query.filter)?;
        let order = RunOrder::parse(&search.query.order)?;
        let page = search.bounds(limit)?;
        let places = match uses_addresses(&filter, &order) {
            true => search.places(self)?,
            false => ArtifactPlaces::default(),
        };
        let experiments = search.experiments.as_deref().map(distinct);
        let selection = RunSelection {
            experiments: experiments.as_deref(),
            lifecycle: search.query.view.lifecycle(),
            filter: &filter,
            order: &order,
            places: &places,
            offset: page.offset,
            limit: page.wanted() as u64,
        };
        let engine = self.engine();
        self.with_summaries(|summaries| {
            engine.with_points(|live, index, cache| {
                let (summaries, way) = (&mut *summaries, search.way);
                let finding = Finding { engine, index, cache, live, summaries, way, page };
                finding.find(&selection, keys, &mut take)
            })
        })
    }

    /// Returns the addresses of artifacts below `root`, by default below the address of the file.
    pub(crate) fn artifact_places(&self, root: Option<String>) -> Result<ArtifactPlaces> {
        let own = self.engine().with_index(|index, _| index.artifact_locations())?;
        Ok(ArtifactPlaces { root: root.unwrap_or_else(|| self.address()), own })
    }

    /// Passes these runs to `take`, as rows of columns with at least these keys. Fails with
    /// `NotFound` if one does not exist.
    pub(crate) fn with_rows_of<T>(
        &self,
        runs: &[RunId],
        keys: &Keys,
        take: impl Fn(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<T> {
        self.with_columns_of(runs, keys, |columns| {
            if let Some(id) = runs.iter().find(|id| columns.row(**id).is_none()) {
                return Err(no_such_run(*id));
            }
            take(columns, &columns.rows_of(runs))
        })
    }

    /// Passes columns of these runs with these keys to `take`. Unknown runs have no row.
    pub(crate) fn with_columns_of<T>(
        &self,
        runs: &[RunId],
        keys: &Keys,
        take: impl Fn(&RunColumns) -> Result<T>,
    ) -> Result<T> {
        self.with_summaries(|summaries| {
            self.engine().with_points(|live, index, _| {
                let mut columns = RunColumns::read(index, Some(runs), keys)?;
                columns.add_live(live.each());
                self.engine().load_statistics(live, index, &mut columns, &keys.statistics)?;
                let rows = columns.rows_of(runs);
                summaries.fill(&mut columns, &keys.summaries, &rows);
                take(&columns)
            })
        })
    }
}

/// Returns whether a search needs the addresses of artifacts.
fn uses_addresses(filter: &RunFilter, order: &RunOrder) -> bool {
    let mut conditions = filter.conditions.iter();
    conditions.any(|condition| matches!(condition, Condition::Text(RunText::ArtifactUri, _)))
        || order.keys.iter().any(|key| key.field == Field::Text(RunText::ArtifactUri))
}

/// One search over the index, columns and live points.
struct Finding<'a> {
    engine: &'a Engine,
    index: &'a Index,
    cache: &'a mut ColumnCache,
    live: &'a LivePoints,
    summaries: &'a mut Summaries,
    way: Way,
    page: PageBounds,
}

impl Finding<'_> {
    /// Finds the runs in the cheaper way, and passes those of the page to `take` as rows of
    /// columns. Also returns the token of the next page.
    fn find<T>(
        self,
        selection: &RunSelection<'_>,
        keys: &Keys,
        take: impl FnOnce(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<(T, Option<String>)> {
        let mut needed = columns::keys_of(selection);
        let by_columns = match self.way {
            Way::Columns => true,
            Way::Sql => !selection.is_for_sql(),
            Way::Cheapest => {
                let limit = self.page.wanted();
                !selection.is_for_sql() || self.cache.is_worth_reading(&needed, limit)
            }
        };
        let mut ids = if by_columns {
            let columns = self.cache.read(self.index, &needed, self.live.each())?;
            // Statistics that were loaded before lack the newest points.
            let mut statistics = needed.statistics.clone();
            statistics.add(&keys.statistics);
            self.engine.load_statistics(self.live, self.index, columns, &statistics)?;
            let rows = columns.rows_in(selection);
            self.summaries.fill(columns, &needed.summaries, &rows);
            let mut rows = columns.select(selection);
            if keys.without(columns.keys()).is_empty() {
                let next = self.page.cut(&mut rows);
                self.summaries.fill(columns, &keys.summaries, &rows);
                return Ok((take(columns, &rows)?, next));
            }
            rows.iter().map(|row| columns.run(*row).info.id).collect()
        } else {
            self.index.select_runs(selection, self.live.each())?
        };
        // The ids are cut before the values are read. If another process purges a run in between,
        // its page is shorter but not the last.
        let next = self.page.cut(&mut ids);
        needed.add(keys);
        Ok((self.take_runs(&ids, keys, &needed, take)?, next))
    }

    /// Passes the runs that exist to `take`, as rows of columns with these keys. Reads them from
    /// the cache, together with the `needed` keys, if that is cheaper.
    fn take_runs<T>(
        self,
        ids: &[RunId],
        keys: &Keys,
        needed: &Keys,
        take: impl FnOnce(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<T> {
        let Finding { engine, index, cache, live, summaries, way, .. } = self;
        if way != Way::Sql && cache.is_worth_reading_all(index, ids.len())? {
            let columns = cache.read(index, needed, live.each())?;
            engine.load_statistics(live, index, columns, &needed.statistics)?;
            let rows = columns.rows_of(ids);
            summaries.fill(columns, &keys.summaries, &rows);
            return take(columns, &rows);
        }
        let mut columns = RunColumns::read(index, Some(ids), keys)?;
        columns.add_live(live.each());
        engine.load_statistics(live, index, &mut columns, &keys.statistics)?;
        let rows = columns.rows_of(ids);
        summaries.fill(&mut columns, &keys.summaries, &rows);
        take(&columns, &rows)
    }
}

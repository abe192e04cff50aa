//! Searching runs by MLflow's search language, page by page.

use crate::columns::{self, ColumnCache, Keys, RunColumns};
use crate::database::Database;
use crate::engine::live::LivePoints;
use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{Lifecycle, RunRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Index, RunSelection};
use crate::search::{Fingerprint, PageToken, RunColumn, RunFilter, RunOrder};

/// The greatest number of results of one page; MLflow's limit for runs and experiments.
pub const PAGE_RESULTS_MAX: usize = 50_000;
/// The number of results of one page when no other is asked for; MLflow's default.
pub const PAGE_RESULTS_DEFAULT: usize = 1000;

/// Which of active and deleted runs or experiments are meant; MLflow's `ViewType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Those that are in use.
    #[default]
    ActiveOnly,
    /// Those that are marked deleted.
    DeletedOnly,
    /// Both.
    All,
}

impl View {
    pub(crate) fn lifecycle(self) -> Option<Lifecycle> {
        match self {
            View::ActiveOnly => Some(Lifecycle::Active),
            View::DeletedOnly => Some(Lifecycle::Deleted),
            View::All => None,
        }
    }
}

/// One page of results, in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The results.
    pub items: Vec<T>,
    /// What asks for the next page, by [`RunSearch::page_token`] or
    /// [`ExperimentSearch::page_token`](crate::ExperimentSearch::page_token); `None` when this is
    /// the last.
    pub next_page_token: Option<String>,
}

/// What to search runs by: a filter, an order and a page, all of which may be left out.
///
/// The language is MLflow's, described in `docs/search.md`.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSearch {
    experiments: Option<Vec<ExperimentId>>,
    filter: String,
    order: Vec<String>,
    view: View,
    max_results: Option<usize>,
    page_token: String,
    artifact_root: Option<String>,
    columns: Option<Vec<String>>,
    way: Way,
}

/// Refuses numbers of results of a page that are out of bounds.
pub(crate) fn check_max_results(count: Option<usize>) -> Result<()> {
    match count {
        Some(count) if !(1..=PAGE_RESULTS_MAX).contains(&count) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("max_results is {count}: it takes 1 to {PAGE_RESULTS_MAX}"),
        )),
        _ => Ok(()),
    }
}

/// How a search is answered. The answer is the same.
#[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "tests and benches choose"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// By whichever is cheaper.
    #[default]
    Cheapest,
    /// By SQL over the index.
    Sql,
    /// From columns in memory.
    Columns,
}

impl Default for RunSearch {
    fn default() -> Self {
        RunSearch::new()
    }
}

impl RunSearch {
    /// All active runs of the file, the newest first, a thousand a page.
    #[must_use]
    pub fn new() -> Self {
        RunSearch {
            experiments: None,
            filter: String::new(),
            order: Vec::new(),
            view: View::ActiveOnly,
            max_results: None,
            page_token: String::new(),
            artifact_root: None,
            columns: None,
            way: Way::Cheapest,
        }
    }

    /// Searches this experiment; may be called again to search several.
    #[must_use]
    pub fn experiment(mut self, id: ExperimentId) -> Self {
        self.experiments.get_or_insert_default().push(id);
        self
    }

    /// Searches these experiments alone; none when there are none among them.
    #[must_use]
    pub fn experiments(mut self, ids: impl IntoIterator<Item = ExperimentId>) -> Self {
        self.experiments.get_or_insert_default().extend(ids);
        self
    }

    /// What must hold of the runs, such as `metrics.loss < 0.1 AND params.model = 'tree'`.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Orders by a field, such as `metrics.loss` or `start_time DESC`; may be called again, for
    /// what is equal by the fields before.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.order.push(field.into());
        self
    }

    /// Whether active runs, deleted ones or both are meant; active ones unless this is called.
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.view = view;
        self
    }

    /// At most so many runs a page: 1 to [`PAGE_RESULTS_MAX`].
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

    /// The columns of [`Database::search_runs_table`]: `run_id`, `run_name`, `experiment_id`,
    /// `status`, `artifact_uri`, `start_time`, `end_time`, `user_id`, `lifecycle_stage`,
    /// `parent_run_id`, `metrics.KEY`, `params.KEY`, `tags.KEY`, or `metrics.*` and so on for all
    /// keys. Another name makes the search [`ErrorKind::InvalidInput`].
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

    /// What `artifact_uri` begins with, before `/EXPERIMENT/RUN/artifacts`. Default: the address
    /// of the file, [`Database::address`].
    ///
    /// For whoever gives the artifacts out by another address, such as a server.
    #[must_use]
    pub fn artifact_root(mut self, root: impl Into<String>) -> Self {
        self.artifact_root = Some(root.into());
        self
    }

    pub(crate) fn root(&self, database: &Database) -> String {
        self.artifact_root.clone().unwrap_or_else(|| database.address())
    }

    pub(crate) fn wanted_results(&self) -> Option<usize> {
        self.max_results
    }

    /// What a page token is bound to: all but the page.
    fn fingerprint(&self) -> Fingerprint {
        let experiments = match &self.experiments {
            None => String::from("all"),
            Some(ids) => ids.iter().map(|id| format!("{id} ")).collect(),
        };
        let view = format!("{:?}", self.view);
        let fixed = ["runs", &experiments, &self.filter, &view];
        Fingerprint::of(fixed.into_iter().chain(self.order.iter().map(String::as_str)))
    }

    /// Answers by this way alone, for tests and measurements.
    #[cfg(feature = "internals")]
    #[doc(hidden)]
    #[must_use]
    pub fn way(mut self, way: Way) -> Self {
        self.way = way;
        self
    }
}

impl Database {
    /// One page of the runs that a search finds, with params, tags and latest metrics.
    ///
    /// It sees every point that was logged before the call began, also those of other processes.
    /// A filter, order or token that breaks a rule is [`ErrorKind::InvalidInput`], and the message
    /// points at the place.
    pub fn search_runs(&self, search: &RunSearch) -> Result<Page<RunRecord>> {
        let limit = search.max_results.unwrap_or(PAGE_RESULTS_DEFAULT);
        self.engine().located(self.find_page(search, limit))
    }

    fn find_page(&self, search: &RunSearch, limit: usize) -> Result<Page<RunRecord>> {
        let all = Keys::all();
        let (items, next_page_token) =
            self.find(search, limit, &all, |columns, rows| Ok(columns.records(rows)))?;
        Ok(Page { items, next_page_token })
    }

    /// Hands the runs that a search finds to `take`, as rows of columns of at least these keys, in
    /// order; also gives the token of the next page.
    pub(crate) fn find<T>(
        &self,
        search: &RunSearch,
        limit: usize,
        keys: &Keys,
        mut take: impl FnMut(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<(T, Option<String>)> {
        check_max_results(search.max_results)?;
        let filter = RunFilter::parse(&search.filter)?;
        let order = RunOrder::parse(&search.order)?;
        let fingerprint = search.fingerprint();
        let offset = PageToken::offset_in(&search.page_token, fingerprint)?;
        let artifact_root = search.root(self);
        let mut experiments = search.experiments.clone();
        if let Some(experiments) = &mut experiments {
            experiments.sort_unstable();
            experiments.dedup();
        }
        let selection = RunSelection {
            experiments: experiments.as_deref(),
            lifecycle: search.view.lifecycle(),
            filter: &filter,
            order: &order,
            artifact_root: &artifact_root,
            offset,
            // One more, to see whether there is another page.
            limit: (limit as u64).saturating_add(1),
        };
        // Live points first: one that is sealed in between is then found in the index.
        self.engine().with_live(|live| {
            self.engine().with_columns(|index, cache| {
                let finding = Finding { index, cache, live, way: search.way, limit };
                let (taken, has_more) = finding.find(&selection, keys, &mut take)?;
                let token =
                    || PageToken { offset: offset + limit as u64, query: Some(fingerprint) };
                Ok((taken, has_more.then(|| token().encode())))
            })
        })
    }

    /// Hands these runs to `take`, as rows of columns of at least these keys. One that does not
    /// exist is [`ErrorKind::NotFound`].
    pub(crate) fn with_rows_of<T>(
        &self,
        runs: &[RunId],
        keys: &Keys,
        take: impl Fn(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<T> {
        // Live points first, as in a search.
        self.engine().with_live(|live| {
            self.engine().with_columns(|index, _| {
                let mut columns = RunColumns::read(index, Some(runs), keys)?;
                columns.add_live(live.each());
                if let Some(id) = runs.iter().find(|id| columns.row(**id).is_none()) {
                    return Err(crate::engine::guards::no_such_run(*id));
                }
                take(&columns, &columns.rows_of(runs))
            })
        })
    }

    /// The file's address, told by where it is now: `tracklite://` and its absolute path, in which
    /// bytes other than letters, digits, `/` and `-._~` are written as `%20`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("my runs.tracklite");
    /// let database = tracklite::Database::create(path)?;
    /// assert!(database.address().ends_with("/my%20runs.tracklite"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn address(&self) -> String {
        let path = std::path::absolute(self.path()).unwrap_or_else(|_| self.path().to_owned());
        let mut address = String::from("tracklite://");
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                    address.push(char::from(*byte));
                }
                other => address.push_str(&format!("%{other:02X}")),
            }
        }
        address
    }
}

/// One search over index, columns and live points.
struct Finding<'a> {
    index: &'a Index,
    cache: &'a mut ColumnCache,
    live: &'a LivePoints,
    way: Way,
    /// How many runs a page has; the selection has one more.
    limit: usize,
}

impl Finding<'_> {
    /// Finds the runs by the way that is cheaper, and hands those of the page on as rows of
    /// columns; also tells whether there are more.
    fn find<T>(
        self,
        selection: &RunSelection<'_>,
        keys: &Keys,
        take: impl FnOnce(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<(T, bool)> {
        let mut needed = columns::keys_of(selection);
        let by_columns = match self.way {
            Way::Columns => true,
            Way::Sql => false,
            Way::Cheapest => !selection.is_for_sql() || self.cache.is_worth_reading(&needed),
        };
        let mut ids = if by_columns {
            let columns = self.cache.read(self.index, &needed, self.live.each())?;
            let mut rows = columns.select(selection);
            if keys.without(columns.keys()).is_empty() {
                let has_more = cut(&mut rows, self.limit);
                return Ok((take(columns, &rows)?, has_more));
            }
            rows.iter().map(|row| columns.run(*row).info.id).collect()
        } else {
            self.index.select_runs(selection, self.live.each())?
        };
        // Before their values are read: a run that another process purges in between is missing
        // on its page, and is not the end of the pages.
        let has_more = cut(&mut ids, self.limit);
        needed.add(keys);
        Ok((self.take_runs(&ids, keys, &needed, take)?, has_more))
    }

    /// Hands these runs on, those that there are, as rows of columns of these keys: from the
    /// cache, with all that is `needed`, when that is cheaper.
    fn take_runs<T>(
        self,
        ids: &[RunId],
        keys: &Keys,
        needed: &Keys,
        take: impl FnOnce(&RunColumns, &[u32]) -> Result<T>,
    ) -> Result<T> {
        let Finding { index, cache, live, way, .. } = self;
        if way != Way::Sql && cache.is_worth_reading_all(index, ids.len())? {
            let columns = cache.read(index, needed, live.each())?;
            return take(columns, &columns.rows_of(ids));
        }
        let mut columns = RunColumns::read(index, Some(ids), keys)?;
        columns.add_live(live.each());
        take(&columns, &columns.rows_of(ids))
    }
}

/// Cuts what was found to a page; whether there was more.
fn cut<T>(found: &mut Vec<T>, limit: usize) -> bool {
    let has_more = found.len() > limit;
    found.truncate(limit);
    has_more
}

//! Searching: which runs or experiments, by MLflow's search language, page by page.

use crate::database::Database;
use crate::entity::{Lifecycle, RunRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::id::ExperimentId;
use crate::index::{LivePoint, RunSelection};
use crate::run_match::RunMatcher;
use crate::search::{Fingerprint, PageToken, RunFilter, RunOrder};
use crate::series::keep_latest;

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
    fn lifecycle(self) -> Option<Lifecycle> {
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
    /// What asks for the next page by [`RunSearch::page_token`]; `None` when this is the last.
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
    max_results: usize,
    page_token: String,
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
            max_results: PAGE_RESULTS_DEFAULT,
            page_token: String::new(),
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
        self.max_results = count;
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
        let experiments = match &self.experiments {
            None => String::from("all"),
            Some(ids) => ids.iter().map(|id| format!("{id} ")).collect(),
        };
        let view = format!("{:?}", self.view);
        let fixed = ["runs", &experiments, &self.filter, &view];
        Fingerprint::of(fixed.into_iter().chain(self.order.iter().map(String::as_str)))
    }

    fn check_max_results(&self) -> Result<()> {
        if (1..=PAGE_RESULTS_MAX).contains(&self.max_results) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("max_results is {}: it takes 1 to {PAGE_RESULTS_MAX}", self.max_results),
        ))
    }
}

impl Database {
    /// One page of the runs that a search finds, with params, tags and latest metrics.
    ///
    /// It sees every point that was logged before the call began, also those of other processes.
    /// A filter, order or token that breaks a rule is [`ErrorKind::InvalidInput`], and the message
    /// points at the place.
    pub fn search_runs(&self, search: &RunSearch) -> Result<Page<RunRecord>> {
        self.find_runs(search).map_err(|error| self.engine().locate(error))
    }

    fn find_runs(&self, search: &RunSearch) -> Result<Page<RunRecord>> {
        search.check_max_results()?;
        let filter = RunFilter::parse(&search.filter)?;
        let order = RunOrder::parse(&search.order)?;
        let fingerprint = search.fingerprint();
        let offset = PageToken::offset_in(&search.page_token, fingerprint)?;
        let artifacts = self.artifact_root();
        let selection = RunSelection {
            experiments: search.experiments.as_deref(),
            lifecycle: search.view.lifecycle().map(Lifecycle::as_str),
            filter: &filter,
            order: &order,
            artifacts: (&artifacts, "/artifacts"),
            offset,
            // One more, to see whether there is another page.
            limit: search.max_results as u64 + 1,
        };
        let mut items = if selection.is_for_sql() {
            self.select_by_sql(&selection)?
        } else {
            self.select_by_record(search, &selection)?
        };
        let has_more = items.len() > search.max_results;
        items.truncate(search.max_results);
        let next = offset + items.len() as u64;
        let token = PageToken { offset: next, query: Some(fingerprint) };
        Ok(Page { items, next_page_token: has_more.then(|| token.encode()) })
    }

    fn select_by_sql(&self, selection: &RunSelection<'_>) -> Result<Vec<RunRecord>> {
        // Live points first: one that is sealed in between is then found in the index.
        let live = self.engine().live_latest(None)?;
        let points = || {
            live.iter().flat_map(|(run, metrics)| {
                metrics.iter().map(|(key, point)| LivePoint { run: *run, key, point: *point })
            })
        };
        let mut found =
            self.engine().with_index(|index, _| index.search_runs(selection, points()))?;
        for record in &mut found {
            for (key, point) in live.get(&record.info.id).into_iter().flatten() {
                keep_latest(&mut record.metrics, key, *point);
            }
        }
        Ok(found)
    }

    /// For filters and orders of a length at which SQLite takes minutes.
    fn select_by_record(
        &self,
        search: &RunSearch,
        selection: &RunSelection<'_>,
    ) -> Result<Vec<RunRecord>> {
        let RunSelection { filter, order, artifacts, .. } = *selection;
        let mut runs = self.all_runs()?;
        runs.retain(|run| {
            let chosen = search.experiments.as_ref();
            search.view.lifecycle().is_none_or(|it| it == run.info.lifecycle)
                && chosen.is_none_or(|it| it.contains(&run.info.experiment))
        });
        RunMatcher { filter, order, artifacts }.choose(&mut runs);
        let before = usize::try_from(selection.offset).unwrap_or(usize::MAX).min(runs.len());
        runs.drain(..before);
        runs.truncate(search.max_results + 1);
        Ok(runs)
    }

    /// Where the artifacts of runs are, up to the run's id: told by where the file is now.
    fn artifact_root(&self) -> String {
        let path = std::path::absolute(self.path()).unwrap_or_else(|_| self.path().to_owned());
        format!("tracklite://{}/", path.display())
    }
}

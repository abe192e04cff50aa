//! Searching the registry by MLflow's search language, page by page.

use crate::entity::{ModelVersionInfo, RegisteredModelInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{ModelSelection, VersionSelection};
use crate::registry::Registry;
use crate::run::search::Page;
use crate::search::{
    Condition, Fingerprint, ModelVersionFilter, ModelVersionOrder, PageToken,
    RegisteredModelFilter, RegisteredModelOrder,
};

/// The greatest number of registered models of one page, and how many there are unless another
/// number is asked for; MLflow's.
pub const MODELS_PAGE: (usize, usize) = (1000, 100);
/// The same of versions.
pub const VERSIONS_PAGE: (usize, usize) = (200_000, 10_000);

/// What one statement of the index takes.
const CONDITIONS_MAX: usize = 100;
const LISTED_MAX: usize = 10_000;

/// What to search registered models or versions by: a filter, an order and a page, all of which
/// may be left out.
///
/// The language is MLflow's, described in `docs/search.md`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use tracklite::registry::RegistrySearch;
///
/// let registry = database.registry();
/// for name in ["churn", "digits"] {
///     let model = registry.new_model(name).tag("team", "growth").create()?;
///     for stage in ["dev", "prod"] {
///         model.new_version("s3://models").tag("stage", stage).create()?;
///     }
/// }
/// let search = RegistrySearch::new().filter("name LIKE 'c%' AND tags.team = 'growth'");
/// assert_eq!(registry.search_models(&search)?.items[0].name, "churn");
/// let search = RegistrySearch::new().filter("tags.stage = 'prod'").order_by("name DESC");
/// let page = registry.search_versions(&search)?;
/// assert_eq!((page.items[0].name.as_str(), page.items[0].version), ("digits", 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrySearch {
    filter: String,
    order: Vec<String>,
    max_results: Option<usize>,
    page_token: String,
}

impl RegistrySearch {
    /// All of them, in MLflow's order.
    #[must_use]
    pub fn new() -> Self {
        RegistrySearch::default()
    }

    /// What must hold: of models `name` and `tags.KEY`, of versions also `run_id`, `source_path`
    /// and `version_number`.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Orders models by `name` or `last_updated_timestamp`, versions also by `version_number` or
    /// `creation_timestamp`, with `DESC` behind it the other way; may be called again.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.order.push(field.into());
        self
    }

    /// At most so many a page: from 1 to that of [`MODELS_PAGE`] or [`VERSIONS_PAGE`].
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

    /// Where the page begins, how many it has at most, and what its token is bound to.
    fn page(&self, what: &str, (most, usual): (usize, usize)) -> Result<(u64, usize, Fingerprint)> {
        let limit = self.max_results.unwrap_or(usual);
        if !(1..=most).contains(&limit) {
            let message = format!("max_results is {limit}: 1 to {most} is allowed");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let fixed = [what, &self.filter];
        let query = fixed.into_iter().chain(self.order.iter().map(String::as_str));
        let query = Fingerprint::of(query);
        Ok((PageToken::offset_in(&self.page_token, query)?, limit, query))
    }
}

impl Registry {
    /// One page of the registered models that a search finds, by name unless another order is
    /// asked for. Prompts are left out unless the filter asks for their tag
    /// `mlflow.prompt.is_prompt`.
    ///
    /// A filter, order or token that breaks a rule is [`ErrorKind::InvalidInput`].
    pub fn search_models(&self, search: &RegistrySearch) -> Result<Page<RegisteredModelInfo>> {
        let prepared = || {
            let filter = RegisteredModelFilter::parse(&search.filter)?;
            check_length(&filter.conditions)?;
            let order = RegisteredModelOrder::parse(&search.order)?;
            Ok((filter, order, search.page("registered models", MODELS_PAGE)?))
        };
        let prepared = self.engine().located(prepared())?;
        let (filter, order, (offset, limit, query)) = &prepared;
        let selection = ModelSelection { filter, order, offset: *offset, limit: limit + 1 };
        let mut items = self.engine().with_index(|index, _| index.select_models(&selection))?;
        let next_page_token = PageToken::cut(&mut items, *offset, *limit, *query);
        Ok(Page { items, next_page_token })
    }

    /// One page of the versions that a search finds, those changed last first unless another order
    /// is asked for; their `aliases` are empty, as MLflow has it.
    ///
    /// A filter, order or token that breaks a rule is [`ErrorKind::InvalidInput`]. From the second
    /// search on all that versions are searched by is kept in memory, some 200 bytes for each, and
    /// kept up with what changes; then it costs some 20 ns for each version and condition, before
    /// up to 0.4 us, and some microseconds for each that is found.
    pub fn search_versions(&self, search: &RegistrySearch) -> Result<Page<ModelVersionInfo>> {
        let prepared = || {
            let filter = ModelVersionFilter::parse(&search.filter)?;
            check_length(&filter.conditions)?;
            let order = ModelVersionOrder::parse(&search.order)?;
            Ok((filter, order, search.page("model versions", VERSIONS_PAGE)?))
        };
        let prepared = self.engine().located(prepared())?;
        let (filter, order, (offset, limit, query)) = &prepared;
        let selection = VersionSelection { filter, order, offset: *offset, limit: limit + 1 };
        let mut items = self.engine().with_versions(|index, cache| {
            match cache.select(index, &selection)? {
                Some(entries) => index.versions_of_entries(&entries),
                None => index.select_versions(&selection),
            }
        })?;
        let next_page_token = PageToken::cut(&mut items, *offset, *limit, *query);
        Ok(Page { items, next_page_token })
    }
}

/// Longer filters cost more memory and planning than any answer is worth.
fn check_length<N, T>(conditions: &[Condition<N, T>]) -> Result<()> {
    let values: usize = conditions.iter().map(Condition::listed).sum();
    if conditions.len() <= CONDITIONS_MAX && values <= LISTED_MAX {
        return Ok(());
    }
    let message = format!(
        "a filter of {} comparisons with {values} values in lists: at most {CONDITIONS_MAX} \
         and {LISTED_MAX} are searched by",
        conditions.len()
    );
    Err(Error::new(ErrorKind::InvalidInput, message))
}

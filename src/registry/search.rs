//! Searching the registry by MLflow's search language, page by page.

use crate::entity::{ModelVersionInfo, RegisteredModelInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::Registry;
use crate::search::{
    Condition, ModelSelection, ModelVersionFilter, ModelVersionOrder, Page, Query,
    RegisteredModelFilter, RegisteredModelOrder, Searched, VersionSelection,
};

const MODELS: Searched = Searched {
    name: "registered models",
    has_view: false,
    is_registry: true,
    max_results: RegistrySearch::MAX_MODELS,
    default_results: RegistrySearch::DEFAULT_MODELS,
};
const VERSIONS: Searched = Searched {
    name: "model versions",
    has_view: false,
    is_registry: true,
    max_results: RegistrySearch::MAX_VERSIONS,
    default_results: RegistrySearch::DEFAULT_VERSIONS,
};

/// The limits of one SQL statement. Longer filters cost more memory and planning than they are
/// worth.
const CONDITIONS_MAX: usize = 100;
const LISTED_MAX: usize = 10_000;

/// A search of registered models or of versions: a filter, an order and a page, all optional.
///
/// The language is MLflow's. See `docs/search.md`.
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
    query: Query,
}

impl RegistrySearch {
    /// The largest number of registered models on one page. MLflow's limit.
    pub const MAX_MODELS: usize = 1000;
    /// The number of registered models on one page unless [`RegistrySearch::max_results`] is
    /// called. MLflow's default.
    pub const DEFAULT_MODELS: usize = 100;
    /// The largest number of versions on one page. MLflow's limit.
    pub const MAX_VERSIONS: usize = 200_000;
    /// The number of versions on one page unless [`RegistrySearch::max_results`] is called.
    /// MLflow's default.
    pub const DEFAULT_VERSIONS: usize = 10_000;

    /// Creates a search for everything, in MLflow's order.
    #[must_use]
    pub fn new() -> Self {
        RegistrySearch::default()
    }

    /// Sets the filter. Models have `name` and `tags.KEY`. Versions also have `run_id`,
    /// `source_path` and `version_number`.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.query.filter = filter.into();
        self
    }

    /// Orders by a field, such as `name` or `name DESC`. Further calls add fields that break ties.
    ///
    /// Models have `name` and `last_updated_timestamp`. Versions also have `version_number` and
    /// `creation_timestamp`.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.query.order.push(field.into());
        self
    }

    /// Sets the largest number of results on a page, from 1 to [`RegistrySearch::MAX_MODELS`] or
    /// [`RegistrySearch::MAX_VERSIONS`].
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

impl Registry {
    /// Returns one page of the registered models that a search finds, by name unless the search
    /// has an order.
    ///
    /// Prompts are left out unless the filter asks for their tag `mlflow.prompt.is_prompt`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the filter, the order, the page token or the number of
    ///   results is not valid.
    pub fn search_models(&self, search: &RegistrySearch) -> Result<Page<RegisteredModelInfo>> {
        self.engine().located(self.find_models(search))
    }

    fn find_models(&self, search: &RegistrySearch) -> Result<Page<RegisteredModelInfo>> {
        search.query.check_max_results(&MODELS)?;
        let filter = RegisteredModelFilter::parse(&search.query.filter)?;
        check_length(&filter.conditions)?;
        let order = RegisteredModelOrder::parse(&search.query.order)?;
        let page = search.query.page(&MODELS, None)?;
        let selection = ModelSelection {
            filter: &filter,
            order: &order,
            offset: page.offset,
            limit: page.wanted(),
        };
        let mut items = self.engine().with_index(|index, _| index.select_models(&selection))?;
        let next_page_token = page.cut(&mut items);
        Ok(Page { items, next_page_token })
    }

    /// Returns one page of the versions that a search finds, last changed first unless the search
    /// has an order.
    ///
    /// Like in MLflow, their `aliases` are empty.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the filter, the order, the page token or the number of
    ///   results is not valid.
    ///
    /// # Performance
    ///
    /// The first search runs as SQL and takes up to 0.4 us per version and condition. Later ones
    /// take about 20 ns, and some microseconds per result. For them, the searched fields of all
    /// versions are kept in memory, about 200 bytes each, and updated after changes.
    pub fn search_versions(&self, search: &RegistrySearch) -> Result<Page<ModelVersionInfo>> {
        self.engine().located(self.find_versions(search))
    }

    fn find_versions(&self, search: &RegistrySearch) -> Result<Page<ModelVersionInfo>> {
        search.query.check_max_results(&VERSIONS)?;
        let filter = ModelVersionFilter::parse(&search.query.filter)?;
        check_length(&filter.conditions)?;
        let order = ModelVersionOrder::parse(&search.query.order)?;
        let page = search.query.page(&VERSIONS, None)?;
        let selection = VersionSelection {
            filter: &filter,
            order: &order,
            offset: page.offset,
            limit: page.wanted(),
        };
        let mut items = self.engine().with_versions(|index, cache| {
            match cache.select(index, &selection)? {
                Some(entries) => index.versions_of_entries(&entries),
                None => index.select_versions(&selection),
            }
        })?;
        let next_page_token = page.cut(&mut items);
        Ok(Page { items, next_page_token })
    }
}

fn check_length<N, T>(conditions: &[Condition<N, T>]) -> Result<()> {
    let values: usize = conditions.iter().map(Condition::listed).sum();
    if conditions.len() <= CONDITIONS_MAX && values <= LISTED_MAX {
        return Ok(());
    }
    let message = format!(
        "the filter has {} comparisons with {values} listed values; at most {CONDITIONS_MAX} and \
         {LISTED_MAX} are possible",
        conditions.len()
    );
    Err(Error::new(ErrorKind::InvalidInput, message))
}

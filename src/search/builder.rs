//! The part that the builders of all searches share.

use super::page::{PageBounds, View, check_max_results};
use super::page_token::{Fingerprint, PageToken};
use crate::entity::id::ExperimentId;
use crate::error::Result;

/// Facts about one kind of entity that can be searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Searched {
    /// The name of the entities. Page tokens are bound to it.
    pub(crate) name: &'static str,
    /// Whether the search has a view.
    pub(crate) has_view: bool,
    /// Whether it is a search of the registry, whose errors have other texts.
    pub(crate) is_registry: bool,
    /// The largest page.
    pub(crate) max_results: usize,
    /// The size of a page if the caller sets none.
    pub(crate) default_results: usize,
}

/// A search as the caller states it, not yet parsed. `I` is an item of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query<I = String> {
    /// The filter.
    pub(crate) filter: String,
    /// The order, the most significant field first.
    pub(crate) order: Vec<I>,
    /// The view.
    pub(crate) view: View,
    /// The size of a page. `None` means the default.
    pub(crate) max_results: Option<usize>,
    /// The token of the page. An empty text means the first page.
    pub(crate) page_token: String,
}

impl<I> Default for Query<I> {
    /// Returns the search for all active entities.
    fn default() -> Self {
        Query {
            filter: String::new(),
            order: Vec::new(),
            view: View::default(),
            max_results: None,
            page_token: String::new(),
        }
    }
}

impl<I: AsRef<str>> Query<I> {
    /// Checks the size of the page. MLflow does this before it looks at the rest.
    pub(crate) fn check_max_results(&self, searched: &Searched) -> Result<()> {
        match self.max_results {
            Some(count) => check_max_results(count, searched.max_results, searched.is_registry),
            None => Ok(()),
        }
    }

    /// Returns the bounds of the page.
    ///
    /// `scope` is the rest of the search, as text. A page token is valid only for the same scope,
    /// filter, view and order.
    pub(crate) fn page(&self, searched: &Searched, scope: Option<&str>) -> Result<PageBounds> {
        self.bounds(searched, searched.default_results, scope)
    }

    /// Like [`Query::page`], with another default for the size of the page.
    pub(crate) fn bounds(
        &self,
        searched: &Searched,
        default_results: usize,
        scope: Option<&str>,
    ) -> Result<PageBounds> {
        self.check_max_results(searched)?;
        let limit = self.max_results.unwrap_or(default_results);
        let query = self.fingerprint(searched, scope);
        let offset = PageToken::offset_in(&self.page_token, query)?;
        Ok(PageBounds { offset, limit, query })
    }

    fn fingerprint(&self, searched: &Searched, scope: Option<&str>) -> Fingerprint {
        let view = searched.has_view.then(|| format!("{:?}", self.view));
        let fixed = [Some(searched.name), scope, Some(self.filter.as_str()), view.as_deref()];
        Fingerprint::of(fixed.into_iter().flatten().chain(self.order.iter().map(AsRef::as_ref)))
    }
}

/// Returns the experiments sorted and without duplicates.
pub(crate) fn distinct(experiments: &[ExperimentId]) -> Vec<ExperimentId> {
    let mut distinct = experiments.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

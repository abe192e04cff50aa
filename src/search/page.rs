//! Pages of results: their bounds, and which entities they show.

use super::page_token::{Fingerprint, PageToken};
use crate::entity::Lifecycle;
use crate::entity::wording::invalid;
use crate::error::Result;

/// Which runs or experiments a search finds: active ones, deleted ones or both. MLflow's
/// `ViewType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Active ones.
    #[default]
    ActiveOnly,
    /// Deleted ones.
    DeletedOnly,
    /// Both.
    All,
}

impl View {
    /// Returns the lifecycle of the entities shown, or `None` for any.
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
    /// The token of the next page, or `None` on the last page. Pass it to `page_token` of the same
    /// search.
    pub next_page_token: Option<String>,
}

/// The page that a search asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageBounds {
    /// The number of results before the page.
    pub(crate) offset: u64,
    /// The largest number of results on the page.
    pub(crate) limit: usize,
    /// The query to which the next token is bound.
    pub(crate) query: Fingerprint,
}

impl PageBounds {
    /// Returns the number of results to look for: one more than fits, to detect another page.
    pub(crate) fn wanted(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// Truncates the results from `offset` on to this page. Returns the token of the next page if
    /// there is one.
    pub(crate) fn cut<T>(&self, results: &mut Vec<T>) -> Option<String> {
        if results.len() <= self.limit {
            return None;
        }
        results.truncate(self.limit);
        let offset = self.offset + self.limit as u64;
        Some(PageToken { offset, query: Some(self.query) }.encode())
    }

    /// Like [`PageBounds::cut`], for all results from the very first one.
    pub(crate) fn cut_out<T>(&self, results: &mut Vec<T>) -> Option<String> {
        let before = usize::try_from(self.offset).unwrap_or(usize::MAX).min(results.len());
        results.drain(..before);
        self.cut(results)
    }
}

/// Checks that the size of a page is between 1 and `max`. The texts are those of MLflow's registry
/// or tracking store.
pub(super) fn check_max_results(count: usize, max: usize, is_registry: bool) -> Result<()> {
    if (1..=max).contains(&count) {
        return Ok(());
    }
    let message = match (is_registry, count) {
        (true, 0) => {
            "Invalid value for max_results. It must be a positive integer, but got 0".to_owned()
        }
        (true, _) => format!(
            "Invalid value for request parameter max_results. It must be at most {max}, but got \
             value {count}"
        ),
        (false, 0) => {
            "Invalid value 0 for parameter 'max_results' supplied. It must be a positive \
                       integer"
                .to_owned()
        }
        (false, _) => format!(
            "Invalid value {count} for parameter 'max_results' supplied. It must be at most {max}"
        ),
    };
    Err(invalid(message))
}

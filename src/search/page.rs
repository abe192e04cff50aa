//! Pages of results: their bounds, and which entities they show.

use super::page_token::{Fingerprint, PageToken};
use crate::entity::Lifecycle;
use crate::error::{Error, ErrorKind, Result};

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

/// Checks that the size of a page is between 1 and `max`.
pub(super) fn check_max_results(count: usize, max: usize) -> Result<()> {
    if (1..=max).contains(&count) {
        return Ok(());
    }
    let allowed = match max {
        usize::MAX => "at least 1".to_owned(),
        _ => format!("between 1 and {max}"),
    };
    let message = format!("max_results is {count}; it must be {allowed}");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

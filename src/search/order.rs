//! Orders: parses a list of texts into sort keys and adds defaults and tie-breaks.

use super::catalog::{Catalog, Use};
use super::message::{Problem, quoted};
use super::operand::written;
use super::parse;
use super::query::{Direction, Order, SortKey};
use super::syntax::Span;
use crate::error::{Error, ErrorKind, Result};

/// The largest number of items in an order.
pub const ORDER_ITEMS_MAX: usize = 256;

impl<N: Clone + PartialEq, T: Clone + PartialEq> Catalog<N, T> {
    /// Parses an order, one field per item, and appends the tie-breaks.
    pub(super) fn order<S: AsRef<str>>(&self, items: &[S]) -> Result<Order<N, T>> {
        check_count(items.len())?;
        let mut keys = Vec::with_capacity(items.len() + self.tie_breaks.len());
        for item in items {
            let text = item.as_ref();
            let key = self.sort_key(text, &keys);
            keys.push(key.map_err(|problem| problem.into_error("order", text))?);
        }
        Ok(self.completed(keys))
    }

    /// Returns the keys followed by the tie-breaks, or the default order if there are none.
    pub(super) fn completed(&self, mut keys: Vec<SortKey<N, T>>) -> Order<N, T> {
        if keys.is_empty() {
            return Order { keys: self.default_order.to_vec() };
        }
        for last in self.tie_breaks {
            if !keys.iter().any(|key| key.field == last.field) {
                keys.push(last.clone());
            }
        }
        Order { keys }
    }

    fn sort_key(&self, text: &str, before: &[SortKey<N, T>]) -> Result<SortKey<N, T>, Problem> {
        let (identifier, descending) = parse::parse_order_item(text)?;
        let field = self.find(text, &identifier, Use::Order)?.field;
        if before.iter().any(|key| key.field == field) {
            return Err(duplicate(text, identifier.span));
        }
        let direction = if descending { Direction::Descending } else { Direction::Ascending };
        Ok(SortKey { field, direction })
    }
}

#[cold]
fn duplicate(text: &str, place: Span) -> Problem {
    let summary = format!("duplicate field {}", quoted(written(text, place)));
    Problem::new(place, summary, "each field at most once")
}

/// Checks that an order has at most [`ORDER_ITEMS_MAX`] items.
pub(super) fn check_count(items: usize) -> Result<()> {
    if items <= ORDER_ITEMS_MAX {
        return Ok(());
    }
    let message = format!("invalid order: {items} items, expected at most {ORDER_ITEMS_MAX}");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

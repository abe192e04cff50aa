//! Orders: parses a list of texts into sort keys and adds defaults and tie-breaks.

use super::catalog::{Catalog, Use};
use super::message::{Problem, quoted};
use super::parse;
use super::query::{Direction, Order, SortKey};
use super::syntax::{Span, written};
use super::wording::Dialect;
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
            let broken = |_| self.dialect.broken_order(text);
            let added = self.add_sort_key(text, &mut keys);
            added.map_err(|place| match place {
                Refused::Problem(problem) => problem.into_error(broken, text),
                Refused::Repeated(place) => duplicate(text, place)
                    .sentence(Dialect::repeated_field(items.iter().map(AsRef::as_ref)))
                    .into_error(broken, text),
            })?;
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

    fn add_sort_key(&self, text: &str, keys: &mut Vec<SortKey<N, T>>) -> Result<(), Refused> {
        let (identifier, descending) = parse::parse_order_item(text).map_err(Refused::Problem)?;
        let field = self.find(text, &identifier, Use::Order).map_err(Refused::Problem)?.field;
        if keys.iter().any(|key| key.field == field) {
            return match self.dialect.ignores_repeated_fields() {
                true => Ok(()),
                false => Err(Refused::Repeated(identifier.span)),
            };
        }
        let direction = if descending { Direction::Descending } else { Direction::Ascending };
        keys.push(SortKey { field, direction });
        Ok(())
    }
}

/// A refused item of an order.
enum Refused {
    Problem(Problem),
    /// A field that an earlier item has, at this place.
    Repeated(Span),
}

#[cold]
fn duplicate(text: &str, place: Span) -> Problem {
    let summary = format!("duplicate field {}", quoted(written(text, place)));
    // MLflow sets no code, which makes it an internal error.
    Problem::new(place, summary, "each field at most once").mlflow_code("INTERNAL_ERROR")
}

/// Checks that an order has at most [`ORDER_ITEMS_MAX`] items.
pub(super) fn check_count(items: usize) -> Result<()> {
    if items <= ORDER_ITEMS_MAX {
        return Ok(());
    }
    let message = format!("invalid order: {items} items, expected at most {ORDER_ITEMS_MAX}");
    Err(Error::new(ErrorKind::InvalidInput, message))
}

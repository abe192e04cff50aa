//! The search language: texts into typed queries, and what they mean, without any I/O.
//!
//! A text becomes tokens, a syntax tree with places ([`Expression`]), and by the table of fields of
//! the entity that is searched a typed query:
//!
//! ```text
//! text -> tokens -> Expression -> catalog of the entity -> Filter<Number, Text>
//!         token.rs   parse.rs      catalog.rs, runs.rs ...  query.rs
//! ```
//!
//! An evaluator asks its entity for the values of the fields and the query for the verdict:
//! [`NumberTest::matches`], [`TextTest::matches`], [`Direction::compare_numbers`] and
//! [`Direction::compare_texts`] are the whole meaning of the language, for every evaluator the
//! same. The document of the language is `docs/search.md`.

mod base64;
mod catalog;
mod experiments;
mod like;
mod logged_models;
mod message;
mod nearest;
mod operand;
mod order;
mod page;
mod parse;
mod print;
mod projection;
mod query;
mod registry;
mod runs;
mod syntax;
mod token;

#[cfg(test)]
mod tests;

pub use experiments::{ExperimentFilter, ExperimentNumber, ExperimentOrder, ExperimentText};
pub use like::{Case, matches as like_matches};
pub use logged_models::{
    DatasetChoice, LoggedModelFilter, LoggedModelNumber, LoggedModelOrder, LoggedModelOrderItem,
    LoggedModelSortKey, LoggedModelText,
};
pub use order::ORDER_ITEMS_MAX;
pub use page::{Fingerprint, PageToken};
pub use parse::{COMPARISONS_MAX, TEXT_BYTES_MAX};
pub use print::{NumberField, TextField};
pub use projection::{RunAttribute, RunColumn};
pub use query::{
    Condition, Direction, Field, Filter, NumberTest, Order, SortKey, TextList, TextTest,
};
pub use registry::{
    ModelVersionFilter, ModelVersionNumber, ModelVersionOrder, ModelVersionText,
    RegisteredModelFilter, RegisteredModelNumber, RegisteredModelOrder, RegisteredModelText,
};
pub use runs::{RunFilter, RunNumber, RunOrder, RunText};
pub use syntax::{Comparison, Expression, Identifier, Operator, Span, Value};

use crate::error::Result;

/// The syntax tree of a filter, whatever is searched by it; an empty text is an empty `And`.
pub fn parse_expression(text: &str) -> Result<Expression<'_>> {
    parse::parse_filter(text).map_err(|problem| problem.into_error("filter", text))
}

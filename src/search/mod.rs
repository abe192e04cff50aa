//! The search language: parses text into typed queries and defines their meaning, without I/O.
//!
//! A text is split into tokens and parsed into a syntax tree with places ([`Expression`]). The
//! catalog of the searched entity turns the tree into a typed query:
//!
//! ```text
//! text -> tokens -> Expression -> catalog of the entity -> Filter<Number, Text>
//!         token.rs   parse.rs      catalog.rs, runs.rs ...  query.rs
//! ```
//!
//! An evaluator looks up the values of fields and asks the query whether they match. Four functions
//! define the language for every evaluator: [`NumberTest::matches`], [`TextTest::matches`],
//! [`Direction::compare_numbers`] and [`Direction::compare_texts`]. The language is documented in
//! `docs/search.md`.

mod base64;
mod builder;
mod catalog;
mod experiments;
mod like;
mod logged_models;
mod message;
mod operand;
mod order;
mod page;
mod page_token;
mod parse;
mod place;
mod point_summary;
mod print;
mod projection;
mod query;
mod registry;
mod row;
mod rule;
mod runs;
mod selection;
mod syntax;
mod token;
mod wording;

#[cfg(test)]
mod tests;

pub(crate) use base64::encode as encode_base64;
pub(crate) use builder::{Query, Searched, distinct};
pub use experiments::{ExperimentFilter, ExperimentNumber, ExperimentOrder, ExperimentText};
pub use like::{Case, matches as like_matches};
pub use logged_models::{
    DatasetChoice, LoggedModelFilter, LoggedModelNumber, LoggedModelOrder, LoggedModelOrderItem,
    LoggedModelSortKey, LoggedModelText,
};
pub use order::ORDER_ITEMS_MAX;
pub(crate) use page::PageBounds;
pub use page::{Page, View};
pub use page_token::{Fingerprint, PageToken};
pub use parse::{COMPARISONS_MAX, TEXT_BYTES_MAX};
pub use place::{FilterPart, FilterPlace};
pub(crate) use point_summary::PointSummary;
pub use print::{NumberField, TextField};
pub use projection::{RunAttribute, RunColumn};
pub use query::{
    Condition, Direction, Field, Filter, NumberTest, Order, SortKey, TextList, TextTest,
};
pub use registry::{
    ModelVersionFilter, ModelVersionNumber, ModelVersionOrder, ModelVersionText,
    RegisteredModelFilter, RegisteredModelNumber, RegisteredModelOrder, RegisteredModelText,
};
pub(crate) use row::Row;
pub use runs::{MetricStatistic, RunFilter, RunNumber, RunOrder, RunText};
pub(crate) use selection::{ModelSelection, RunSelection, VersionSelection};
pub use syntax::{Comparison, Expression, Identifier, Operator, Span, Value};

use crate::error::Result;

/// Parses a filter into its syntax tree, without checking the fields. An empty text is an empty
/// `And`.
pub fn parse_expression(text: &str) -> Result<Expression<'_>> {
    let broken = |place| wording::Dialect::Runs.broken_filter(text, place);
    parse::parse_filter(text).map_err(|problem| problem.into_error(broken, text))
}

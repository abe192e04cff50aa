//! Runs by column, in memory. Searches and tables are answered from here.
//!
//! A column holds one metric, param or tag of all runs. It is read from the index when it first
//! becomes useful. Before each query, it is updated by reading the runs that recent records
//! changed. Points that are not sealed yet are then added.

pub(crate) mod version_cache;
pub(crate) mod versions;

mod cache;
mod changes;
mod column;
mod growth;
mod keys;
mod records;
mod runs;
mod select;
mod statistics;
mod summaries;
mod texts;

pub(crate) use self::cache::ColumnCache;
pub(crate) use self::column::TextColumn;
pub(crate) use self::keys::{KeySet, Keys};
pub(crate) use self::runs::RunColumns;
pub(crate) use self::select::keys_of;
pub(crate) use self::summaries::{Computed, SummaryKeys, SummaryPlace};

//! A table of lineage edges.

use polars::prelude::DataFrame;

use crate::entity::LineageGraph;
use crate::error::Result;

use super::{frame, texts};

/// Returns the table `from_kind, from, from_name, kind, to_kind, to, to_name`, one row per edge.
pub(crate) fn lineage(graph: &LineageGraph) -> Result<DataFrame> {
    let edges = || graph.edges.iter();
    frame(vec![
        texts("from_kind", edges().map(|edge| Some(edge.from.kind()))),
        texts("from", edges().map(|edge| Some(edge.from.to_string()))),
        texts("from_name", edges().map(|edge| graph.nodes.get(&edge.from))),
        texts("kind", edges().map(|edge| Some(edge.kind.as_str()))),
        texts("to_kind", edges().map(|edge| Some(edge.to.kind()))),
        texts("to", edges().map(|edge| Some(edge.to.to_string()))),
        texts("to_name", edges().map(|edge| graph.nodes.get(&edge.to))),
    ])
}

//! Tables of params, tags and datasets.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use crate::columns::{RunColumns, TextColumn};
use crate::entity::DATA_CONTEXT_TAG;
use crate::entity::id::RunId;
use crate::error::Result;

use super::{frame, texts};

/// Returns the table `run_id, key, value` of the params of these rows.
pub(crate) fn params(runs: &RunColumns, rows: &[u32]) -> Result<DataFrame> {
    pairs(runs, rows, runs.params())
}

/// Returns the table `run_id, key, value` of the tags of these rows.
pub(crate) fn tags(runs: &RunColumns, rows: &[u32]) -> Result<DataFrame> {
    pairs(runs, rows, runs.tags())
}

/// Returns the pairs run by run, sorted by key within a run.
fn pairs(
    runs: &RunColumns,
    rows: &[u32],
    columns: &BTreeMap<String, TextColumn>,
) -> Result<DataFrame> {
    let mut found: Vec<(RunId, &str, &str)> = Vec::new();
    for row in rows {
        let id = runs.run(*row).info.id;
        let of = columns.iter().filter_map(|(key, column)| Some((key, column.get(*row)?)));
        found.extend(of.map(|(key, text)| (id, key.as_str(), text)));
    }
    frame(vec![
        texts("run_id", found.iter().map(|(id, ..)| Some(id.to_string()))),
        texts("key", found.iter().map(|(_, key, _)| Some(*key))),
        texts("value", found.iter().map(|(.., value)| Some(*value))),
    ])
}

/// Returns the table `run_id, name, digest, source_type, source, schema, profile, context` of the
/// datasets used by these rows, in the order of logging.
pub(crate) fn datasets(runs: &RunColumns, rows: &[u32]) -> Result<DataFrame> {
    let of_runs = rows.iter().map(|row| runs.run(*row));
    let found: Vec<_> = of_runs
        .flat_map(|run| run.datasets.iter().map(move |input| (run.info.id, input)))
        .collect();
    let all = || found.iter().map(|(_, input)| &input.dataset);
    frame(vec![
        texts("run_id", found.iter().map(|(id, _)| Some(id.to_string()))),
        texts("name", all().map(|dataset| Some(&dataset.name))),
        texts("digest", all().map(|dataset| Some(&dataset.digest))),
        texts("source_type", all().map(|dataset| Some(&dataset.source_type))),
        texts("source", all().map(|dataset| Some(&dataset.source))),
        texts("schema", all().map(|dataset| dataset.schema.as_ref())),
        texts("profile", all().map(|dataset| dataset.profile.as_ref())),
        texts("context", found.iter().map(|(_, input)| input.tags.get(DATA_CONTEXT_TAG))),
    ])
}

//! Tables of params, tags and datasets, one per row.

use std::collections::BTreeMap;

use crate::columns::{RunColumns, TextColumn};
use crate::entity::DATA_CONTEXT_TAG;
use crate::entity::table::{Table, Texts};
use crate::error::Result;

/// Makes the table `run_id, key, value` of the params of these rows.
pub(super) fn params(runs: &RunColumns, rows: &[u32]) -> Result<Table> {
    pairs(runs, rows, runs.params())
}

/// Makes the table `run_id, key, value` of the tags of these rows.
pub(super) fn tags(runs: &RunColumns, rows: &[u32]) -> Result<Table> {
    pairs(runs, rows, runs.tags())
}

/// Run by run, each by key.
fn pairs(runs: &RunColumns, rows: &[u32], columns: &BTreeMap<String, TextColumn>) -> Result<Table> {
    let (mut ids, mut keys, mut values) = (Texts::new(), Texts::new(), Texts::new());
    for row in rows {
        let mut count = 0;
        for (key, column) in columns {
            if let Some(text) = column.get(*row) {
                keys.push(Some(key));
                values.push(Some(text));
                count += 1;
            }
        }
        ids.push_repeated(Some(&runs.run(*row).info.id.to_string()), count);
    }
    let mut table = Table::new();
    for (name, column) in [("run_id", ids), ("key", keys), ("value", values)] {
        table.add_column(name, column)?;
    }
    Ok(table)
}

/// Makes the table `run_id, name, digest, source_type, source, schema, profile, context` of the
/// input datasets of these rows, in the order of logging.
pub(super) fn datasets(runs: &RunColumns, rows: &[u32]) -> Result<Table> {
    let mut ids = Texts::new();
    for row in rows {
        let run = runs.run(*row);
        ids.push_repeated(Some(&run.info.id.to_string()), run.datasets.len());
    }
    let inputs = || rows.iter().flat_map(|row| &runs.run(*row).datasets);
    let datasets = || inputs().map(|input| &input.dataset);
    let columns: [(&str, Texts); 8] = [
        ("run_id", ids),
        ("name", datasets().map(|dataset| Some(&dataset.name)).collect()),
        ("digest", datasets().map(|dataset| Some(&dataset.digest)).collect()),
        ("source_type", datasets().map(|dataset| Some(&dataset.source_type)).collect()),
        ("source", datasets().map(|dataset| Some(&dataset.source)).collect()),
        ("schema", datasets().map(|dataset| dataset.schema.as_ref()).collect()),
        ("profile", datasets().map(|dataset| dataset.profile.as_ref()).collect()),
        ("context", inputs().map(|input| input.tags.get(DATA_CONTEXT_TAG)).collect()),
    ];
    let mut table = Table::new();
    for (name, column) in columns {
        table.add_column(name, column)?;
    }
    Ok(table)
}

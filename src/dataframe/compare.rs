//! What differs between runs.

use polars::prelude::{AnyValue, Column, DataFrame};

use crate::entity::RUN_NAME_TAG;

/// Columns that name a run: they stay, whether they differ or not.
const NAMES: [&str; 2] = ["run_id", "run_name"];

/// Leaves out the columns that have the same value in every row. What one row has and another one
/// has not differs; a NaN is equal to a NaN.
pub(crate) fn only_what_differs(frame: &DataFrame) -> DataFrame {
    let name_tag = format!("tags.{RUN_NAME_TAG}");
    let stays = |column: &&Column| {
        let name = column.name().as_str();
        NAMES.contains(&name) || (name != name_tag && differs(column))
    };
    let names: Vec<_> = frame.columns().iter().filter(stays).map(|it| it.name().clone()).collect();
    let mut kept = frame.clone();
    for column in frame.columns() {
        if !names.contains(column.name()) {
            kept.drop_in_place(column.name()).ok();
        }
    }
    kept
}

fn differs(column: &Column) -> bool {
    let value = |row| column.get(row).unwrap_or(AnyValue::Null);
    // Nulls are equal to each other here, and so are NaNs.
    (1..column.len()).any(|row| value(row) != value(0))
}

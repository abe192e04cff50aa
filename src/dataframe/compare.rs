//! Finds the differences between runs.

use polars::prelude::{AnyValue, Column, DataFrame};

use crate::entity::RUN_NAME_TAG;

/// Columns that identify a run. They are always kept.
const NAMES: [&str; 2] = ["run_id", "run_name"];

/// Removes the columns with the same value in every row. A missing value differs from any other,
/// and NaN equals NaN.
pub(crate) fn only_what_differs(frame: &DataFrame) -> DataFrame {
    let name_tag = format!("tags.{RUN_NAME_TAG}");
    let stays = |column: &&Column| {
        let name = column.name().as_str();
        NAMES.contains(&name) || (name != name_tag && differs(column))
    };
    let names: Vec<_> =
        frame.columns().iter().filter(stays).map(|column| column.name().clone()).collect();
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
    // Two nulls are equal here, and so are two NaNs.
    (1..column.len()).any(|row| value(row) != value(0))
}

//! Choosing rows of a column.

use super::{Bytes, Column, Lists, Texts, Values};

/// The row that [`Column::take`] turns into a null.
pub(crate) const NO_ROW: u32 = u32::MAX;

impl Column {
    /// Returns the column with these rows, in this order. [`NO_ROW`] and rows that do not exist are
    /// null.
    pub(crate) fn take(&self, rows: &[u32]) -> Column {
        match self {
            Column::Text(texts) => {
                Column::Text(rows.iter().map(|row| texts.get(*row as usize)).collect::<Texts>())
            }
            Column::Integer(values) => Column::Integer(take_values(values, rows)),
            Column::Float(values) => Column::Float(take_values(values, rows)),
            Column::Bool(values) => Column::Bool(take_values(values, rows)),
            Column::Time(values) => Column::Time(take_values(values, rows)),
            Column::Date(values) => Column::Date(take_values(values, rows)),
            Column::Bytes(bytes) => {
                Column::Bytes(rows.iter().map(|row| bytes.get(*row as usize)).collect::<Bytes>())
            }
            Column::Integers(lists) => Column::Integers(take_lists(lists, rows)),
            Column::Floats(lists) => Column::Floats(take_lists(lists, rows)),
        }
    }

    /// Returns the memory of the values in bytes, approximately.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Column::Text(texts) => texts.iter().map(|text| 8 + text.map_or(0, str::len)).sum(),
            Column::Bytes(bytes) => {
                bytes.iter().map(|bytes| 8 + bytes.map_or(0, <[u8]>::len)).sum()
            }
            Column::Integers(lists) => {
                lists.iter().map(|items| 8 + 8 * items.map_or(0, <[i64]>::len)).sum()
            }
            Column::Floats(lists) => {
                lists.iter().map(|items| 8 + 8 * items.map_or(0, <[f64]>::len)).sum()
            }
            other => 8 * other.len(),
        }
    }
}

fn take_values<T: Copy + Default>(values: &Values<T>, rows: &[u32]) -> Values<T> {
    let all = values.values();
    if values.null_count() == 0 && rows.iter().all(|row| (*row as usize) < all.len()) {
        let taken = rows.iter().filter_map(|row| all.get(*row as usize).copied());
        return Values::from(taken.collect::<Vec<T>>());
    }
    rows.iter().map(|row| values.get(*row as usize)).collect()
}

fn take_lists<T: Copy>(lists: &Lists<T>, rows: &[u32]) -> Lists<T> {
    rows.iter().map(|row| lists.get(*row as usize)).collect()
}

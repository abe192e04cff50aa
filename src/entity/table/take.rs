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

    /// Returns the column with these rows, in this order. The rows of another column of this type
    /// are numbered behind those of this one.
    pub(crate) fn take_with(&self, other: &Column, rows: &[u32]) -> Column {
        let first = self.len();
        macro_rules! both {
            ($own:expr, $other:expr) => {{
                let (own, other) = ($own, $other);
                let get = |row: &u32| match (*row as usize).checked_sub(first) {
                    None => own.get(*row as usize),
                    Some(behind) => other.get(behind),
                };
                rows.iter().map(get).collect()
            }};
        }
        match (self, other) {
            (Column::Text(own), Column::Text(other)) => Column::Text(both!(own, other)),
            (Column::Integer(own), Column::Integer(other)) => Column::Integer(both!(own, other)),
            (Column::Float(own), Column::Float(other)) => Column::Float(both!(own, other)),
            (Column::Bool(own), Column::Bool(other)) => Column::Bool(both!(own, other)),
            (Column::Time(own), Column::Time(other)) => Column::Time(both!(own, other)),
            (Column::Date(own), Column::Date(other)) => Column::Date(both!(own, other)),
            (Column::Bytes(own), Column::Bytes(other)) => Column::Bytes(both!(own, other)),
            (Column::Integers(own), Column::Integers(other)) => Column::Integers(both!(own, other)),
            (Column::Floats(own), Column::Floats(other)) => Column::Floats(both!(own, other)),
            // A column never changes its type.
            (own, _) => own.take(rows),
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

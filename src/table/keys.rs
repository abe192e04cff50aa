//! The keys of rows: compared, searched and hashed.

use std::cmp::Ordering;

use crate::entity::table::Column;
use crate::format::segment::Bounds;

/// The keys of some rows: one value for each key column.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    parts: Vec<Part>,
    /// Whether a part of the key of a row is null. Empty if none is.
    nulls: Vec<bool>,
    rows: usize,
}

/// A key column.
#[derive(Debug)]
enum Part {
    Numbers(Vec<i64>),
    /// The bytes of all rows, where each begins, and where the last one ends.
    Strings(Vec<u8>, Vec<usize>),
}

impl Keys {
    /// Takes the keys from their columns, which have `rows` rows.
    pub(crate) fn of(columns: &[&Column], rows: usize) -> Keys {
        let mut keys = Keys { rows, ..Keys::default() };
        for column in columns {
            if column.null_count() > 0 {
                keys.nulls.resize(rows, false);
                let nulls = keys.nulls.iter_mut().enumerate();
                nulls.for_each(|(row, is_null)| *is_null |= is_null_at(column, row));
            }
            keys.parts.push(part(column));
        }
        keys
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Returns whether a part of the key is null. Such a key equals no other.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.get(row).copied().unwrap_or(false)
    }

    /// Compares the key of a row with that of a row of other keys, whose columns have the same
    /// types.
    pub(crate) fn compare(&self, row: usize, other: &Keys, other_row: usize) -> Ordering {
        for (own, other) in self.parts.iter().zip(&other.parts) {
            let ordering = match (own, other) {
                (Part::Numbers(own), Part::Numbers(other)) => {
                    own.get(row).cmp(&other.get(other_row))
                }
                (own, other) => own.bytes(row).cmp(other.bytes(other_row)),
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }

    /// Appends the key of a row as bytes that no other key has.
    pub(crate) fn write(&self, row: usize, bytes: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Numbers(numbers) => {
                    let number = numbers.get(row).copied().unwrap_or_default();
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
                strings @ Part::Strings(..) => {
                    let string = strings.bytes(row);
                    bytes.extend_from_slice(&(string.len() as u64).to_le_bytes());
                    bytes.extend_from_slice(string);
                }
            }
        }
    }

    /// Returns what finds the blocks that may have one of the keys.
    pub(crate) fn filter(&self) -> KeyFilter {
        let mut filter = match self.parts.first() {
            Some(Part::Numbers(numbers)) => KeyFilter::Numbers(numbers.clone()),
            Some(strings) => {
                KeyFilter::Strings((0..self.rows).map(|row| strings.bytes(row).to_vec()).collect())
            }
            None => KeyFilter::Numbers(Vec::new()),
        };
        match &mut filter {
            KeyFilter::Numbers(numbers) => numbers.sort_unstable(),
            KeyFilter::Strings(strings) => strings.sort_unstable(),
        }
        filter
    }

    /// Returns the key of a row in words, for messages.
    pub(crate) fn describe(&self, row: usize) -> String {
        let part = |part: &Part| match part {
            Part::Numbers(numbers) => numbers.get(row).map(ToString::to_string).unwrap_or_default(),
            strings => format!("{:?}", String::from_utf8_lossy(strings.bytes(row))),
        };
        self.parts.iter().map(part).collect::<Vec<String>>().join(", ")
    }
}

/// The values of the first key column of some keys, in order.
#[derive(Debug)]
pub(crate) enum KeyFilter {
    Numbers(Vec<i64>),
    Strings(Vec<Vec<u8>>),
}

impl KeyFilter {
    /// Returns whether a block with these bounds of its first key column may have one of the keys.
    pub(crate) fn may_be_in(&self, bounds: &Bounds) -> bool {
        match (self, bounds) {
            (KeyFilter::Numbers(numbers), Bounds::Integers(min, max)) => {
                let first = numbers.partition_point(|number| number < min);
                numbers.get(first).is_some_and(|number| number <= max)
            }
            (KeyFilter::Strings(strings), Bounds::Bytes(min, max)) => {
                let first = strings.partition_point(|string| string < min);
                strings.get(first).is_some_and(|string| string <= max)
            }
            _ => true,
        }
    }
}

impl Part {
    fn bytes(&self, row: usize) -> &[u8] {
        let Part::Strings(bytes, bounds) = self else { return &[] };
        let range = bounds.get(row).zip(bounds.get(row + 1));
        range.and_then(|(start, end)| bytes.get(*start..*end)).unwrap_or_default()
    }
}

fn part(column: &Column) -> Part {
    match column {
        Column::Integer(values) | Column::Time(values) => Part::Numbers(values.values().to_vec()),
        Column::Date(values) => {
            Part::Numbers(values.values().iter().map(|day| (*day).into()).collect())
        }
        Column::Bool(values) => {
            Part::Numbers(values.values().iter().map(|is_true| i64::from(*is_true)).collect())
        }
        Column::Text(texts) => strings(texts.iter().map(|text| text.map(str::as_bytes))),
        Column::Bytes(bytes) => strings(bytes.iter()),
        // Columns of other types are no keys: `TableState::check`.
        Column::Float(_) | Column::Integers(_) | Column::Floats(_) => Part::Numbers(Vec::new()),
    }
}

fn strings<'a>(rows: impl Iterator<Item = Option<&'a [u8]>>) -> Part {
    let (mut bytes, mut bounds) = (Vec::new(), vec![0]);
    for row in rows {
        bytes.extend_from_slice(row.unwrap_or_default());
        bounds.push(bytes.len());
    }
    Part::Strings(bytes, bounds)
}

fn is_null_at(column: &Column, row: usize) -> bool {
    matches!(column.value(row), crate::entity::table::Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::table::{Texts, Values};

    #[test]
    fn keys_are_compared_by_their_columns_in_order() {
        let names: Texts = [Some("b"), Some("a"), Some("ab"), None].into_iter().collect();
        let names = Column::from(names);
        let numbers = Column::from(Values::from(vec![1_i64, 2, -5, 0]));
        let keys = Keys::of(&[&names, &numbers], 4);
        assert_eq!(keys.compare(0, &keys, 1), Ordering::Greater);
        assert_eq!(keys.compare(1, &keys, 2), Ordering::Less);
        assert_eq!(keys.compare(2, &keys, 2), Ordering::Equal);
        assert!(keys.is_null(3) && !keys.is_null(0));
        assert_eq!(keys.describe(2), "\"ab\", -5");
        let bytes = |row| {
            let mut bytes = Vec::new();
            keys.write(row, &mut bytes);
            bytes
        };
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let column =
            |texts: [&str; 2]| Column::from(texts.map(Some).into_iter().collect::<Texts>());
        let (left, right) = (column(["ab", "a"]), column(["c", "bc"]));
        let keys = Keys::of(&[&left, &right], 2);
        let bytes = [0, 1].map(|row| {
            let mut bytes = Vec::new();
            keys.write(row, &mut bytes);
            bytes
        });
        assert_ne!(bytes[0], bytes[1]);
        assert_ne!(keys.compare(0, &keys, 1), Ordering::Equal);
    }
}

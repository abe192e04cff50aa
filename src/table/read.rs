//! Reading the rows of a table.

use crate::entity::id::Timestamp;
use crate::entity::table::{Column, Table, Value};
use crate::entity::wording::invalid;
use crate::entity::{TableColumn, TableInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::format::segment::Bounds;
use crate::table::StoredTable;
use crate::table::blocks::Blocks;
use crate::table::merge::{Images, RowImages, gather};
use crate::table::segment::{Segment, Wanted, read_columns};
use crate::table::snapshot::Snapshot;

/// A read of a stored table. See [`StoredTable::read`].
#[derive(Clone, Debug)]
pub struct TableRead {
    table: StoredTable,
    columns: Option<Vec<String>>,
    version: Option<u64>,
    time: Option<Timestamp>,
    ranges: Vec<(String, Bound, Bound)>,
}

/// An owned value of a bound. `None` is unbounded.
type Bound = Option<BoundValue>;

#[derive(Clone, Debug)]
enum BoundValue {
    Integer(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl StoredTable {
    /// Returns a reader of the rows. By default, it reads all columns of the last version.
    #[must_use]
    pub fn read(&self) -> TableRead {
        let table = self.clone();
        TableRead { table, columns: None, version: None, time: None, ranges: Vec::new() }
    }
}

impl TableRead {
    /// Sets the columns to read, in order. Default: all.
    #[must_use]
    pub fn columns<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Reads the rows as they were after the write with this number. 0 is before the first one.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Reads the rows as they were at a time.
    #[must_use]
    pub fn known_at(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// Reads only rows whose value in a column is from `from` to `to`, both inclusive. A null is
    /// no bound. Rows with a null in the column are left out.
    ///
    /// # Performance
    ///
    /// Skips blocks without such rows, if the column is part of the key or the table has no key.
    /// Else it reads all rows.
    #[must_use]
    pub fn between(mut self, column: impl Into<String>, from: Value<'_>, to: Value<'_>) -> Self {
        self.ranges.push((column.into(), bound(from), bound(to)));
        self
    }

    /// Reads the rows: by key and time if the table has a key, else in the order of their writes.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    /// - [`ErrorKind::InvalidInput`] if there is no such column or version, or a bound has another
    ///   type than its column.
    /// - [`ErrorKind::Damaged`] if the rows are damaged.
    ///
    /// # Performance
    ///
    /// Holds the columns that it reads in memory, for all versions of their rows. Uses all
    /// processors.
    pub fn table(&self) -> Result<Table> {
        let version = match self.time {
            Some(time) => {
                let at = self.table.version_at(time)?;
                Some(self.version.map_or(at, |version| version.min(at)))
            }
            None => self.version,
        };
        let read = self.table.with_snapshot(version, |snapshot| self.read(snapshot));
        self.table.engine().located(read)
    }

    fn read(&self, snapshot: &Snapshot) -> Result<Table> {
        let columns = chosen(&snapshot.info, self.columns.as_deref())?;
        let mut all = columns.clone();
        for (name, ..) in &self.ranges {
            let column = existing(&snapshot.info, name)?;
            if !all.contains(column) {
                all.push(column.clone());
            }
        }
        let values = match snapshot.info.state.primary_key.is_empty() {
            true => self.read_blocks(snapshot, &all)?,
            false => {
                let database = self.table.database();
                let blocks = Blocks::of_rows(&snapshot.segments, |segment, block| {
                    self.ranges.iter().all(|(name, from, to)| {
                        let is_key = snapshot.info.state.primary_key.contains(name);
                        !is_key || block_may_match(segment, block, name, (from, to))
                    })
                });
                let images = Images::of(database, snapshot, blocks)?;
                gather(database, snapshot, &images, &images.rows(), &all)?
            }
        };
        let values = self.filtered(&all, values)?;
        let mut table = Table::new();
        for (column, values) in columns.iter().zip(values) {
            table.add_column(column.name.clone(), values)?;
        }
        Ok(table)
    }

    /// Reads columns of a table without a key, without the blocks that the bounds exclude.
    fn read_blocks(&self, snapshot: &Snapshot, columns: &[TableColumn]) -> Result<Vec<Column>> {
        let is_later = |segment: &Segment| segment.stored.last > snapshot.version;
        if snapshot.segments.iter().any(is_later) {
            return self.read_known(snapshot, columns);
        }
        let keep = |segment: usize, block: usize| {
            let Some(segment) = snapshot.segments.get(segment) else { return true };
            let mut ranges = self.ranges.iter();
            ranges.all(|(name, from, to)| block_may_match(segment, block, name, (from, to)))
        };
        let wanted =
            columns.iter().map(|column| Wanted { name: column.name.clone(), kind: column.kind });
        let wanted: Vec<Wanted> = wanted.collect();
        let database = self.table.database();
        read_columns(database, snapshot.info.id, &snapshot.segments, &wanted, &keep)
    }

    /// Reads columns of a table without a key, of which a segment has rows of later versions.
    fn read_known(&self, snapshot: &Snapshot, columns: &[TableColumn]) -> Result<Vec<Column>> {
        let images = Images::read(self.table.database(), snapshot)?;
        let rows: Vec<RowImages> = images.known().collect();
        gather(self.table.database(), snapshot, &images, &rows, columns)
    }

    fn filtered(&self, columns: &[TableColumn], values: Vec<Column>) -> Result<Vec<Column>> {
        if self.ranges.is_empty() {
            return Ok(values);
        }
        let rows = values.first().map_or(0, Column::len);
        let mut kept: Vec<u32> = (0..rows as u32).collect();
        for (name, from, to) in &self.ranges {
            let at = columns.iter().position(|column| column.name == *name);
            let Some((column, values)) = at.and_then(|at| columns.get(at).zip(values.get(at)))
            else {
                continue;
            };
            for bound in [from, to].into_iter().flatten() {
                check_bound(column, values, bound)?;
            }
            kept.retain(|row| is_between(values.value(*row as usize), from, to));
        }
        Ok(values.iter().map(|values| values.take(&kept)).collect())
    }
}

/// Returns the columns of these names, or all.
pub(crate) fn chosen(info: &TableInfo, names: Option<&[String]>) -> Result<Vec<TableColumn>> {
    match names {
        None => Ok(info.state.columns.clone()),
        Some(names) => names.iter().map(|name| existing(info, name).cloned()).collect(),
    }
}

/// Returns the column of a name. Fails if there is none.
pub(crate) fn existing<'i>(info: &'i TableInfo, name: &str) -> Result<&'i TableColumn> {
    info.state.column(name).ok_or_else(|| {
        let known: Vec<&str> =
            info.state.columns.iter().take(20).map(|column| &*column.name).collect();
        let message = format!(
            "table {:?} has no column {name:?}: its first columns are {}",
            info.name,
            known.join(", ")
        );
        Error::new(ErrorKind::InvalidInput, message)
    })
}

fn bound(value: Value<'_>) -> Bound {
    match value {
        Value::Integer(number) => Some(BoundValue::Integer(number)),
        Value::Time(time) => Some(BoundValue::Integer(time.as_nanos())),
        Value::Date(days) => Some(BoundValue::Integer(days.into())),
        Value::Bool(is_true) => Some(BoundValue::Integer(is_true.into())),
        Value::Float(number) => Some(BoundValue::Float(number)),
        Value::Text(text) => Some(BoundValue::Text(text.to_owned())),
        Value::Bytes(bytes) => Some(BoundValue::Bytes(bytes.to_vec())),
        Value::Null | Value::List(_) => None,
    }
}

fn check_bound(column: &TableColumn, values: &Column, bound: &BoundValue) -> Result<()> {
    let fits = matches!(
        (values, bound),
        (
            Column::Integer(_) | Column::Time(_) | Column::Date(_) | Column::Bool(_),
            BoundValue::Integer(_)
        ) | (Column::Float(_), BoundValue::Float(_) | BoundValue::Integer(_))
            | (Column::Text(_), BoundValue::Text(_))
            | (Column::Bytes(_), BoundValue::Bytes(_))
    );
    if fits {
        return Ok(());
    }
    let TableColumn { name, kind, .. } = column;
    Err(invalid(format!("column {name:?} has the type {kind}, and the bound {bound:?} has not")))
}

fn is_between(value: Value<'_>, from: &Bound, to: &Bound) -> bool {
    let value = match value {
        Value::Text(text) => return is_inside(text.as_bytes(), from, to),
        Value::Bytes(bytes) => return is_inside(bytes, from, to),
        Value::Float(number) => {
            let float = |bound: &Bound| match bound {
                Some(BoundValue::Float(number)) => Some(*number),
                Some(BoundValue::Integer(number)) => Some(*number as f64),
                _ => None,
            };
            return float(from).is_none_or(|from| number >= from)
                && float(to).is_none_or(|to| number <= to);
        }
        value => bound(value),
    };
    let integer = |bound: &Bound| match bound {
        Some(BoundValue::Integer(number)) => Some(*number),
        _ => None,
    };
    integer(&value).is_some_and(|value| {
        integer(from).is_none_or(|from| value >= from) && integer(to).is_none_or(|to| value <= to)
    })
}

fn is_inside(bytes: &[u8], from: &Bound, to: &Bound) -> bool {
    fn of(bound: &Bound) -> Option<&[u8]> {
        match bound {
            Some(BoundValue::Text(text)) => Some(text.as_bytes()),
            Some(BoundValue::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
    of(from).is_none_or(|from| bytes >= from) && of(to).is_none_or(|to| bytes <= to)
}

/// Returns whether a block may have a value of a column in a range.
fn block_may_match(
    segment: &Segment,
    block: usize,
    name: &str,
    (from, to): (&Bound, &Bound),
) -> bool {
    segment.bounds(block, name).is_none_or(|bounds| may_match(bounds, from, to))
}

/// Returns whether a part with these bounds may have a value in a range.
fn may_match(bounds: &Bounds, from: &Bound, to: &Bound) -> bool {
    match bounds {
        Bounds::None => true,
        Bounds::Integers(min, max) => {
            is_between(Value::Integer(*max), from, &None)
                && is_between(Value::Integer(*min), &None, to)
        }
        Bounds::Floats(min, max) => {
            is_between(Value::Float(*max), from, &None) && is_between(Value::Float(*min), &None, to)
        }
        Bounds::Bytes(min, max) => is_inside(max, from, &None) && is_inside(min, &None, to),
    }
}

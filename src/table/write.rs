//! Writing rows: each write is one version of the table.

use std::cell::RefCell;

use crate::artifact::upload::upload_rows;
use crate::entity::id::Timestamp;
use crate::entity::limits::check_author;
use crate::entity::table::{Column, Table, Values};
use crate::entity::wording::invalid;
use crate::entity::{ColumnType, HIDDEN, TableInfo, TableWrite, WriteMode};
use crate::error::Result;
use crate::format::record::{Record, RowSegment, RowsWritten, TABLE_KINDS};
use crate::format::segment::SegmentColumn;
use crate::index::Index;
use crate::table::StoredTable;
use crate::table::batch::{RowBatch, Times, sorted};
use crate::table::segment::encode;

/// The hidden column that marks deletions.
pub(crate) const DELETED: &str = "#deleted";

impl StoredTable {
    /// Adds rows to a table without a key. Columns that are not given are null.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the table was dropped.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the table has a key, or a
    ///   column is unknown or has values of another type.
    pub fn append(&self, rows: &Table) -> Result<TableWrite> {
        self.write(WriteMode::Append, rows)
    }

    /// Inserts rows, or replaces those with the same key and timestamp.
    ///
    /// Columns that are not given keep the value that a row has. All rows appear at once.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the table was dropped.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the table has no key, a
    ///   column is unknown or has values of another type, or a key or a timestamp is null or given
    ///   twice.
    ///
    /// # Performance
    ///
    /// Takes one sync. Writes the given values only.
    pub fn merge(&self, rows: &Table) -> Result<TableWrite> {
        self.write(WriteMode::Merge, rows)
    }

    /// Replaces all rows. Earlier versions stay readable.
    ///
    /// # Errors
    ///
    /// Those of [`StoredTable::append`] and [`StoredTable::merge`].
    pub fn overwrite(&self, rows: &Table) -> Result<TableWrite> {
        self.write(WriteMode::Overwrite, rows)
    }

    /// Deletes rows by key. With a timestamp column, only the rows of these times; without it, all
    /// rows of each key. A key without rows is ignored.
    ///
    /// Earlier versions stay readable.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the table was dropped.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the table has no key, or
    ///   the columns are not those of the key and, if wanted, the timestamp.
    pub fn delete(&self, keys: &Table) -> Result<TableWrite> {
        self.write(WriteMode::Delete, keys)
    }

    fn write(&self, mode: WriteMode, rows: &Table) -> Result<TableWrite> {
        let engine = self.engine();
        engine.log.check_usable()?;
        let author = self.tables().user();
        engine.located(check_author(&author))?;
        let info = self.info()?;
        let batch = engine.located(checked(&info, mode, rows))?;
        let count = batch.rows as u64;
        let files = match count {
            0 => Vec::new(),
            _ => {
                let path = format!("{:032x}", engine.random_bits()?);
                vec![(path, engine.located(encode(&segment_columns(batch, mode)))?)]
            }
        };
        let pending = Pending { table: self, before: &info, author: &author, mode, rows: count };
        let write = engine.located(pending.append(&files))?;
        self.merge_segments_if_many();
        Ok(write)
    }
}

/// Checks the rows of a write and puts them in order.
fn checked(info: &TableInfo, mode: WriteMode, rows: &Table) -> Result<RowBatch> {
    let has_key = !info.state.primary_key.is_empty();
    match mode {
        WriteMode::Append if has_key => {
            let message = format!(
                "table {:?} has a key: merge rows instead of appending them, so that each key has \
                 one row",
                info.name
            );
            return Err(invalid(message));
        }
        WriteMode::Merge | WriteMode::Delete if !has_key => {
            let message = format!(
                "table {:?} has no key, by which {mode} finds rows: append rows or overwrite all",
                info.name
            );
            return Err(invalid(message));
        }
        _ => {}
    }
    let batch = RowBatch::new(info, rows)?;
    if mode == WriteMode::Delete {
        check_delete(info, &batch)?;
    }
    if !has_key {
        return Ok(batch);
    }
    let keys = batch.keys(info)?;
    let times = match &info.state.timestamp {
        Some(name) if mode != WriteMode::Delete || batch.column(name).is_some() => {
            Times::of(batch.full_column(info, name)?)
        }
        _ => None,
    };
    let order = sorted(info, &keys, times.as_ref())?;
    Ok(batch.ordered(&order))
}

fn check_delete(info: &TableInfo, batch: &RowBatch) -> Result<()> {
    let is_sort = |name: &str| info.state.sort_columns().any(|column| column == name);
    match batch.columns.iter().find(|(column, _)| !is_sort(&column.name)) {
        None => Ok(()),
        Some((column, _)) => Err(invalid(format!(
            "rows of table {:?} are deleted by key, and {:?} is not part of the key",
            info.name, column.name
        ))),
    }
}

/// Returns the columns of a segment. A deletion has the hidden column too.
fn segment_columns(batch: RowBatch, mode: WriteMode) -> Vec<(SegmentColumn, Column)> {
    let rows = batch.rows;
    let columns = batch
        .columns
        .into_iter()
        .map(|(column, values)| (SegmentColumn { name: column.name, kind: column.kind }, values));
    let deleted = (mode == WriteMode::Delete).then(|| {
        let column = SegmentColumn { name: DELETED.to_owned(), kind: ColumnType::Boolean };
        (column, Values::from(vec![true; rows]).into())
    });
    columns.chain(deleted).collect()
}

/// Returns the name of the hidden column that marks the rows that wrote a column.
pub(crate) fn written_column(name: &str) -> String {
    format!("{HIDDEN}has.{name}")
}

/// A write whose version is not decided yet.
struct Pending<'a> {
    table: &'a StoredTable,
    before: &'a TableInfo,
    author: &'a str,
    mode: WriteMode,
    rows: u64,
}

impl Pending<'_> {
    /// Appends the write, with the next version of the table.
    fn append(&self, files: &[(String, Vec<u8>)]) -> Result<TableWrite> {
        let (engine, id) = (self.table.engine(), self.before.id);
        let decided: RefCell<Option<TableWrite>> = RefCell::new(None);
        let decide = |index: &Index| {
            let (write, records) = self.records(index, files)?;
            *decided.borrow_mut() = Some(write);
            Ok(records)
        };
        match files.is_empty() {
            true => engine.append_decided(&[TABLE_KINDS], |index| Ok((decide(index)?, ())))?,
            false => upload_rows(engine, id, files, &decide)?,
        }
        engine.log.sync()?;
        decided.into_inner().ok_or_else(|| invalid("the write was not decided".to_owned()))
    }

    fn records(
        &self,
        index: &Index,
        files: &[(String, Vec<u8>)],
    ) -> Result<(TableWrite, Vec<Record>)> {
        let info = self.table.info_in(index)?;
        let last = index.last_table_write(info.id)?;
        let version = info.version.saturating_add(1);
        // Times rise with the versions, also if the clock is set back, so that a time selects a
        // version.
        let after = last.map_or(i64::MIN, |last| last.time.as_nanos().saturating_add(1));
        let time = Timestamp::now_nanos().max(after);
        let segments = files.iter().map(|(path, _)| RowSegment {
            path: path.clone(),
            rows: self.rows,
            first: version,
            last: version,
        });
        let write = TableWrite {
            version,
            time: Timestamp::from_nanos(time),
            author: self.author.to_owned(),
            mode: self.mode,
            rows: self.rows,
        };
        let record = RowsWritten {
            table: info.id,
            version,
            time,
            author: self.author.to_owned(),
            mode: self.mode,
            rows: self.rows,
            segments: segments.collect(),
        };
        Ok((write, vec![record.into()]))
    }
}

//! The records of stored tables.

use serde::{Deserialize, Serialize};

use crate::entity::{TableId, TableInfo, TableState, WriteMode};

/// A table was created or changed. The record has everything but the rows.
///
/// It comes before the first files of its table. So a build that does not know tables refuses the
/// file here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSaved {
    /// The id.
    pub table: TableId,
    /// The full name.
    pub name: String,
    /// The user who created the table.
    pub creator: String,
    /// The time of its creation in nanoseconds since the epoch.
    pub created: i64,
    /// The user who made this change.
    pub author: String,
    /// The number of this change, from 1.
    pub revision: u64,
    /// Everything that can change.
    pub state: TableState,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

impl TableSaved {
    /// Returns the record of a table as it is now.
    pub(crate) fn of(info: &TableInfo) -> TableSaved {
        TableSaved {
            table: info.id,
            name: info.name.clone(),
            creator: info.creator.clone(),
            created: info.created.as_nanos(),
            author: info.author.clone(),
            revision: info.revision,
            state: info.state.clone(),
            time: info.updated.as_nanos(),
        }
    }
}

/// A table was dropped, with its rows and files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDropped {
    /// The table.
    pub table: TableId,
    /// The user who dropped it.
    pub author: String,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

/// A file of the table with rows. Its frame, or an earlier one, wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSegment {
    /// The path of the file below its table.
    pub path: String,
    /// The number of rows, deletions included.
    pub rows: u64,
    /// The first write that the rows are from.
    pub first: u64,
    /// The last write that the rows are from.
    pub last: u64,
}

/// Rows were written to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsWritten {
    /// The table.
    pub table: TableId,
    /// The number of the write: one more than that of the write before, from 1.
    pub version: u64,
    /// The time in nanoseconds since the epoch, above that of the write before.
    pub time: i64,
    /// The user who wrote them.
    pub author: String,
    /// How they change the table.
    pub mode: WriteMode,
    /// The number of rows.
    pub rows: u64,
    /// The files with the rows.
    pub segments: Vec<RowSegment>,
}

/// Segments were replaced by others. The same frame deletes their files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentsMerged {
    /// The table.
    pub table: TableId,
    /// The paths of the files that were replaced.
    pub merged: Vec<String>,
    /// The files that replace them.
    pub segments: Vec<RowSegment>,
    /// The first version that can still be read.
    pub floor: u64,
    /// The time in nanoseconds since the epoch.
    pub time: i64,
}

//! The segments of a table that a version consists of.

use crate::entity::TableInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::RowSegment;
use crate::index::StoredSegment;
use crate::table::StoredTable;
use crate::table::segment::{Segment, open};

/// How often a read starts again because its segments were merged meanwhile.
const READS_MAX: usize = 5;

/// A version of a table: the segments with its rows.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) info: TableInfo,
    pub(crate) version: u64,
    /// The first version that can still be read.
    pub(crate) floor: u64,
    pub(crate) segments: Vec<Segment>,
}

impl StoredTable {
    /// Opens the segments of a version. `None` means the last one.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if the table was dropped.
    /// - [`ErrorKind::InvalidInput`] if there is no such version, or its rows were removed.
    pub(crate) fn snapshot(&self, version: Option<u64>) -> Result<Snapshot> {
        let (info, floor, stored) = self.engine().with_index(|index, _| {
            let info = self.info_in(index)?;
            let (floor, segments) = (index.table_floor(info.id)?, index.table_segments(info.id)?);
            Ok((info, floor, segments))
        })?;
        let version = version.unwrap_or(info.version);
        if version > info.version || version < floor {
            return Err(self.engine().locate(no_such_version(&info, floor, version)));
        }
        let visible = stored.into_iter().filter(|stored| is_visible(stored, version));
        let opened = visible.map(|stored| open(self.database(), info.id, stored.segment));
        let segments = self.engine().located(opened.collect())?;
        Ok(Snapshot { info, version, floor, segments })
    }

    /// Reads a version with `read`. Repeats the reading if segments were merged meanwhile, because
    /// their files are gone then.
    pub(crate) fn with_snapshot<T>(
        &self,
        version: Option<u64>,
        mut read: impl FnMut(&Snapshot) -> Result<T>,
    ) -> Result<T> {
        let mut attempts = 1..=READS_MAX;
        loop {
            attempts.next();
            let before = self.segment_paths()?;
            let answer = self.snapshot(version).and_then(|snapshot| read(&snapshot));
            match answer {
                Err(error) if !attempts.is_empty() && error.kind() != ErrorKind::InvalidInput => {
                    let is_moved = self.segment_paths()? != before;
                    if !is_moved {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    fn segment_paths(&self) -> Result<Vec<RowSegment>> {
        let id = self.id();
        let found = self.engine().with_index(|index, _| index.table_segments(id))?;
        Ok(found.into_iter().map(|stored| stored.segment).collect())
    }
}

/// Returns whether rows of a segment belong to a version.
fn is_visible(stored: &StoredSegment, version: u64) -> bool {
    let StoredSegment { segment, removed } = stored;
    segment.first <= version && removed.is_none_or(|removed| removed > version)
}

#[cold]
pub(crate) fn no_such_version(info: &TableInfo, floor: u64, version: u64) -> Error {
    let TableInfo { name, version: last, .. } = info;
    let message = match version > *last {
        true => format!("table {name:?} has no version {version}: the last one is {last}"),
        false => format!(
            "version {version} of table {name:?} was removed: the first one that can be read is \
             {floor}"
        ),
    };
    Error::new(ErrorKind::InvalidInput, message)
}

//! Reading and writing the files with rows.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::panic::resume_unwind;
use std::thread;

use crate::artifact::Artifacts;
use crate::artifact::reader::ArtifactReader;
use crate::database::Database;
use crate::entity::table::Column;
use crate::entity::{ArtifactOwner, ColumnType, TableId};
use crate::error::{Error, ErrorKind, Result};
use crate::format::record::RowSegment;
use crate::format::segment::{
    BLOCK_ROWS, Bounds, EncodedPart, SegmentColumn, SegmentFooter, TAIL_BYTES, assemble,
    decode_part, encode_part, footer_length, parse_footer,
};

/// The bytes at the end of a segment that are read first. Most footers fit.
const END_BYTES: u64 = 16 * 1024;
/// The maximum memory of the values of a block, approximately.
const BLOCK_BYTES_MAX: usize = 64 << 20;
/// The rows below which one thread works alone.
const SMALL_ROWS: usize = 20_000;

/// A file with rows, and what it contains.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) stored: RowSegment,
    pub(crate) footer: SegmentFooter,
}

impl Segment {
    /// Returns the bounds of a column in a block, if the segment has the column.
    pub(crate) fn bounds(&self, block: usize, name: &str) -> Option<&Bounds> {
        let (number, block) = (self.footer.column(name)?, self.footer.blocks.get(block)?);
        block.parts.get(number).map(|part| &part.bounds)
    }
}

/// Opens the file of a segment and reads its footer.
pub(crate) fn open(database: &Database, table: TableId, stored: RowSegment) -> Result<Segment> {
    let mut reader = reader(database, table, &stored.path)?;
    let length = reader.len();
    let end = read_range(&mut reader, length.saturating_sub(END_BYTES), length.min(END_BYTES))?;
    let footer_bytes = footer_length(&end)?;
    let whole = footer_bytes + TAIL_BYTES as u64;
    let end = match whole <= end.len() as u64 {
        true => end,
        false => read_range(&mut reader, length.saturating_sub(whole), whole.min(length))?,
    };
    let start = (end.len() as u64).saturating_sub(whole) as usize;
    let footer = end.get(start..end.len() - TAIL_BYTES).unwrap_or_default();
    let footer = parse_footer(footer, length)?;
    if footer.rows() != stored.rows {
        let (found, expected) = (footer.rows(), stored.rows);
        let message = format!("a segment has {found} rows, its record has {expected}");
        return Err(Error::new(ErrorKind::Damaged, message));
    }
    Ok(Segment { stored, footer })
}

fn reader(database: &Database, table: TableId, path: &str) -> Result<ArtifactReader> {
    Artifacts::new(database.clone(), ArtifactOwner::Table(table), None).open(path)
}

fn read_range(reader: &mut ArtifactReader, start: u64, length: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX).min(1 << 32)];
    let read = reader.seek(SeekFrom::Start(start)).and_then(|_| reader.read_exact(&mut bytes));
    match read {
        Ok(()) => Ok(bytes),
        Err(error) => Err(match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error::new(ErrorKind::Damaged, "reading a segment").with_source(error),
        }),
    }
}

/// A column to read.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
}

/// Reads columns of several segments, one behind the other. `keep` selects the blocks of a
/// segment. A segment that lacks a column has nulls.
pub(crate) fn read_columns(
    database: &Database,
    table: TableId,
    segments: &[Segment],
    wanted: &[Wanted],
    keep: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<Vec<Column>> {
    let read = |wanted: &Wanted| read_column(database, table, segments, wanted, keep);
    let rows: u64 = segments.iter().map(|segment| segment.stored.rows).sum();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(wanted.len());
    if threads < 2 || rows < SMALL_ROWS as u64 {
        return wanted.iter().map(read).collect();
    }
    let shares: Vec<Vec<(usize, &Wanted)>> = (0..threads)
        .map(|share| wanted.iter().enumerate().skip(share).step_by(threads).collect())
        .collect();
    let mut columns: Vec<Option<Column>> = wanted.iter().map(|_| None).collect();
    let work = |share: Vec<(usize, &Wanted)>| {
        let all = share.into_iter().map(|(at, wanted)| Ok((at, read(wanted)?)));
        all.collect::<Result<Vec<(usize, Column)>>>()
    };
    let work = &work;
    let results = thread::scope(|scope| {
        let started: Vec<_> =
            shares.into_iter().map(|share| scope.spawn(move || work(share))).collect();
        let ended = started.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect::<Vec<_>>()
    });
    for result in results {
        for (at, column) in result? {
            columns[at] = Some(column);
        }
    }
    Ok(columns.into_iter().flatten().collect())
}

fn read_column(
    database: &Database,
    table: TableId,
    segments: &[Segment],
    wanted: &Wanted,
    keep: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<Column> {
    let mut column = Column::empty(wanted.kind);
    for (at, Segment { stored, footer }) in segments.iter().enumerate() {
        let number = footer.column(&wanted.name);
        let mut file = None;
        let blocks = footer.blocks.iter().enumerate().filter(|(block, _)| keep(at, *block));
        for (_, of) in blocks {
            let rows = of.rows as usize;
            let Some(part) = number.and_then(|number| of.parts.get(number)) else {
                (0..rows).for_each(|_| column.push_null());
                continue;
            };
            let reader = match &mut file {
                Some(reader) => reader,
                none => none.insert(reader(database, table, &stored.path)?),
            };
            let bytes = read_range(reader, part.offset, part.length)?;
            decode_part(&bytes, rows, &mut column)?;
        }
    }
    Ok(column)
}

/// Encodes rows to the bytes of a segment.
///
/// # Performance
///
/// Uses all processors for many rows.
pub(crate) fn encode(columns: &[(SegmentColumn, Column)]) -> Result<Vec<u8>> {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    let memory: usize = columns.iter().map(|(_, column)| column.memory()).sum();
    let row_bytes = memory / rows.max(1) + 1;
    let block = (BLOCK_BYTES_MAX / row_bytes).clamp(1, BLOCK_ROWS);
    let starts: Vec<usize> = (0..rows).step_by(block).collect();
    let jobs: Vec<(usize, usize)> = (0..starts.len())
        .flat_map(|start| (0..columns.len()).map(move |column| (start, column)))
        .collect();
    let run = |&(start, column): &(usize, usize)| {
        let (first, (_, values)) = (starts[start], &columns[column]);
        encode_part(values, first..rows.min(first + block))
    };
    let mut parts = encode_all(&jobs, rows, &run).into_iter();
    let blocks = starts.iter().map(|start| {
        let count = rows.min(start + block) - start;
        (count, parts.by_ref().take(columns.len()).collect())
    });
    let blocks = blocks.collect();
    assemble(columns.iter().map(|(column, _)| column.clone()).collect(), blocks)
}

fn encode_all(
    jobs: &[(usize, usize)],
    rows: usize,
    run: &(dyn Fn(&(usize, usize)) -> EncodedPart + Sync),
) -> Vec<EncodedPart> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if rows < SMALL_ROWS || threads < 2 {
        return jobs.iter().map(run).collect();
    }
    let share = jobs.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let started: Vec<_> = jobs
            .chunks(share)
            .map(|jobs| scope.spawn(move || jobs.iter().map(run).collect::<Vec<_>>()))
            .collect();
        let ended = started.into_iter().map(thread::ScopedJoinHandle::join);
        ended.flat_map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

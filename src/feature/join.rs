//! The join of rows with features, as of the time of each row.

use std::cmp::Ordering;

use crate::database::Database;
use crate::entity::table::{Column, Table, Texts, Values};
use crate::entity::wording::invalid;
use crate::entity::{ColumnType, TableColumn, TableInfo, TableWrite};
use crate::error::{Error, Result};
use crate::feature::lookup::{DefaultValue, FeatureLookup};
use crate::feature::{FeatureJoin, JoinOptions, KnownAt};
use crate::table::StoredTable;
use crate::table::batch::{Times, type_name};
use crate::table::blocks::Blocks;
use crate::table::keys::Keys;
use crate::table::merge::{Images, RowImages, gather};
use crate::table::read::existing;
use crate::table::snapshot::{Snapshot, no_such_version};

/// The nanoseconds of a microsecond, the unit of stored times.
const MICROSECOND: i64 = 1000;
/// Up to this number of rows, only blocks that may have their keys are read.
const FEW_ROWS: usize = 4096;
/// The nanoseconds of a day, the unit of dates.
const DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

pub(crate) fn join(
    database: &Database,
    rows: &Table,
    lookups: &[FeatureLookup],
    options: &JoinOptions,
) -> Result<FeatureJoin> {
    let mut joined = FeatureJoin { table: rows.clone(), versions: Vec::new(), misses: Vec::new() };
    for lookup in lookups {
        let table = database.tables().get(&lookup.table)?;
        let looked_up = table.with_snapshot(lookup.version, |snapshot| {
            look_up(database, &table, snapshot, (rows, &joined.table), lookup, options)
        })?;
        joined.versions.push(looked_up.version);
        joined.misses.push(looked_up.misses);
        for (name, column) in looked_up.features {
            joined.table.add_column(name, column)?;
        }
    }
    Ok(joined)
}

/// The features of one lookup.
struct LookedUp {
    features: Vec<(String, Column)>,
    version: u64,
    misses: u64,
}

fn look_up(
    database: &Database,
    table: &StoredTable,
    snapshot: &Snapshot,
    (rows, joined): (&Table, &Table),
    lookup: &FeatureLookup,
    options: &JoinOptions,
) -> Result<LookedUp> {
    let info = &snapshot.info;
    let features = given_features(info, lookup, joined, rows, options)?;
    let keys = keys_of(info, lookup, rows)?;
    let times = times(info, lookup, rows)?;
    let writes = match options.known_at {
        Some(_) => table.writes()?,
        None => Vec::new(),
    };
    let known = known(options, &writes, rows, snapshot.version)?;
    if let Some(version) = known.first(keys.len()).filter(|version| *version < snapshot.floor) {
        return Err(no_such_version(info, snapshot.floor, version));
    }
    let images = match keys.len() <= FEW_ROWS {
        true => Images::of(database, snapshot, blocks_with(info, snapshot, &keys))?,
        false => Images::read(database, snapshot)?,
    };
    let age = lookback(info, lookup)?;
    let matches = matches(&images, &keys, times.as_ref(), age, &known);
    let misses = matches.iter().filter(|row| row.is_empty()).count() as u64;
    let gathered = gather(database, snapshot, &images, &matches, &features)?;
    let named = features.iter().zip(gathered).map(|(feature, column)| {
        let column = with_defaults(info, lookup, feature, column)?;
        Ok((lookup.output(&feature.name).to_owned(), column))
    });
    Ok(LookedUp { features: named.collect::<Result<_>>()?, version: snapshot.version, misses })
}

/// Returns the blocks that may have one of the keys.
pub(crate) fn blocks_with(info: &TableInfo, snapshot: &Snapshot, keys: &Keys) -> Blocks {
    let (filter, key) = (keys.filter(), info.state.primary_key.first());
    Blocks::of_rows(&snapshot.segments, |segment, block| {
        let bounds = key.and_then(|name| segment.bounds(block, name));
        bounds.is_none_or(|bounds| filter.may_be_in(bounds))
    })
}

/// Returns the columns to look up. Fails if one gets the name of another column.
pub(crate) fn given_features(
    info: &TableInfo,
    lookup: &FeatureLookup,
    joined: &Table,
    rows: &Table,
    options: &JoinOptions,
) -> Result<Vec<TableColumn>> {
    let is_sort = |name: &str| info.state.sort_columns().any(|column| column == name);
    let chosen: Vec<&TableColumn> = match &lookup.features {
        None => info.state.columns.iter().filter(|column| !is_sort(&column.name)).collect(),
        Some(names) => names.iter().map(|name| existing(info, name)).collect::<Result<Vec<_>>>()?,
    };
    let named = lookup.outputs.keys().chain(lookup.defaults.keys());
    for name in named {
        if !chosen.iter().any(|column| column.name == *name) {
            let table = &info.name;
            return Err(invalid(format!(
                "{name:?} is renamed or has a default value, but is not looked up in table \
                 {table:?}"
            )));
        }
    }
    let mut kept: Vec<TableColumn> = Vec::new();
    for column in chosen {
        let output = lookup.output(&column.name);
        let is_given = rows.column(output).is_some();
        if is_given && options.prefers_given {
            continue;
        }
        let is_twice = kept.iter().any(|other| lookup.output(&other.name) == output);
        if is_twice || joined.column(output).is_some() {
            let (name, table) = (&column.name, &info.name);
            return Err(invalid(format!(
                "feature {name:?} of table {table:?} gets the name {output:?}, which another \
                 column has: rename it"
            )));
        }
        kept.push(column.clone());
    }
    Ok(kept)
}

/// Returns a column of the rows. Fails if there is none.
fn given<'t>(rows: &'t Table, name: &str, what: &str, info: &TableInfo) -> Result<&'t Column> {
    rows.column(name).ok_or_else(|| {
        let (table, known) = (&info.name, rows.names().join(", "));
        invalid(format!(
            "{what} {name:?} for table {table:?} is not a column of the rows, which have {known}"
        ))
    })
}

/// Returns the keys of the rows, checked against the key of the table.
pub(crate) fn keys_of(info: &TableInfo, lookup: &FeatureLookup, rows: &Table) -> Result<Keys> {
    let (table, expected) = (&info.name, &info.state.primary_key);
    if lookup.keys.len() != expected.len() || expected.is_empty() {
        let (found, expected) = (lookup.keys.join(", "), expected.join(", "));
        return Err(invalid(format!(
            "the lookup in table {table:?} has the key ({found}), expected a column for each of \
             ({expected})"
        )));
    }
    let mut columns = Vec::new();
    for (name, key) in lookup.keys.iter().zip(expected) {
        let (column, kind) = (given(rows, name, "key", info)?, existing(info, key)?.kind);
        let wanted = Column::empty(kind);
        let is_null = column.null_count() == column.len();
        if std::mem::discriminant(&wanted) != std::mem::discriminant(column) && !is_null {
            let found = type_name(column);
            return Err(invalid(format!(
                "key column {name:?} has {found}, but column {key:?} of table {table:?} has the \
                 type {kind}; keys come in the order of the table's key"
            )));
        }
        columns.push(if is_null {
            wanted.take(&vec![u32::MAX; column.len()])
        } else {
            column.clone()
        });
    }
    Ok(Keys::of(&columns.iter().collect::<Vec<_>>(), rows.len()))
}

fn times(info: &TableInfo, lookup: &FeatureLookup, rows: &Table) -> Result<Option<Times>> {
    let Some(name) = &lookup.time else { return Ok(None) };
    let table = &info.name;
    let Some(timestamp) = &info.state.timestamp else {
        return Err(invalid(format!(
            "table {table:?} has no timestamp column, so that {name:?} cannot choose its rows by \
             time"
        )));
    };
    let column = given(rows, name, "time", info)?;
    let kind = existing(info, timestamp)?.kind;
    match (kind, column) {
        (ColumnType::Timestamp, Column::Time(_)) | (ColumnType::Date, Column::Date(_)) => {
            Ok(Times::of(column))
        }
        _ => {
            let found = type_name(column);
            Err(invalid(format!(
                "time column {name:?} has {found}, but {timestamp:?} of table {table:?} has the \
                 type {kind}: convert one of them, and choose the time zone yourself"
            )))
        }
    }
}

/// Returns the maximum age of values, in the unit of the table's times.
fn lookback(info: &TableInfo, lookup: &FeatureLookup) -> Result<Option<i64>> {
    let Some(age) = lookup.lookback else { return Ok(None) };
    let table = &info.name;
    if lookup.time.is_none() {
        let message = format!("the lookup in table {table:?} has a lookback window but no time");
        return Err(invalid(message));
    }
    let nanos = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
    let kind = info.state.timestamp.as_ref().and_then(|name| info.state.column(name));
    Ok(Some(match kind.map(|column| column.kind) {
        Some(ColumnType::Date) => nanos / DAY,
        _ => nanos,
    }))
}

/// The version that each row may see.
pub(crate) enum Known {
    All(u64),
    Each(Vec<u64>),
}

impl Known {
    /// Returns the earliest version that one of `rows` rows may see.
    fn first(&self, rows: usize) -> Option<u64> {
        (0..rows).map(|row| self.get(row)).min()
    }

    fn get(&self, row: usize) -> u64 {
        match self {
            Known::All(version) => *version,
            Known::Each(versions) => versions.get(row).copied().unwrap_or(0),
        }
    }
}

fn known(
    options: &JoinOptions,
    writes: &[TableWrite],
    rows: &Table,
    version: u64,
) -> Result<Known> {
    let at = |nanos: i64| {
        let after = writes.partition_point(|write| write.time.as_nanos() <= nanos);
        let last = after.checked_sub(1).and_then(|at| writes.get(at));
        last.map_or(0, |write| write.version.min(version))
    };
    match &options.known_at {
        None => Ok(Known::All(version)),
        Some(KnownAt::Time(time)) => Ok(Known::All(at(time.as_nanos()))),
        Some(KnownAt::Column(name)) => match rows.column(name) {
            Some(Column::Time(times)) => {
                let each = times.iter().map(|time| time.map_or(version, at));
                Ok(Known::Each(each.collect()))
            }
            Some(other) => {
                let found = type_name(other);
                Err(invalid(format!("column {name:?} has {found}, expected timestamps")))
            }
            None => Err(invalid(format!("the rows have no column {name:?}"))),
        },
    }
}

/// Returns the images that match each row.
pub(crate) fn matches(
    images: &Images,
    keys: &Keys,
    times: Option<&Times>,
    age: Option<i64>,
    known: &Known,
) -> Vec<RowImages> {
    let mut order: Vec<usize> = (0..keys.len()).filter(|row| !keys.is_null(*row)).collect();
    order.sort_by(|left, right| keys.compare(*left, keys, *right));
    let mut matches = vec![RowImages::default(); keys.len()];
    let (mut start, mut end) = (0, 0);
    for row in order {
        // The rows come by key, so that the images are passed once.
        if start >= images.order.len() {
            break;
        }
        if end == start || images.keys.compare(images.image(start), keys, row) == Ordering::Less {
            start = images.first_of(end, keys, row);
            end = start;
        }
        let is_found = start < images.order.len()
            && images.keys.compare(images.image(start), keys, row) == Ordering::Equal;
        if !is_found {
            continue;
        }
        if end == start {
            end = images.key_end(start);
        }
        let time = match times {
            None => i64::MAX,
            Some(times) => match times.get(row) {
                Some(time) => floored(times, time),
                None => continue,
            },
        };
        let from = age.map(|age| time.saturating_sub(age));
        matches[row] = images.row_at(start..end, (from, time), known.get(row));
    }
    matches
}

fn floored(times: &Times, time: i64) -> i64 {
    match times {
        Times::Nanos(_) => time.saturating_sub(time.rem_euclid(MICROSECOND)),
        Times::Days(_) => time,
    }
}

/// Replaces the nulls of a feature, if the lookup has a default value for it.
pub(crate) fn with_defaults(
    info: &TableInfo,
    lookup: &FeatureLookup,
    feature: &TableColumn,
    column: Column,
) -> Result<Column> {
    match lookup.defaults.get(&feature.name) {
        Some(default) => with_default(info, feature, column, default),
        None => Ok(column),
    }
}

/// Replaces the nulls of a feature.
fn with_default(
    info: &TableInfo,
    feature: &TableColumn,
    column: Column,
    default: &DefaultValue,
) -> Result<Column> {
    if column.null_count() == 0 {
        return Ok(column);
    }
    Ok(match (column, default) {
        (Column::Integer(values), DefaultValue::Integer(default)) => {
            Column::Integer(filled(&values, *default))
        }
        (Column::Float(values), DefaultValue::Float(default)) => {
            Column::Float(filled(&values, *default))
        }
        (Column::Float(values), DefaultValue::Integer(default)) => {
            Column::Float(filled(&values, *default as f64))
        }
        (Column::Bool(values), DefaultValue::Bool(default)) => {
            Column::Bool(filled(&values, *default))
        }
        (Column::Text(texts), DefaultValue::Text(default)) => {
            let filled = texts.iter().map(|text| Some(text.unwrap_or(default)));
            Column::Text(filled.collect::<Texts>())
        }
        _ => return Err(wrong_default(info, feature, default)),
    })
}

fn filled<T: Copy + Default>(values: &Values<T>, default: T) -> Values<T> {
    values.iter().map(|value| Some(value.unwrap_or(default))).collect()
}

#[cold]
fn wrong_default(info: &TableInfo, feature: &TableColumn, default: &DefaultValue) -> Error {
    let TableColumn { name, kind, .. } = feature;
    let table = &info.name;
    invalid(format!(
        "the default value {default:?} does not fit feature {name:?} of table {table:?}, which has \
         the type {kind}"
    ))
}

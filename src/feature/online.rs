//! Lookups of the newest features by key, from memory.

use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt as _};

use crate::database::Database;
use crate::entity::table::{Column, NO_ROW, Table};
use crate::entity::{ColumnType, TableColumn, TableInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::join::{Known, blocks_with, given_features, keys_of, matches, with_defaults};
use crate::feature::lookup::FeatureLookup;
use crate::feature::{Features, JoinOptions};
use crate::sys::mutex::Mutex;
use crate::table::StoredTable;
use crate::table::blocks::Blocks;
use crate::table::keys::Keys;
use crate::table::merge::{Images, RowImages, gather};
use crate::table::segment::{Segment, Wanted, read_columns};
use crate::table::snapshot::Snapshot;

/// How long an answer may miss a write of another process.
const STALE_MAX: Duration = Duration::from_millis(20);
/// All keys are read again when more than one part in this many was written since.
const FRESH_SHARE: usize = 16;
/// Up to this number of written rows, only their keys are read again.
const FRESH_MIN: usize = 4096;

/// The newest features of all keys of some tables, in memory.
///
/// A lookup sees a write at most 20 ms after the call of [`StoredTable::merge`] returned, in any
/// process. The times of the rows and the versions of the lookups are ignored.
#[derive(Debug)]
pub struct OnlineFeatures {
    database: Database,
    tables: Vec<OnlineTable>,
}

#[derive(Debug)]
struct OnlineTable {
    table: StoredTable,
    lookup: FeatureLookup,
    hot: Mutex<Hot>,
}

/// The newest row of each key.
#[derive(Debug)]
struct Hot {
    /// The table at the version that was read.
    info: TableInfo,
    checked: Instant,
    /// The columns that are read: those of the features, then that of the timestamp.
    wanted: Vec<TableColumn>,
    /// The rows of all keys.
    base: Newest,
    /// The version of `base`.
    version: u64,
    /// The rows of the keys that were written after that version.
    fresh: Option<Newest>,
}

/// The newest rows of some keys.
#[derive(Debug, Default)]
struct Newest {
    columns: Vec<Column>,
    /// The row of each key. [`NO_ROW`] if its row was deleted.
    rows: HashMap<Box<[u8]>, u32>,
}

/// Rows with the newest features, and where each of these is from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OnlineRows {
    /// The given columns, then the features in the order of their lookups.
    pub table: Table,
    /// The result of each lookup, in order.
    pub lookups: Vec<OnlineLookup>,
}

/// The features that one lookup has found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OnlineLookup {
    /// The name of the table.
    pub table: String,
    /// The version of the table that was read.
    pub version: u64,
    /// The names of the features in the result. Those that the rows had are not among them.
    pub features: Vec<String>,
    /// The timestamp of the features of each row, if the table has timestamps. Null for a row
    /// without a match.
    pub times: Option<Column>,
}

impl Features {
    /// Reads the newest features of all keys into memory, for lookups of few keys.
    ///
    /// # Errors
    ///
    /// Those of [`Features::join`] about the tables and their columns.
    ///
    /// # Performance
    ///
    /// Reads each table once. After writes, reads the blocks with the written keys; after many
    /// writes, the whole table. A lookup waits for that.
    pub fn online(&self, lookups: &[FeatureLookup]) -> Result<OnlineFeatures> {
        let tables = lookups.iter().map(|lookup| {
            let table = self.database.tables().get(&lookup.table)?;
            let hot = Mutex::new(load(&self.database, &table, lookup)?);
            Ok(OnlineTable { table, lookup: lookup.clone(), hot })
        });
        let tables = self.database.engine().located(tables.collect())?;
        Ok(OnlineFeatures { database: self.database.clone(), tables })
    }
}

impl OnlineFeatures {
    /// Adds the newest features to rows, like [`Features::join`] with
    /// [`JoinOptions::prefer_given`].
    ///
    /// # Errors
    ///
    /// Those of [`Features::join`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::feature::FeatureLookup;
    /// use tracklite::table::{ColumnType, Table, TableSpec, Value, Values};
    ///
    /// let spec = TableSpec::new()
    ///     .column("user", ColumnType::Long)
    ///     .column("spend", ColumnType::Double)
    ///     .primary_key(["user"]);
    /// let mut rows = Table::new();
    /// rows.add_column("user", Values::from(vec![1_i64]))?;
    /// rows.add_column("spend", Values::from(vec![0.5]))?;
    /// database.tables().create("ml.features.users", &spec)?.merge(&rows)?;
    ///
    /// let lookup = FeatureLookup::new("ml.features.users", ["id"]);
    /// let online = database.features().online(&[lookup])?;
    /// let mut keys = Table::new();
    /// keys.add_column("id", Values::from(vec![1_i64]))?;
    /// let found = online.look_up(&keys)?;
    /// assert_eq!(found.rows().next().and_then(|row| row.get("spend")), Some(Value::Float(0.5)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn look_up(&self, rows: &Table) -> Result<Table> {
        Ok(self.look_up_known(rows)?.table)
    }

    /// Does the same as [`OnlineFeatures::look_up`], and returns where the features are from.
    ///
    /// A later [`Features::join`] with these versions and without times finds the same features.
    ///
    /// # Errors
    ///
    /// Those of [`Features::join`].
    pub fn look_up_known(&self, rows: &Table) -> Result<OnlineRows> {
        let mut found = OnlineRows { table: rows.clone(), lookups: Vec::new() };
        for online in &self.tables {
            let (features, lookup) = self.database.engine().located(online.look_up(
                &self.database,
                rows,
                &found.table,
            ))?;
            for (name, column) in features {
                found.table.add_column(name, column)?;
            }
            found.lookups.push(lookup);
        }
        Ok(found)
    }

    /// Returns the columns of the rows by which features are looked up, and their types.
    #[must_use]
    pub fn keys(&self) -> Vec<(String, ColumnType)> {
        let mut keys: Vec<(String, ColumnType)> = Vec::new();
        for online in &self.tables {
            let hot = online.hot.lock();
            let state = &hot.info.state;
            for (name, key) in online.lookup.keys.iter().zip(&state.primary_key) {
                let kind = state.column(key).map_or(ColumnType::Long, |column| column.kind);
                if !keys.iter().any(|(known, _)| known == name) {
                    keys.push((name.clone(), kind));
                }
            }
        }
        keys
    }
}

impl OnlineTable {
    fn look_up(
        &self,
        database: &Database,
        rows: &Table,
        joined: &Table,
    ) -> Result<(Vec<(String, Column)>, OnlineLookup)> {
        let mut hot = self.hot.lock();
        if hot.checked.elapsed() > STALE_MAX {
            self.refresh(database, &mut hot)?;
        }
        let info = &hot.info;
        let options = JoinOptions::new().prefer_given(true);
        let features = given_features(info, &self.lookup, joined, rows, &options)?;
        let (table, version) = (info.name.clone(), info.version);
        if features.is_empty() {
            let lookup = OnlineLookup { table, version, features: Vec::new(), times: None };
            return Ok((Vec::new(), lookup));
        }
        let keys = keys_of(info, &self.lookup, rows)?;
        let found = hot.rows_of(&keys);
        let mut answer = Vec::with_capacity(features.len());
        for feature in features {
            let at = hot.wanted.iter().position(|known| known.name == feature.name);
            let Some(column) = at.and_then(|at| hot.column(at, &found)) else { continue };
            let column = with_defaults(info, &self.lookup, &feature, column)?;
            answer.push((self.lookup.output(&feature.name).to_owned(), column));
        }
        let times = info.state.timestamp.as_ref();
        let times = times.and_then(|_| hot.column(hot.wanted.len() - 1, &found));
        let features = answer.iter().map(|(name, _)| name.clone()).collect();
        Ok((answer, OnlineLookup { table, version, features, times }))
    }

    fn refresh(&self, database: &Database, hot: &mut Hot) -> Result<()> {
        // A write that comes after this is seen by the next check.
        let checked = Instant::now();
        let now = self.table.info().map_err(|error| named(error, &self.lookup.table))?;
        if (now.version, now.revision) != (hot.info.version, hot.info.revision) {
            let is_added = now.revision == hot.info.revision && add_fresh(database, self, hot)?;
            if !is_added {
                *hot = load(database, &self.table, &self.lookup)?;
            }
        }
        hot.checked = checked;
        Ok(())
    }
}

/// Names the table that was dropped. Its own error has only the id.
fn named(error: Error, name: &str) -> Error {
    match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("table {name:?} was dropped: its features cannot be looked up");
            Error::new(ErrorKind::NotFound, message)
        }
        _ => error,
    }
}

impl Hot {
    /// Returns the row of each key. Those of `fresh` are numbered behind those of `base`.
    fn rows_of(&self, keys: &Keys) -> Vec<u32> {
        let behind = self.base.columns.first().map_or(0, Column::len) as u32;
        let mut key = Vec::new();
        let row_of = |row: usize| {
            if keys.is_null(row) {
                return NO_ROW;
            }
            key.clear();
            keys.write(row, &mut key);
            let fresh = self.fresh.as_ref().and_then(|fresh| fresh.rows.get(key.as_slice()));
            match fresh {
                Some(row) => row.saturating_add(behind),
                None => self.base.rows.get(key.as_slice()).copied().unwrap_or(NO_ROW),
            }
        };
        (0..keys.len()).map(row_of).collect()
    }

    fn column(&self, at: usize, rows: &[u32]) -> Option<Column> {
        let base = self.base.columns.get(at)?;
        let fresh = self.fresh.as_ref().and_then(|fresh| fresh.columns.get(at));
        Some(match fresh {
            Some(fresh) => base.take_with(fresh, rows),
            None => base.take(rows),
        })
    }
}

/// Reads the newest row of each key.
fn load(database: &Database, table: &StoredTable, lookup: &FeatureLookup) -> Result<Hot> {
    // A write that comes after this is seen by the next check.
    let checked = Instant::now();
    table.with_snapshot(None, |snapshot| {
        let info = snapshot.info.clone();
        let none = Table::new();
        let options = JoinOptions::new().prefer_given(true);
        let mut wanted = given_features(&info, lookup, &none, &none, &options)?;
        let timestamp = info.state.timestamp.as_ref().and_then(|name| info.state.column(name));
        wanted.extend(timestamp.cloned());
        let base = newest(database, snapshot, &wanted)?;
        Ok(Hot { info, checked, wanted, base, version: snapshot.version, fresh: None })
    })
}

fn newest(database: &Database, snapshot: &Snapshot, wanted: &[TableColumn]) -> Result<Newest> {
    let images = Images::read(database, snapshot)?;
    let mut kept: Vec<RowImages> = Vec::new();
    let mut rows = HashMap::new();
    let mut start = 0;
    while start < images.order.len() {
        let end = images.key_end(start);
        let row = images.row_at(start..end, (None, i64::MAX), snapshot.version);
        if !row.is_empty() {
            let mut key = Vec::new();
            images.keys.write(images.image(start), &mut key);
            // There are fewer than 2^32 images.
            rows.insert(key.into_boxed_slice(), kept.len() as u32);
            kept.push(row);
        }
        start = end;
    }
    Ok(Newest { columns: gather(database, snapshot, &images, &kept, wanted)?, rows })
}

/// Reads the rows of the keys that were written since `base`. Returns false if reading all keys is
/// less work.
fn add_fresh(database: &Database, online: &OnlineTable, hot: &mut Hot) -> Result<bool> {
    let most = (hot.base.rows.len() / FRESH_SHARE).max(FRESH_MIN) as u64;
    let read = online.table.with_snapshot(None, |snapshot| {
        if snapshot.info.revision != hot.info.revision {
            return Ok(None);
        }
        let is_old = |segment: &&Segment| segment.stored.last <= hot.version;
        let is_mixed = |segment: &Segment| {
            segment.stored.first <= hot.version && segment.stored.last > hot.version
        };
        let segments = &snapshot.segments;
        let written = Blocks::of_rows(segments, |segment, _| segment.stored.last > hot.version);
        // An overwrite hides all earlier segments. A merge may mix them with later ones.
        let is_whole = segments.iter().any(|segment| is_old(&segment));
        if !is_whole || segments.iter().any(is_mixed) || written.rows() > most {
            return Ok(None);
        }
        let fresh = fresh(database, snapshot, &written, &hot.wanted)?;
        Ok(Some((fresh, snapshot.info.clone())))
    })?;
    let Some((fresh, info)) = read else { return Ok(false) };
    (hot.fresh, hot.info) = (Some(fresh), info);
    Ok(true)
}

/// Reads the newest rows of the keys in some blocks.
fn fresh(
    database: &Database,
    snapshot: &Snapshot,
    written: &Blocks,
    wanted: &[TableColumn],
) -> Result<Newest> {
    let info = &snapshot.info;
    let key = |name: &String| {
        let column = info.state.column(name)?;
        Some(Wanted { name: column.name.clone(), kind: column.kind })
    };
    let columns: Vec<Wanted> = info.state.primary_key.iter().filter_map(key).collect();
    let keep = |segment, block| written.has(segment, block);
    let columns = read_columns(database, info.id, &snapshot.segments, &columns, &keep)?;
    let keys = Keys::of(&columns.iter().collect::<Vec<_>>(), written.rows() as usize);
    let images = Images::of(database, snapshot, blocks_with(info, snapshot, &keys))?;
    let found = matches(&images, &keys, None, None, &Known::All(snapshot.version));
    let columns = gather(database, snapshot, &images, &found, wanted)?;
    let rows = found.iter().enumerate().map(|(row, images)| {
        let mut key = Vec::new();
        keys.write(row, &mut key);
        (key.into_boxed_slice(), if images.is_empty() { NO_ROW } else { row as u32 })
    });
    Ok(Newest { columns, rows: rows.collect() })
}

//! Lookups of the newest features by key, from memory.

use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt as _};

use crate::database::Database;
use crate::entity::table::{Column, NO_ROW, Table};
use crate::entity::{TableColumn, TableInfo};
use crate::error::Result;
use crate::feature::join::{given_features, keys_of, with_defaults};
use crate::feature::lookup::FeatureLookup;
use crate::feature::{Features, JoinOptions};
use crate::sys::mutex::Mutex;
use crate::table::StoredTable;
use crate::table::merge::{Images, RowImages, gather};
use crate::table::snapshot::Snapshot;

/// How long an answer may miss a write of another process.
const STALE_MAX: Duration = Duration::from_millis(20);

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
    /// The features that are looked up.
    features: Vec<TableColumn>,
    /// The columns of the features, a row for each key.
    columns: Vec<Column>,
    rows: HashMap<Box<[u8]>, u32>,
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
    /// Reads each table once, and again after each write to it.
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
        let mut joined = rows.clone();
        for online in &self.tables {
            let found = online.look_up(&self.database, rows, &joined);
            for (name, column) in self.database.engine().located(found)? {
                joined.add_column(name, column)?;
            }
        }
        Ok(joined)
    }
}

impl OnlineTable {
    fn look_up(
        &self,
        database: &Database,
        rows: &Table,
        joined: &Table,
    ) -> Result<Vec<(String, Column)>> {
        let mut hot = self.hot.lock();
        if hot.checked.elapsed() > STALE_MAX {
            self.refresh(database, &mut hot)?;
        }
        let info = &hot.info;
        let keys = keys_of(info, &self.lookup, rows)?;
        let mut key = Vec::new();
        let found: Vec<u32> = (0..keys.len())
            .map(|row| {
                if keys.is_null(row) {
                    return NO_ROW;
                }
                key.clear();
                keys.write(row, &mut key);
                hot.rows.get(key.as_slice()).copied().unwrap_or(NO_ROW)
            })
            .collect();
        let options = JoinOptions::new().prefer_given(true);
        let features = given_features(info, &self.lookup, joined, rows, &options)?;
        let mut answer = Vec::with_capacity(features.len());
        for feature in features {
            let at = hot.features.iter().position(|known| known.name == feature.name);
            let Some(column) = at.and_then(|at| hot.columns.get(at)) else { continue };
            let column = with_defaults(info, &self.lookup, &feature, column.take(&found))?;
            answer.push((self.lookup.output(&feature.name).to_owned(), column));
        }
        Ok(answer)
    }

    fn refresh(&self, database: &Database, hot: &mut Hot) -> Result<()> {
        let now = self.table.info()?;
        if (now.version, now.revision) == (hot.info.version, hot.info.revision) {
            hot.checked = Instant::now();
            return Ok(());
        }
        *hot = load(database, &self.table, &self.lookup)?;
        Ok(())
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
        let features = given_features(&info, lookup, &none, &none, &options)?;
        let (columns, rows) = newest(database, snapshot, &features)?;
        Ok(Hot { info, checked, features, columns, rows })
    })
}

type Newest = (Vec<Column>, HashMap<Box<[u8]>, u32>);

fn newest(database: &Database, snapshot: &Snapshot, features: &[TableColumn]) -> Result<Newest> {
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
    Ok((gather(database, snapshot, &images, &kept, features)?, rows))
}

//! Features: columns of stored tables, looked up by key for rows of another table.

pub(crate) mod join;
pub(crate) mod lookup;
pub(crate) mod online;
pub(crate) mod spec;

use std::fmt;

use crate::database::Database;
use crate::entity::id::Timestamp;
use crate::entity::table::Table;
use crate::error::Result;

pub use crate::feature::lookup::{DefaultValue, FeatureLookup};
pub use crate::feature::online::{OnlineFeatures, OnlineLookup, OnlineRows};
pub use crate::feature::spec::{FeatureFunction, FeatureSpec};

/// Looks features up in the stored tables of a file. See [`Database::features`].
#[derive(Clone)]
pub struct Features {
    database: Database,
}

/// Rows with the features that were looked up for them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FeatureJoin {
    /// The given columns, then the features in the order of their lookups.
    pub table: Table,
    /// The version of each table that was read, in the order of the lookups.
    ///
    /// With [`FeatureLookup::version`], these versions give the same features at any later time.
    pub versions: Vec<u64>,
    /// The number of rows without a match for each lookup.
    pub misses: Vec<u64>,
}

/// How features are joined.
#[derive(Clone, Debug, Default)]
pub struct JoinOptions {
    pub(crate) prefers_given: bool,
    pub(crate) known_at: Option<KnownAt>,
}

/// Until when a write must have happened to be seen.
#[derive(Clone, Debug)]
pub(crate) enum KnownAt {
    /// The same time for each row.
    Time(Timestamp),
    /// The time in a column of the rows.
    Column(String),
}

impl JoinOptions {
    /// Creates the default options.
    #[must_use]
    pub fn new() -> Self {
        JoinOptions::default()
    }

    /// Sets whether a given column with the name of a feature is used instead of the feature. Its
    /// nulls are used too. Default: false, such a column is an error.
    #[must_use]
    pub fn prefer_given(mut self, is_preferred: bool) -> Self {
        self.prefers_given = is_preferred;
        self
    }

    /// Ignores all writes to the tables after a time.
    #[must_use]
    pub fn known_at(mut self, time: Timestamp) -> Self {
        self.known_at = Some(KnownAt::Time(time));
        self
    }

    /// Ignores, for each row, all writes to the tables after the time in this column of the row. A
    /// null ignores none.
    #[must_use]
    pub fn known_at_column(mut self, name: impl Into<String>) -> Self {
        self.known_at = Some(KnownAt::Column(name.into()));
        self
    }
}

impl Database {
    /// Returns the features in the stored tables of the file.
    #[must_use]
    pub fn features(&self) -> Features {
        Features { database: self.clone() }
    }
}

impl Features {
    /// Adds features to rows: for each row the values with its key, as of its time.
    ///
    /// The result has each row once, in the given order. A row without a match has nulls, or the
    /// default values of the lookup.
    ///
    /// - A row with a time gets the newest values up to its own time.
    /// - A null in the key or the time of a row matches nothing.
    /// - A null of the table is replaced by the default value, NaN is not.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if a table does not exist.
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a column does not exist or
    ///   has another type than the key of the table, or if two columns get the same name.
    ///
    /// # Performance
    ///
    /// Sorts the rows once for each lookup, and reads each table once. Holds the keys, the times
    /// and the features of one table in memory.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::feature::{FeatureLookup, JoinOptions};
    /// use tracklite::table::{ColumnType, Table, TableSpec, Value, Values};
    ///
    /// let spec = TableSpec::new()
    ///     .column("user", ColumnType::Long)
    ///     .column("spend", ColumnType::Double)
    ///     .primary_key(["user"]);
    /// let mut rows = Table::new();
    /// rows.add_column("user", Values::from(vec![1_i64, 2]))?;
    /// rows.add_column("spend", Values::from(vec![0.5, 9.0]))?;
    /// database.tables().create("ml.features.users", &spec)?.merge(&rows)?;
    ///
    /// let mut labels = Table::new();
    /// labels.add_column("customer", Values::from(vec![2_i64, 7]))?;
    /// let lookup = FeatureLookup::new("ml.features.users", ["customer"]);
    /// let joined = database.features().join(&labels, &[lookup], &JoinOptions::new())?;
    /// let spend: Vec<Value> = joined.table.column("spend").unwrap().values().collect();
    /// assert_eq!(spend, [Value::Float(9.0), Value::Null]);
    /// assert_eq!((joined.versions, joined.misses), (vec![1], vec![1]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(
        &self,
        rows: &Table,
        lookups: &[FeatureLookup],
        options: &JoinOptions,
    ) -> Result<FeatureJoin> {
        let engine = self.database.engine();
        engine.located(join::join(&self.database, rows, lookups, options))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Features").field(&self.database.path()).finish()
    }
}

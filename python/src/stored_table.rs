//! Stored tables, and features joined with rows.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use tracklite::feature::{DefaultValue, FeatureLookup, JoinOptions};
use tracklite::table::{ColumnType, TableSpec, TableWrite};

use crate::convert::{entries, instant, texts};
use crate::database::Database;
use crate::error::python_error;
use crate::session::Handle;
use crate::table::{Table, stored_type, to_engine};

/// A handle to a stored table: rows of typed columns, with versions.
///
/// With a primary key, `merge` inserts rows and replaces those with the same key. Without one,
/// `append` keeps each row. Rows come from polars, pandas, pyarrow, or a dict of columns. Each
/// write is a version, visible whole or not at all, and durable when the call returns.
///
/// >>> users = database.create_table(
/// ...     "ml.features.users", {"user": "bigint", "spend": "double"}, primary_key=["user"])
/// >>> users.merge({"user": [1, 2], "spend": [0.5, 9.0]})
/// 1
/// >>> users.merge({"user": [2], "spend": [7.5]})
/// 2
/// >>> users.read().rows()
/// [{'user': 1, 'spend': 0.5}, {'user': 2, 'spend': 7.5}]
/// >>> users.read(version=1)["spend"]
/// [0.5, 9.0]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct StoredTable {
    handle: Handle<tracklite::table::StoredTable>,
}

#[pymethods]
impl Database {
    /// Creates a table `catalog.schema.table`.
    ///
    /// `columns` is a dict of types by name, or rows whose columns have the types. The types are
    /// those of Spark: boolean, tinyint, smallint, int, bigint, float, double, string, binary,
    /// date, timestamp, and array<bigint>, array<float>, array<double>. Rows are not written.
    #[pyo3(signature = (name, columns, *, primary_key=Vec::new(), timestamp=None,
                        description=None, tags=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn create_table(
        &self,
        py: Python<'_>,
        name: &str,
        columns: &Bound<'_, PyAny>,
        primary_key: Vec<String>,
        timestamp: Option<&str>,
        description: Option<&str>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<StoredTable> {
        let mut spec = TableSpec::new().primary_key(primary_key);
        for (name, kind) in kinds(columns)? {
            spec = spec.column(name, kind);
        }
        if let Some(timestamp) = timestamp {
            spec = spec.timestamp(timestamp);
        }
        if let Some(description) = description {
            spec = spec.description(description);
        }
        if let Some(tags) = tags {
            spec = spec.tags(texts(tags, "tags")?.into_iter().collect());
        }
        let create = |database: &tracklite::Database| database.tables().create(name, &spec);
        Ok(StoredTable { handle: self.handle.call_derive(py, create)? })
    }

    /// Returns the table of this name.
    fn table(&self, py: Python<'_>, name: &str) -> PyResult<StoredTable> {
        let get = |database: &tracklite::Database| database.tables().get(name);
        Ok(StoredTable { handle: self.handle.call_derive(py, get)? })
    }

    /// Returns the names of all tables that begin with `prefix`, in order.
    #[pyo3(signature = (prefix=""))]
    fn table_names(&self, py: Python<'_>, prefix: &str) -> PyResult<Vec<String>> {
        let found = self.handle.call(py, |database| database.tables().list(prefix))?;
        Ok(found.into_iter().map(|info| info.name).collect())
    }

    /// Adds features to rows: for each row the values with its key, as of its time.
    ///
    /// Each lookup is a dict with `table` and `keys` (columns of the rows), and if wanted
    /// `features`, `rename` (new names by feature), `time` (a column of the rows), `lookback`
    /// (seconds), `defaults` (values by feature) and `version`. Returns a dict with `table`,
    /// `versions` (those of the tables that were read) and `misses` (rows without a match).
    ///
    /// A row with a time gets the newest values up to its time. With `known_at`, a time or the name
    /// of a column of times, writes after that time are ignored. With `prefer_given`, a column of
    /// the rows replaces a feature of the same name.
    ///
    /// >>> users = database.create_table(
    /// ...     "ml.features.spend", {"user": "bigint", "spend": "double"}, primary_key=["user"])
    /// >>> users.merge({"user": [1, 2], "spend": [0.5, 9.0]})
    /// 1
    /// >>> lookup = {"table": "ml.features.spend", "keys": ["id"], "defaults": {"spend": 0.0}}
    /// >>> joined = database.join_features({"id": [2, 3]}, [lookup])
    /// >>> joined["table"].rows(), joined["misses"]
    /// ([{'id': 2, 'spend': 9.0}, {'id': 3, 'spend': 0.0}], [1])
    #[pyo3(signature = (rows, lookups, *, prefer_given=false, known_at=None))]
    fn join_features<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'_, PyAny>,
        lookups: Vec<Bound<'_, PyDict>>,
        prefer_given: bool,
        known_at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let rows = to_engine(&Table::from_python(rows)?)?;
        let lookups: Vec<FeatureLookup> =
            lookups.iter().map(lookup).collect::<PyResult<Vec<_>>>()?;
        let mut options = JoinOptions::new().prefer_given(prefer_given);
        if let Some(known_at) = known_at {
            options = match known_at.cast::<PyString>() {
                Ok(column) => options.known_at_column(column.to_cow()?),
                Err(_) => options.known_at(instant(known_at, "known_at")?),
            };
        }
        let joined =
            self.handle.call(py, |database| database.features().join(&rows, &lookups, &options))?;
        let answer = PyDict::new(py);
        answer.set_item("table", Table::from_engine(joined.table)?)?;
        answer.set_item("versions", joined.versions)?;
        answer.set_item("misses", joined.misses)?;
        Ok(answer)
    }
}

#[pymethods]
impl StoredTable {
    /// The id of the table, which stays when it is renamed.
    #[getter]
    fn id(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.handle.get(py)?.id().to_string())
    }

    /// Returns a dict that describes the table.
    ///
    /// It has name, columns (types by name), primary_key, timestamp, description, owner, tags,
    /// version, and creation_time in nanoseconds since 1970.
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let info = self.handle.call(py, tracklite::table::StoredTable::info)?;
        let columns = PyDict::new(py);
        for column in &info.state.columns {
            columns.set_item(&column.name, column.kind.as_str())?;
        }
        let answer = PyDict::new(py);
        answer.set_item("name", info.name)?;
        answer.set_item("columns", columns)?;
        answer.set_item("primary_key", info.state.primary_key)?;
        answer.set_item("timestamp", info.state.timestamp)?;
        answer.set_item("description", info.state.description)?;
        answer.set_item("owner", info.state.owner)?;
        answer.set_item("tags", info.state.tags)?;
        answer.set_item("version", info.version)?;
        answer.set_item("creation_time", info.created.as_nanos())?;
        Ok(answer)
    }

    /// Adds rows to a table without a key. Returns the version.
    fn append(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<u64> {
        self.write(py, rows, tracklite::table::StoredTable::append)
    }

    /// Inserts rows, or replaces those with the same key and timestamp. Returns the version.
    ///
    /// Columns that are not given keep their values.
    fn merge(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<u64> {
        self.write(py, rows, tracklite::table::StoredTable::merge)
    }

    /// Replaces all rows. Returns the version. Earlier versions stay readable.
    fn overwrite(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<u64> {
        self.write(py, rows, tracklite::table::StoredTable::overwrite)
    }

    /// Deletes rows by key, and by timestamp if that is given. Returns the version.
    fn delete(&self, py: Python<'_>, keys: &Bound<'_, PyAny>) -> PyResult<u64> {
        self.write(py, keys, tracklite::table::StoredTable::delete)
    }

    /// Reads rows: by key and timestamp, or in the order of the writes without a key.
    ///
    /// `version` reads the rows as they were after that write, `known_at` as they were at a time.
    #[pyo3(signature = (columns=None, *, version=None, known_at=None))]
    fn read(
        &self,
        py: Python<'_>,
        columns: Option<Vec<String>>,
        version: Option<u64>,
        known_at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Table> {
        let time = known_at.map(|time| instant(time, "known_at")).transpose()?;
        let table = self.handle.call(py, |table| {
            let mut read = table.read();
            if let Some(columns) = columns {
                read = read.columns(columns);
            }
            if let Some(version) = version {
                read = read.version(version);
            }
            if let Some(time) = time {
                read = read.known_at(time);
            }
            read.table()
        })?;
        Table::from_engine(table)
    }

    /// Returns all writes as dicts: version, time (nanoseconds since 1970), user, mode and rows.
    fn writes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let writes = self.handle.call(py, tracklite::table::StoredTable::writes)?;
        let writes = writes.into_iter().map(|write| {
            let TableWrite { version, time, author, mode, rows, .. } = write;
            let answer = PyDict::new(py);
            answer.set_item("version", version)?;
            answer.set_item("time", time.as_nanos())?;
            answer.set_item("user", author)?;
            answer.set_item("mode", mode.as_str())?;
            answer.set_item("rows", rows)?;
            Ok(answer)
        });
        PyList::new(py, writes.collect::<PyResult<Vec<_>>>()?)
    }

    /// Sets tags. A value of None removes the tag.
    fn set_tags(&self, py: Python<'_>, tags: &Bound<'_, PyAny>) -> PyResult<()> {
        let tags = entries(tags, "tags", |_, value| {
            (!value.is_none()).then(|| crate::convert::text(value)).transpose()
        })?;
        self.handle.call(py, |table| {
            let updated = table.update(|state| {
                for (key, value) in &tags {
                    match value {
                        Some(value) => drop(state.tags.insert(key.clone(), value.clone())),
                        None => drop(state.tags.remove(key)),
                    }
                }
            });
            updated.map(drop)
        })
    }

    /// Renames the table. Its rows, versions and tags stay.
    fn rename(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.handle.call(py, |table| table.rename(name))
    }

    /// Merges the files of the table, so that reads are faster. Answers do not change.
    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::table::StoredTable::compact)
    }

    /// Removes everything that only versions before this one show. They cannot be read any more.
    fn remove_history(&self, py: Python<'_>, before: u64) -> PyResult<()> {
        self.handle.call(py, |table| table.remove_history(before))
    }

    /// Drops the table with all its rows.
    fn drop(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.call(py, tracklite::table::StoredTable::drop)
    }
}

type Write =
    fn(&tracklite::table::StoredTable, &tracklite::table::Table) -> tracklite::Result<TableWrite>;

impl StoredTable {
    fn write(&self, py: Python<'_>, rows: &Bound<'_, PyAny>, write: Write) -> PyResult<u64> {
        let rows = to_engine(&Table::from_python(rows)?)?;
        Ok(self.handle.call(py, |table| write(table, &rows))?.version)
    }
}

/// Returns the columns of a dict of types, or of rows.
fn kinds(columns: &Bound<'_, PyAny>) -> PyResult<Vec<(String, ColumnType)>> {
    let py = columns.py();
    let is_types = columns
        .cast::<PyDict>()
        .is_ok_and(|dict| dict.values().iter().all(|value| value.is_instance_of::<PyString>()));
    if is_types {
        return entries(columns, "columns", |_, kind| {
            let kind = kind.extract::<String>()?.parse::<ColumnType>();
            kind.map_err(|error| python_error(py, &error))
        });
    }
    let table = Table::from_python(columns)?;
    let fields = table.schema.fields().iter();
    let kind = |field: &arrow_schema::FieldRef| {
        Ok((field.name().clone(), stored_type(field.name(), field.data_type())?))
    };
    fields.map(kind).collect()
}

/// Converts a lookup.
fn lookup(fields: &Bound<'_, PyDict>) -> PyResult<FeatureLookup> {
    let needed = |name: &str| {
        fields.get_item(name)?.ok_or_else(|| {
            PyTypeError::new_err(format!("a lookup needs {name:?}: expected table and keys"))
        })
    };
    let table: String = needed("table")?.extract()?;
    let keys: Vec<String> = needed("keys")?.extract()?;
    let mut lookup = FeatureLookup::new(table, keys);
    for (name, value) in fields.iter() {
        let name: String = name.extract()?;
        if value.is_none() {
            continue;
        }
        lookup = match name.as_str() {
            "table" | "keys" => lookup,
            "features" => lookup.features(value.extract::<Vec<String>>()?),
            "time" => lookup.at(value.extract::<String>()?),
            "lookback" => {
                let seconds: f64 = value.extract()?;
                let age = Duration::try_from_secs_f64(seconds);
                lookup.lookback(age.map_err(|error| PyTypeError::new_err(error.to_string()))?)
            }
            "version" => lookup.version(value.extract()?),
            "rename" => {
                let names = texts(&value, "rename")?.into_iter();
                names.fold(lookup, |lookup, (feature, name)| lookup.rename(feature, name))
            }
            "defaults" => {
                let values = entries(&value, "defaults", default_value)?.into_iter();
                values.fold(lookup, |lookup, (feature, value)| lookup.default_value(feature, value))
            }
            other => {
                let message = format!(
                    "a lookup has no {other:?}: expected table, keys, features, rename, time, \
                     lookback, defaults or version"
                );
                return Err(PyTypeError::new_err(message));
            }
        };
    }
    Ok(lookup)
}

fn default_value(name: &str, value: &Bound<'_, PyAny>) -> PyResult<DefaultValue> {
    if value.is_instance_of::<PyBool>() {
        return Ok(DefaultValue::Bool(value.extract()?));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(DefaultValue::Integer(value.extract()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(DefaultValue::Float(value.extract()?));
    }
    match value.extract::<String>() {
        Ok(text) => Ok(DefaultValue::Text(text)),
        Err(_) => {
            let message = format!(
                "the default value of {name:?} must be a bool, a number or a text, not {}",
                value.get_type().name()?
            );
            Err(PyTypeError::new_err(message))
        }
    }
}

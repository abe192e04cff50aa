//! Read-only SQL on the index for users.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};

use crate::error::{Error, ErrorKind, Result};

use super::{Index, index_error};

/// A value in the result of an SQL query.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// NULL. A metric value that is NaN is NULL, too (see the column `is_nan`).
    Null,
    /// An integer. Times are nanoseconds since the Unix epoch.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The result of an SQL query.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SqlTable {
    /// The column names.
    pub columns: Vec<String>,
    /// The rows, each with one value per column.
    pub rows: Vec<Vec<SqlValue>>,
}

impl Index {
    /// Runs a single read-only statement.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if the statement is not valid SQL, or would change anything.
    pub(crate) fn sql(&mut self, query: &str) -> Result<SqlTable> {
        let connection = &mut self.store.connection;
        connection.authorizer(Some(authorize)).map_err(index_error)?;
        let answer = run(connection, query);
        connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(index_error)?;
        answer.map_err(query_error)
    }
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name } if function_name != "load_extension" => {
            Authorization::Allow
        }
        AuthAction::Pragma { pragma_name, .. } if is_description(pragma_name) => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

/// Returns whether a pragma only describes tables.
fn is_description(pragma: &str) -> bool {
    ["table_info", "table_xinfo", "table_list", "index_list", "index_info"].contains(&pragma)
}

fn run(connection: &Connection, query: &str) -> rusqlite::Result<SqlTable> {
    let mut statement = connection.prepare(query)?;
    let columns: Vec<String> = statement.column_names().map(ToOwned::to_owned).collect();
    let width = columns.len();
    let mut found = statement.query(())?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push((0..width).map(|column| value(row.get_ref(column)?)).collect::<Result<_, _>>()?);
    }
    Ok(SqlTable { columns, rows })
}

fn value(value: ValueRef<'_>) -> rusqlite::Result<SqlValue> {
    Ok(match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(integer) => SqlValue::Integer(integer),
        ValueRef::Real(real) => SqlValue::Real(real),
        ValueRef::Text(text) => SqlValue::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(blob) => SqlValue::Blob(blob.to_owned()),
    })
}

/// Classifies an error as the fault of the index or of the query.
fn query_error(error: rusqlite::Error) -> Error {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
        OutOfMemory, SchemaChanged, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(
            CannotOpen | DatabaseBusy | DatabaseCorrupt | DatabaseLocked | DiskFull | NotADatabase
            | OutOfMemory | SchemaChanged | SystemIoFailure,
        ) => index_error(error),
        Some(ErrorCode::AuthorizationForStatementDenied) => {
            Error::new(ErrorKind::InvalidInput, "the SQL query is not read-only").with_source(error)
        }
        _ => Error::new(ErrorKind::InvalidInput, format!("invalid SQL query: {error}"))
            .with_source(error),
    }
}

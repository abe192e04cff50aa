//! The stored table with the requests to an endpoint and their answers.

use crate::endpoint::Endpoints;
use crate::entity::id::Timestamp;
use crate::entity::table::{Column, Table, Texts, Value};
use crate::entity::{ColumnType, EndpointCapture, EndpointInfo};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::{FeatureLookup, JoinOptions};
use crate::table::{StoredTable, TableSpec};

/// The column with the id of each request, by which labels are joined.
const ID: &str = "databricks_request_id";
const NAME: &str = "endpoint_name";
const TIME: &str = "request_time";
const SHADOW: &str = "is_shadow";
/// The nanoseconds of a millisecond.
const MILLISECOND: i64 = 1_000_000;

/// The columns of the table: those of Databricks's gateway, then our own. Columns with the inputs
/// and the predictions follow, by the signature of the model.
const COLUMNS: [(&str, ColumnType, &str); 20] = [
    ("request_date", ColumnType::Date, "day in UTC"),
    (ID, ColumnType::String, "id of the request"),
    ("client_request_id", ColumnType::String, "id that the client has put into the body"),
    (TIME, ColumnType::Timestamp, "time at which the request came"),
    ("status_code", ColumnType::Int, "status of HTTP"),
    ("sampling_fraction", ColumnType::Double, "share of the requests that is written, up to 1"),
    ("execution_duration_ms", ColumnType::Long, "milliseconds that the model took"),
    ("request", ColumnType::String, "body of the request, or its hash if it is too large"),
    ("response", ColumnType::String, "body of the answer, or its hash if it is too large"),
    ("logging_error_codes", ColumnType::String, "why a body is missing, as a list in JSON"),
    ("served_entity_id", ColumnType::String, "name of the served model within the endpoint"),
    ("requester", ColumnType::String, "user who asked"),
    (NAME, ColumnType::String, "name of the endpoint"),
    ("model_name", ColumnType::String, "name of the registered model"),
    ("model_version", ColumnType::Long, "version of the registered model"),
    (SHADOW, ColumnType::Boolean, "whether it is a copy for a shadow"),
    ("total_duration_us", ColumnType::Long, "microseconds with the wait for a process"),
    ("execution_duration_us", ColumnType::Long, "microseconds that the model took"),
    ("input_rows", ColumnType::Int, "number of rows in the request"),
    ("features", ColumnType::String, "features that were looked up, as a list in JSON"),
];

/// A read of the requests to an endpoint. See [`Endpoints::requests`].
#[derive(Clone, Debug)]
pub struct EndpointRequests {
    endpoints: Endpoints,
    endpoint: String,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    labels: Option<String>,
    is_legacy: bool,
}

impl Endpoints {
    /// Returns a reader of the requests to an endpoint with this name, and of their answers.
    ///
    /// A server writes them if the endpoint has an [`EndpointCapture`].
    #[must_use]
    pub fn requests(&self, endpoint: impl Into<String>) -> EndpointRequests {
        EndpointRequests {
            endpoints: self.clone(),
            endpoint: endpoint.into(),
            from: None,
            until: None,
            labels: None,
            is_legacy: false,
        }
    }

    /// Returns the table for the requests to an endpoint with this name. Creates it if there is
    /// none.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if its catalog or schema does not exist.
    pub fn request_table(&self, endpoint: &str, capture: &EndpointCapture) -> Result<StoredTable> {
        let tables = self.database().tables().acting_for(&self.user());
        let name = name_of(endpoint, capture);
        match tables.get(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            found => return found,
        }
        match tables.create(&name, &spec()) {
            // Another server was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => tables.get(&name),
            created => created,
        }
    }
}

fn name_of(endpoint: &str, capture: &EndpointCapture) -> String {
    let (catalog, schema, table) = capture.table(endpoint);
    format!("{catalog}.{schema}.{table}")
}

fn spec() -> TableSpec {
    let spec = TableSpec::new().description("Requests to an endpoint, and their answers");
    COLUMNS.iter().fold(spec, |spec, (name, kind, comment)| {
        spec.commented_column(*name, *kind, Some(comment))
    })
}

impl EndpointRequests {
    /// Reads only requests that came at this time or later.
    #[must_use]
    pub fn from(mut self, time: Timestamp) -> Self {
        self.from = Some(time);
        self
    }

    /// Reads only requests that came at this time or earlier.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }

    /// Adds the columns of another table, for example the true labels that were found out later.
    /// The key of that table is one text column with the ids of requests. Default: none.
    ///
    /// A request without a label has nulls. With times in that table, the newest row counts.
    #[must_use]
    pub fn labels(mut self, table: impl Into<String>) -> Self {
        self.labels = Some(table.into());
        self
    }

    /// Returns the columns of Databricks's earlier tables, without copies for shadows. Default:
    /// false.
    ///
    /// The column `request_metadata` is a JSON object.
    #[must_use]
    pub fn legacy(mut self, is_legacy: bool) -> Self {
        self.is_legacy = is_legacy;
        self
    }

    /// Reads the requests, in the order in which they were written.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such endpoint, or no such table.
    /// - [`ErrorKind::InvalidState`] if the requests of the endpoint are not written.
    /// - [`ErrorKind::InvalidInput`] if the table of labels has another key.
    ///
    /// # Performance
    ///
    /// Skips the blocks of the table that the times exclude. Holds the rest in memory.
    pub fn table(&self) -> Result<Table> {
        let info = self.endpoints.get(&self.endpoint)?;
        let database = self.endpoints.database();
        let stored = database
            .tables()
            .get(&table_of(&info).map_err(|error| self.endpoints.engine().locate(error))?)?;
        let mut read =
            stored.read().between(NAME, Value::Text(&info.name), Value::Text(&info.name));
        if self.from.is_some() || self.until.is_some() {
            let bound = |time: Option<Timestamp>| time.map_or(Value::Null, Value::Time);
            read = read.between(TIME, bound(self.from), bound(self.until));
        }
        if self.is_legacy {
            read = read.between(SHADOW, Value::Bool(false), Value::Bool(false));
        }
        let rows = read.table()?;
        let rows = match &self.labels {
            Some(table) => {
                let lookup = FeatureLookup::new(table, [ID]);
                database.features().join(&rows, &[lookup], &JoinOptions::new())?.table
            }
            None => rows,
        };
        if self.is_legacy { legacy(&rows) } else { Ok(rows) }
    }
}

fn table_of(info: &EndpointInfo) -> Result<String> {
    let capture = info.state.capture.as_ref().ok_or_else(|| {
        let message = format!(
            "the requests to endpoint {:?} are not written: set its table of requests first",
            info.name
        );
        Error::new(ErrorKind::InvalidState, message)
    })?;
    Ok(name_of(&info.name, capture))
}

/// Returns the columns of Databricks's earlier tables. Columns of labels stay behind them.
fn legacy(rows: &Table) -> Result<Table> {
    let mut table = Table::new();
    for (name, old) in [
        (ID, ID),
        ("client_request_id", "client_request_id"),
        ("request_date", "date"),
        (TIME, "timestamp_ms"),
        ("status_code", "status_code"),
        ("sampling_fraction", "sampling_fraction"),
        ("execution_duration_ms", "execution_time_ms"),
        ("request", "request"),
        ("response", "response"),
    ] {
        let Some(column) = rows.column(name) else { continue };
        let column = match column {
            Column::Time(times) => Column::Integer(
                times.iter().map(|time| time.map(|nanos| nanos.div_euclid(MILLISECOND))).collect(),
            ),
            other => other.clone(),
        };
        table.add_column(old, column)?;
    }
    table.add_column("request_metadata", metadata(rows)?)?;
    let is_own = |name: &str| {
        name.starts_with("input_") || name == "input" || name.starts_with("prediction")
    };
    for (name, column) in rows.columns() {
        let is_known = COLUMNS.iter().any(|(known, ..)| *known == name);
        if !is_known && !is_own(name) {
            table.add_column(name, column.clone())?;
        }
    }
    Ok(table)
}

/// Returns a JSON object of texts for each row.
fn metadata(rows: &Table) -> Result<Texts> {
    let mut facts = Table::new();
    for name in [NAME, "model_name", "model_version"] {
        let mut texts = Texts::new();
        for value in rows.column(name).into_iter().flat_map(Column::values) {
            texts.push_display(&value);
        }
        facts.add_column(name, texts)?;
    }
    let mut lines = Vec::new();
    let written = facts.write_json_lines(&mut lines);
    written.map_err(|source| Error::io("writing to memory", source))?;
    let lines = String::from_utf8_lossy(&lines);
    Ok(lines.lines().map(Some).collect())
}

//! The features of a served model: requests with keys are completed before a worker gets them.

use std::path::Path;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tracklite::Database;
use tracklite::feature::{FeatureLookup, FeatureSpec, OnlineFeatures, OnlineRows};
use tracklite::table::{Column, Table, Texts};

use crate::answer::Request;
use crate::rows::Rows;

/// The content type of completed bodies and of answers.
pub(crate) const JSON: &str = "application/json";

/// The lookups of a served model.
pub(crate) struct Lookups {
    online: OnlineFeatures,
    /// The columns that the model gets, in order.
    inputs: Vec<String>,
    /// The names of all features, which a request may have instead.
    features: Vec<String>,
}

/// A request with the features of its rows.
pub(crate) struct Completed {
    rows: Rows,
    found: OnlineRows,
}

impl Lookups {
    /// Reads the file of the lookups in the folder of a model, if it has one, and the features of
    /// all keys. It blocks.
    pub(crate) fn open(database: &Database, folder: &Path) -> Result<Option<Lookups>, String> {
        let text = match std::fs::read_to_string(folder.join(FeatureSpec::FILE)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| format!("{}: {error}", FeatureSpec::FILE))?,
        };
        let spec = FeatureSpec::parse(&text).map_err(|error| error.to_string())?;
        let online = database.features().online(&spec.lookups);
        let online =
            online.map_err(|error| format!("its features cannot be read: {}", error.message()))?;
        let features = spec.lookups.iter().flat_map(FeatureLookup::outputs).collect();
        // The process of the model evaluates the functions, so that it gets their columns.
        let mut inputs = spec.input_columns;
        for name in spec.functions.into_iter().flat_map(|function| function.inputs) {
            if !inputs.contains(&name) {
                inputs.push(name);
            }
        }
        Ok(Some(Lookups { online, inputs, features }))
    }

    /// Looks up the features of a request. It blocks while a table is read that has changed.
    pub(crate) fn complete(&self, request: &Request) -> Result<Completed, String> {
        let content = request.content_type.split(';').next().unwrap_or_default().trim();
        if content != JSON {
            return Err(format!(
                "the features of the model are looked up for rows in JSON, and the content type \
                 is {content:?}: send {JSON:?}"
            ));
        }
        let rows = Rows::parse(&request.body)?;
        let mut asked = Table::new();
        let mut add = |name: &str, column: Column| {
            asked.add_column(name, column).map_err(|error| error.to_string())
        };
        for (name, kind) in self.online.keys() {
            match rows.keys(&name, kind) {
                Some(column) => add(&name, column?)?,
                // A list of no rows names no columns.
                None if rows.count == 0 => add(&name, Column::empty(kind))?,
                None => {}
            }
        }
        for name in self.features.iter().filter(|name| rows.column(name).is_some()) {
            // Only its name counts: the value in the request is used.
            let nulls: Texts = (0..rows.count).map(|_| None::<&str>).collect();
            add(name, nulls.into())?;
        }
        let found = self.online.look_up_known(&asked).map_err(|error| {
            let given: Vec<&str> = rows.names().collect();
            // The path of the file is of no concern to clients.
            format!("{}; the request has the columns {}", error.message(), given.join(", "))
        })?;
        Ok(Completed { rows, found })
    }

    /// Returns the body that a worker gets.
    pub(crate) fn body(&self, completed: &Completed) -> Bytes {
        completed.rows.body(&self.inputs, &completed.found.table).into()
    }

    /// Returns the body of an answer with the features alone.
    pub(crate) fn answer(&self, completed: &Completed) -> Vec<u8> {
        let records = completed.rows.records(&self.inputs, &completed.found.table);
        json!({"outputs": records}).to_string().into_bytes()
    }
}

impl Completed {
    /// Returns the features that were found, and their times, as JSON.
    pub(crate) fn used(&self) -> String {
        let OnlineRows { table, lookups, .. } = &self.found;
        let list = |column: &Column| -> Value {
            column.values().map(|value| serde_json::to_value(value).unwrap_or_default()).collect()
        };
        let lookup = |lookup: &tracklite::feature::OnlineLookup| {
            let named = lookup
                .features
                .iter()
                .filter_map(|name| table.column(name).map(|column| (name.clone(), list(column))));
            json!({
                "table": lookup.table,
                "version": lookup.version,
                "features": named.collect::<Map<String, Value>>(),
                "times": lookup.times.as_ref().map(list),
            })
        };
        lookups.iter().map(lookup).collect::<Value>().to_string()
    }
}

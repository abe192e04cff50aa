//! Searches the registry with SQL. A typed query becomes one statement over the tables.

use rusqlite::params_from_iter;

use crate::entity::{ModelVersionInfo, RegisteredModelInfo};
use crate::error::Result;
use crate::search::{
    Condition, Field, ModelSelection, ModelVersionNumber, ModelVersionText, RegisteredModelNumber,
    RegisteredModelText, TextTest, VersionSelection,
};

use super::statement::Statement;
use super::{Index, registry};

/// The tag that marks a registered model as a prompt. Searches skip prompts, unless the filter asks
/// for them.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

impl Index {
    /// Returns the selected registered models in order.
    pub(crate) fn select_models(
        &self,
        selection: &ModelSelection<'_>,
    ) -> Result<Vec<RegisteredModelInfo>> {
        let statement = of_models(selection);
        self.read(|connection| {
            let mut select = connection.prepare_cached(&statement.sql)?;
            let found = select.query_map(params_from_iter(&statement.values), |row| row.get(0))?;
            let found = found.collect::<rusqlite::Result<Vec<i64>>>()?;
            registry::models_of(connection, &found)
        })
    }

    /// Returns the selected versions in order.
    pub(crate) fn select_versions(
        &self,
        selection: &VersionSelection<'_>,
    ) -> Result<Vec<ModelVersionInfo>> {
        let statement = of_versions(selection);
        self.read(|connection| {
            let mut select = connection.prepare_cached(&statement.sql)?;
            let found = select.query_map(params_from_iter(&statement.values), |row| row.get(0))?;
            let found = found.collect::<rusqlite::Result<Vec<i64>>>()?;
            registry::versions_of(connection, &found)
        })
    }
}

/// A table of tags, with its column for the owner and the SQL expression for that owner.
#[derive(Clone, Copy)]
struct TagTable {
    name: &'static str,
    column: &'static str,
    owner: &'static str,
}

const MODEL_TAGS: TagTable =
    TagTable { name: "registered_model_tags", column: "model", owner: "m.model" };
const VERSION_TAGS: TagTable =
    TagTable { name: "model_version_tags", column: "entry", owner: "v.entry" };

fn of_models(selection: &ModelSelection<'_>) -> Statement {
    let mut statement = Statement::new("SELECT m.model FROM registered_models m WHERE 1");
    let mut names_prompts = false;
    for condition in &selection.filter.conditions {
        statement.text(" AND ");
        match condition {
            Condition::Text(RegisteredModelText::Name, test) => {
                statement.column_passes("m.name", test);
            }
            Condition::Text(RegisteredModelText::Tag(key), test) if key == PROMPT_TAG => {
                names_prompts |= test.matches_text("true");
                // A missing tag counts as false.
                statement.missing_tag_as(MODEL_TAGS, key, "false", test);
            }
            Condition::Text(RegisteredModelText::Tag(key), test) => {
                statement.tag_passes(MODEL_TAGS, key, test);
            }
            Condition::Number(RegisteredModelNumber::LastUpdatedTimestamp, test) => {
                statement.number_passes(MODEL_MILLIS, test);
            }
        }
    }
    if !names_prompts {
        statement.text(" AND NOT ");
        statement.tag_passes(MODEL_TAGS, PROMPT_TAG, &TextTest::Equal("true".to_owned()));
    }
    for (place, key) in selection.order.keys.iter().enumerate() {
        let column = match &key.field {
            Field::Number(RegisteredModelNumber::LastUpdatedTimestamp) => MODEL_MILLIS,
            Field::Text(_) => "m.name",
        };
        statement.order(place, column, key.direction);
    }
    statement.page(selection.offset, selection.limit as u64);
    statement
}

/// The update time in MLflow's unit, milliseconds, rounded down. There is an SQL index on this
/// expression.
const MODEL_MILLIS: &str = "(m.updated / 1000000 - (m.updated % 1000000 < 0))";

fn of_versions(selection: &VersionSelection<'_>) -> Statement {
    let mut statement = Statement::new("SELECT v.entry FROM model_versions v WHERE 1");
    for condition in &selection.filter.conditions {
        statement.text(" AND ");
        match condition {
            Condition::Text(ModelVersionText::Tag(key), test) => {
                statement.tag_passes(VERSION_TAGS, key, test);
            }
            Condition::Text(field, test) => statement.column_passes(text_column(field), test),
            Condition::Number(field, test) => {
                statement.number_passes(number_column(field), test);
            }
        }
    }
    for (place, key) in selection.order.keys.iter().enumerate() {
        let column = match &key.field {
            Field::Number(field) => number_column(field),
            Field::Text(field) => text_column(field),
        };
        statement.order(place, column, key.direction);
    }
    statement.page(selection.offset, selection.limit as u64);
    statement
}

fn text_column(field: &ModelVersionText) -> &'static str {
    match field {
        ModelVersionText::RunId => "v.run_id",
        ModelVersionText::SourcePath => "v.source",
        ModelVersionText::Name | ModelVersionText::Tag(_) => "v.name",
    }
}

fn number_column(field: &ModelVersionNumber) -> &'static str {
    match field {
        ModelVersionNumber::VersionNumber => "v.version",
        ModelVersionNumber::CreationTimestamp => {
            "(v.created / 1000000 - (v.created % 1000000 < 0))"
        }
        ModelVersionNumber::LastUpdatedTimestamp => "v.updated_millis",
    }
}

impl Statement {
    /// Appends a test of a tag. A missing tag passes only `IS NULL`.
    ///
    /// Tests for equality search the tags, because few rows may match. Other tests look at each
    /// row's own tag.
    fn tag_passes(&mut self, table: TagTable, key: &str, test: &TextTest) {
        let TagTable { name, column, owner } = table;
        match test {
            TextTest::IsNull | TextTest::IsNotNull => {
                self.text(if *test == TextTest::IsNull { "NOT " } else { "" });
                self.text(&format!("EXISTS (SELECT 1 FROM {name} WHERE {column} = {owner} AND "));
                self.text("key = ");
                self.value(key.to_owned());
            }
            TextTest::Equal(_) | TextTest::In(_) => {
                self.text(&format!("{owner} IN (SELECT {column} FROM {name} WHERE key = "));
                self.value(key.to_owned());
                self.text(" AND ");
                self.column_passes("value", test);
            }
            _ => {
                self.text(&format!("EXISTS (SELECT 1 FROM {name} WHERE {column} = {owner} AND "));
                self.text("key = ");
                self.value(key.to_owned());
                self.text(" AND ");
                self.column_passes("value", test);
            }
        }
        self.text(")");
    }

    fn missing_tag_as(&mut self, table: TagTable, key: &str, value: &str, test: &TextTest) {
        self.text("(");
        self.tag_passes(table, key, test);
        if test.matches_text(value) {
            self.text(" OR ");
            self.tag_passes(table, key, &TextTest::IsNull);
        }
        self.text(")");
    }
}

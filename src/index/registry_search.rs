//! Searching the registry by SQL: a typed query becomes one statement over its tables.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use crate::entity::{ModelVersionInfo, RegisteredModelInfo};
use crate::error::Result;
use crate::search::{
    Condition, Direction, Field, ModelVersionFilter, ModelVersionNumber, ModelVersionOrder,
    ModelVersionText, NumberTest, RegisteredModelFilter, RegisteredModelNumber,
    RegisteredModelOrder, RegisteredModelText, TextTest,
};

use super::{Index, registry};

/// The tag that makes a registered model a prompt, which searches leave out unless it is named.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// Which registered models are searched, and which of them are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelSelection<'a> {
    /// What must hold of them.
    pub(crate) filter: &'a RegisteredModelFilter,
    /// How they are ordered.
    pub(crate) order: &'a RegisteredModelOrder,
    /// How many of the order are passed over.
    pub(crate) offset: u64,
    /// How many are wanted at most.
    pub(crate) limit: usize,
}

/// Which versions are searched, and which of them are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VersionSelection<'a> {
    /// What must hold of them.
    pub(crate) filter: &'a ModelVersionFilter,
    /// How they are ordered.
    pub(crate) order: &'a ModelVersionOrder,
    /// How many of the order are passed over.
    pub(crate) offset: u64,
    /// How many are wanted at most.
    pub(crate) limit: usize,
}

impl Index {
    /// The registered models of a selection in its order.
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

    /// The versions of a selection in its order.
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

/// Where the tags of the searched things are.
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
                statement.passes("m.name", test);
            }
            Condition::Text(RegisteredModelText::Tag(key), test) if key == PROMPT_TAG => {
                names_prompts |= test.matches_text("true");
                // Where it is missing it counts as false.
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
    statement.page(selection.offset, selection.limit);
    statement
}

/// A time in MLflow's milliseconds, rounded down.
const MODEL_MILLIS: &str = "(m.updated / 1000000 - (m.updated % 1000000 < 0))";

fn of_versions(selection: &VersionSelection<'_>) -> Statement {
    let mut statement = Statement::new("SELECT v.entry FROM model_versions v WHERE 1");
    for condition in &selection.filter.conditions {
        statement.text(" AND ");
        match condition {
            Condition::Text(ModelVersionText::Tag(key), test) => {
                statement.tag_passes(VERSION_TAGS, key, test);
            }
            Condition::Text(field, test) => statement.passes(text_column(field), test),
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
    statement.page(selection.offset, selection.limit);
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

/// A statement in the making: its text, and the values of its parameters in order.
#[derive(Debug)]
struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    fn new(sql: &str) -> Self {
        Statement { sql: sql.to_owned(), values: Vec::new() }
    }

    fn text(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    fn value(&mut self, value: impl Into<Value>) {
        self.sql.push('?');
        self.values.push(value.into());
    }

    fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) {
        self.text("(");
        for (place, value) in values.into_iter().enumerate() {
            self.text(if place == 0 { "" } else { ", " });
            self.value(value);
        }
        self.text(")");
    }

    /// A column that is NULL passes `IS NULL` alone.
    fn passes(&mut self, column: &str, test: &TextTest) {
        let (operator, text) = match test {
            TextTest::Equal(text) => ("=", text),
            TextTest::NotEqual(text) => ("<>", text),
            TextTest::Like(text) => return self.like("like_exactly", column, text),
            TextTest::ILike(text) => return self.like("like_in_any_case", column, text),
            TextTest::In(list) | TextTest::NotIn(list) => {
                let is_in = matches!(test, TextTest::In(_));
                self.text(&format!("{column} {} ", if is_in { "IN" } else { "NOT IN" }));
                return self.list(list.as_slice().iter().cloned());
            }
            TextTest::IsNull => return self.text(&format!("{column} IS NULL")),
            TextTest::IsNotNull => return self.text(&format!("{column} IS NOT NULL")),
        };
        self.text(&format!("{column} {operator} "));
        self.value(text.clone());
    }

    fn like(&mut self, function: &str, column: &str, pattern: &str) {
        self.text(&format!("{function}("));
        self.value(pattern.to_owned());
        self.text(&format!(", {column})"));
    }

    fn number_passes(&mut self, column: &str, test: &NumberTest) {
        let (operator, number) = match test {
            NumberTest::Equal(number) => ("=", number),
            NumberTest::NotEqual(number) => ("<>", number),
            NumberTest::Less(number) => ("<", number),
            NumberTest::LessOrEqual(number) => ("<=", number),
            NumberTest::Greater(number) => (">", number),
            NumberTest::GreaterOrEqual(number) => (">=", number),
            NumberTest::In(list) | NumberTest::NotIn(list) => {
                let is_in = matches!(test, NumberTest::In(_));
                self.text(&format!("{column} {} ", if is_in { "IN" } else { "NOT IN" }));
                return self.list(list.iter().copied());
            }
        };
        self.text(&format!("{column} {operator} "));
        self.value(*number);
    }

    /// Whether the tag passes; a missing one passes `IS NULL` alone. An equal value is looked for
    /// in the tags, of which few may have it; anything else in each row by itself.
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
                self.passes("value", test);
            }
            _ => {
                self.text(&format!("EXISTS (SELECT 1 FROM {name} WHERE {column} = {owner} AND "));
                self.text("key = ");
                self.value(key.to_owned());
                self.text(" AND ");
                self.passes("value", test);
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

    fn order(&mut self, place: usize, column: &str, direction: Direction) {
        let before = if place == 0 { " ORDER BY" } else { "," };
        let direction = match direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        };
        self.text(&format!("{before} {column} {direction}"));
    }

    fn page(&mut self, offset: u64, limit: usize) {
        self.text(" LIMIT ");
        self.value(i64::try_from(limit).unwrap_or(i64::MAX));
        self.text(" OFFSET ");
        self.value(i64::try_from(offset).unwrap_or(i64::MAX));
    }
}

//! Searches runs with SQL. A typed query becomes one statement over the tables of the index.
//!
//! Points that are not sealed have no rows in the index. Their latest values are first stored in a
//! temporary table, which overrides `metrics`.

use foldhash::{HashMap, HashMapExt as _};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use crate::entity::id::{ExperimentId, RunId};
use crate::entity::{ARTIFACT_LOCATION_TAG, DATA_CONTEXT_TAG, MetricPoint, RUN_NAME_TAG};
use crate::error::Result;
use crate::search::{
    Case, Condition, Field, NumberTest, RunNumber, RunSelection, RunText, TextTest, like_matches,
};

use super::Index;
use super::query::{metric_point, parsed};
use super::statement::{Statement, keyword};

/// Limits for SQL searches, because long statements are slow to plan. They are far below SQLite's
/// own limits. Each condition takes one of 1000 stack levels, each list item one of about 10,000
/// parameters.
const CONDITIONS_MAX: usize = 100;
const SORT_KEYS_MAX: usize = 50;
const LISTED_MAX: usize = 1000;

impl RunSelection<'_> {
    /// Returns whether the search is short enough for one statement.
    pub(crate) fn is_for_sql(&self) -> bool {
        let conditions = &self.filter.conditions;
        let experiments = self.experiments.map_or(0, <[ExperimentId]>::len);
        let is_statistic = |field: &RunNumber| matches!(field, RunNumber::Statistic(..));
        let mut filtered = conditions.iter().map(|condition| match condition {
            Condition::Number(field, _) => is_statistic(field),
            Condition::Text(..) => false,
        });
        let mut ordered = self.order.keys.iter().map(|key| match &key.field {
            Field::Number(field) => is_statistic(field),
            Field::Text(_) => false,
        });
        !filtered.any(|is_statistic| is_statistic)
            && !ordered.any(|is_statistic| is_statistic)
            && conditions.len() <= CONDITIONS_MAX
            && self.order.keys.len() <= SORT_KEYS_MAX
            && conditions.iter().map(Condition::listed).sum::<usize>() + experiments <= LISTED_MAX
    }
}

/// Ranks a condition for evaluation. SQLite tests conditions in the order of the text and stops at
/// the first that fails.
///
/// Conditions without another table come first, then those that few runs match. Small tables come
/// before large ones.
fn turn(condition: &Condition<RunNumber, RunText>) -> u8 {
    match condition {
        Condition::Number(RunNumber::Metric(_), _) => 5,
        Condition::Number(..) => 0,
        Condition::Text(field @ (RunText::Tag(_) | RunText::RunName | RunText::Param(_)), test) => {
            let is_narrow = matches!(test, TextTest::Equal(_) | TextTest::In(_));
            let is_param = matches!(field, RunText::Param(_));
            if is_narrow { 1 + u8::from(is_param) } else { 3 + u8::from(is_param) }
        }
        Condition::Text(
            RunText::DatasetName | RunText::DatasetDigest | RunText::DatasetContext,
            _,
        ) => 6,
        Condition::Text(..) => 0,
    }
}

/// Temporary tables, filled only within a transaction.
pub(super) const TEMPORARY_TABLES: &str = "
CREATE TEMP TABLE IF NOT EXISTS live_metrics (
    run   INTEGER NOT NULL,
    key   TEXT NOT NULL,
    value REAL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS found (run INTEGER PRIMARY KEY);";

impl Index {
    /// Returns the selected runs in order.
    ///
    /// Runs one statement, which takes a few microseconds per run and condition.
    pub(crate) fn select_runs<'a>(
        &self,
        selection: &RunSelection<'_>,
        live: impl IntoIterator<Item = (RunId, &'a str, MetricPoint)>,
    ) -> Result<Vec<RunId>> {
        self.read(|connection| {
            let has_live = store_live(connection, live)?;
            let mut statement = Statement::default();
            statement.select(selection, has_live);
            let mut select = connection.prepare_cached(&statement.sql)?;
            select.query_map(params_from_iter(&statement.values), |row| parsed(row, 0))?.collect()
        })
    }
}

/// Registers the pattern matching of the search language, which differs from SQLite's.
pub(super) fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    let cases = [("like_exactly", Case::Sensitive), ("like_in_any_case", Case::AsciiInsensitive)];
    for (name, case) in cases {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function(name, 2, flags, move |context| {
            let pattern = context.get_raw(0).as_str()?;
            // A missing value does not match and does not differ: the result is NULL.
            let value = context.get_raw(1).as_str_or_null()?;
            Ok(value.map(|value| like_matches(pattern, value, case)))
        })?;
    }
    Ok(())
}

/// Returns the latest live point of each metric of each run. Several extents may contain one.
fn latest_of<'a>(
    live: impl IntoIterator<Item = (RunId, &'a str, MetricPoint)>,
) -> HashMap<(RunId, &'a str), MetricPoint> {
    let mut latest: HashMap<(RunId, &str), MetricPoint> = HashMap::new();
    for (run, key, point) in live {
        let known = latest.entry((run, key)).or_insert(point);
        if point.latest_order(known).is_gt() {
            *known = point;
        }
    }
    latest
}

/// Stores the latest values of unsealed metrics in `live_metrics`, and returns whether there are
/// any.
fn store_live<'a>(
    connection: &Connection,
    live: impl IntoIterator<Item = (RunId, &'a str, MetricPoint)>,
) -> rusqlite::Result<bool> {
    let mut number = connection.prepare_cached("SELECT run FROM runs WHERE run_id = ?1")?;
    let mut sealed = connection.prepare_cached(
        "SELECT step, timestamp, value, bits FROM metrics WHERE run = ?1 AND key = ?2",
    )?;
    let mut insert = connection.prepare_cached("INSERT INTO live_metrics VALUES (?1, ?2, ?3)")?;
    let mut numbers: HashMap<RunId, Option<i64>> = HashMap::new();
    let mut has_live = false;
    for ((run, key), point) in latest_of(live) {
        let known = match numbers.get(&run) {
            Some(known) => *known,
            None => number.query_row([run.to_string()], |row| row.get(0)).optional()?,
        };
        numbers.insert(run, known);
        let Some(run) = known else { continue };
        let before = sealed.query_row((run, key), |row| metric_point(row, 0)).optional()?;
        if before.is_none_or(|before| point.latest_order(&before).is_gt()) {
            // NaN becomes NULL, as in `metrics`.
            insert.execute((run, key, point.value))?;
            has_live = true;
        }
    }
    Ok(has_live)
}

/// The context of a statement, beside its selection.
#[derive(Clone, Copy)]
struct Scene<'a> {
    /// The prefix of the addresses of artifacts.
    artifact_root: &'a str,
    /// Whether there are points in `live_metrics`.
    has_live: bool,
}

impl Statement {
    fn select(&mut self, selection: &RunSelection<'_>, has_live: bool) {
        let scene = Scene { artifact_root: &selection.places.root, has_live };
        self.text("SELECT r.run_id");
        for (place, key) in selection.order.keys.iter().enumerate() {
            self.sort_columns(place, &key.field, scene);
        }
        self.text(" FROM runs r WHERE 1");
        if let Some(lifecycle) = selection.lifecycle {
            self.text(" AND r.lifecycle = ");
            self.value(lifecycle.as_str().to_owned());
        }
        if let Some(experiments) = selection.experiments {
            self.text(" AND r.experiment_id IN ");
            self.list(experiments.iter().map(|id| id.get().cast_signed()));
        }
        let mut conditions: Vec<_> = selection.filter.conditions.iter().collect();
        conditions.sort_by_key(|condition| turn(condition));
        for condition in conditions {
            self.text(" AND ");
            self.condition(condition, scene);
        }
        for (place, key) in selection.order.keys.iter().enumerate() {
            // In both directions: values first, then NaN (NULL in the table), then missing ones.
            let before = if place == 0 { " ORDER BY" } else { "," };
            let direction = keyword(key.direction);
            self.text(&format!(
                "{before} missing{place}, value{place} IS NULL, value{place} {direction}"
            ));
        }
        self.page(selection.offset, selection.limit);
    }

    fn condition(&mut self, condition: &Condition<RunNumber, RunText>, scene: Scene<'_>) {
        match condition {
            Condition::Number(RunNumber::Metric(key), test) => {
                self.metric_passes(key, test, scene.has_live);
            }
            // Columns answer searches by statistics, which the index does not have.
            Condition::Number(RunNumber::Statistic(..), _) => self.text("FALSE"),
            Condition::Number(field, test) => {
                let column = time_column(field);
                self.text(&format!("({column} IS NOT NULL AND "));
                self.number_passes(column, test);
                self.text(")");
            }
            Condition::Text(RunText::Param(key), test) => self.pair_passes("params", key, test),
            Condition::Text(RunText::Tag(key), test) => self.pair_passes("tags", key, test),
            Condition::Text(RunText::RunName, test) => self.pair_passes("tags", RUN_NAME_TAG, test),
            Condition::Text(RunText::DatasetName, test) => self.dataset_passes("d.name", test),
            Condition::Text(RunText::DatasetDigest, test) => self.dataset_passes("d.digest", test),
            Condition::Text(RunText::DatasetContext, test) => self.dataset_passes("t.value", test),
            Condition::Text(field, test) => {
                self.text_passes(
                    &|statement| statement.attribute(field, scene.artifact_root),
                    test,
                );
            }
        }
    }

    /// Appends a test of a metric's latest value. A run without the metric fails it.
    fn metric_passes(&mut self, key: &str, test: &NumberTest, has_live: bool) {
        if !has_live {
            self.metric_of("metrics", key);
            self.text(" AND ");
            self.number_passes("value", test);
            self.text(")");
            return;
        }
        self.text("(");
        self.metric_of("live_metrics", key);
        self.text(" AND ");
        self.number_passes("value", test);
        self.text(") OR NOT ");
        self.metric_of("live_metrics", key);
        self.text(") AND ");
        self.metric_of("metrics", key);
        self.text(" AND ");
        self.number_passes("value", test);
        self.text("))");
    }

    /// Appends an EXISTS clause for the metric, up to the closing parenthesis.
    fn metric_of(&mut self, table: &str, key: &str) {
        self.text(&format!("EXISTS (SELECT 1 FROM {table} WHERE run = r.run AND key = "));
        self.value(key.to_owned());
    }

    /// Appends a test of a param or tag. A missing one passes only `IS NULL`.
    fn pair_passes(&mut self, table: &str, key: &str, test: &TextTest) {
        if *test == TextTest::IsNull {
            self.text("NOT ");
        }
        self.text(&format!("EXISTS (SELECT 1 FROM {table} WHERE run = r.run AND key = "));
        self.value(key.to_owned());
        if !matches!(test, TextTest::IsNull | TextTest::IsNotNull) {
            self.text(" AND ");
            self.text_passes(&|statement| statement.text("value"), test);
        }
        self.text(")");
    }

    /// Appends a test that any dataset of the run can pass. Each condition may match a different
    /// dataset.
    fn dataset_passes(&mut self, column: &str, test: &TextTest) {
        self.text(&format!(
            "EXISTS (SELECT 1 FROM dataset_inputs i JOIN datasets d ON d.dataset = i.dataset
             LEFT JOIN dataset_input_tags t ON t.input = i.input AND t.key = '{DATA_CONTEXT_TAG}'
             WHERE i.run = r.run AND "
        ));
        self.text_passes(&|statement| statement.text(column), test);
        self.text(")");
    }

    /// Appends the SQL expression for an attribute of the run.
    fn attribute(&mut self, field: &RunText, artifact_root: &str) {
        match field {
            RunText::RunName => self.text("r.name"),
            RunText::Status => self.text("r.status"),
            RunText::UserId => self.text("r.user"),
            RunText::ArtifactUri => {
                // Parts are appended to the path of a location, and its query follows.
                self.text(&format!(
                    "ifnull((SELECT rtrim(substr(value, 1, instr(value || '?', '?') - 1), '/')
                     || '/' || r.run_id || '/artifacts' || substr(value, instr(value || '?', '?'))
                     FROM experiment_tags t WHERE t.experiment_id = r.experiment_id
                     AND key = '{ARTIFACT_LOCATION_TAG}'), "
                ));
                self.value(format!("{artifact_root}/"));
                self.text(" || r.experiment_id || '/' || r.run_id || '/artifacts')");
            }
            _ => self.text("r.run_id"),
        }
    }

    /// Appends two columns to sort by: whether the field is missing, and its value.
    fn sort_columns(&mut self, place: usize, field: &Field<RunNumber, RunText>, scene: Scene<'_>) {
        self.text(", ");
        match field {
            Field::Number(RunNumber::Metric(key)) if scene.has_live => {
                self.text("NOT ");
                self.metric_of("live_metrics", key);
                self.text(") AND NOT ");
                self.metric_of("metrics", key);
                self.text(&format!(") AS missing{place}, iif("));
                self.metric_of("live_metrics", key);
                self.text("), ");
                self.value_of("live_metrics", key);
                self.text(", ");
                self.value_of("metrics", key);
                self.text(")");
            }
            Field::Number(RunNumber::Metric(key)) => {
                self.text("NOT ");
                self.metric_of("metrics", key);
                self.text(&format!(") AS missing{place}, "));
                self.value_of("metrics", key);
            }
            Field::Number(field) => {
                self.text(&format!("0 AS missing{place}, {}", time_column(field)));
            }
            Field::Text(RunText::Param(key)) => {
                self.text(&format!("0 AS missing{place}, "));
                self.value_of("params", key);
            }
            Field::Text(RunText::Tag(key)) => {
                self.text(&format!("0 AS missing{place}, "));
                self.value_of("tags", key);
            }
            Field::Text(field) => {
                self.text(&format!("0 AS missing{place}, "));
                self.attribute(field, scene.artifact_root);
            }
        }
        self.text(&format!(" AS value{place}"));
    }

    fn value_of(&mut self, table: &str, key: &str) {
        self.text(&format!("(SELECT value FROM {table} WHERE run = r.run AND key = "));
        self.value(key.to_owned());
        self.text(")");
    }
}

/// Returns the SQL expression for a time in MLflow's unit, milliseconds, rounded down.
fn time_column(field: &RunNumber) -> &'static str {
    match field {
        RunNumber::EndTime => "(r.ended / 1000000 - (r.ended % 1000000 < 0))",
        RunNumber::Duration => {
            "(r.ended / 1000000 - (r.ended % 1000000 < 0)
             - r.started / 1000000 + (r.started % 1000000 < 0))"
        }
        _ => "(r.started / 1000000 - (r.started % 1000000 < 0))",
    }
}

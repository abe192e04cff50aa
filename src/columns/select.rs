//! Evaluates the search language over columns, one condition after the other.

use std::cmp::Ordering;

use crate::entity::id::{RunId, Timestamp};
use crate::entity::{
    ArtifactPlaces, DATA_CONTEXT_TAG, DatasetInput, Lifecycle, RUN_NAME_TAG, RunRecord,
};
use crate::search::{
    Condition, Direction, Field, MetricStatistic, RunNumber, RunSelection, RunText, TextTest,
};

use super::column::TextColumn;
use super::keys::Keys;
use super::runs::{Head, RunColumns};

/// Returns the keys of the columns needed to answer a selection.
pub(crate) fn keys_of(selection: &RunSelection<'_>) -> Keys {
    let mut keys = Keys::default();
    let mut conditions = selection.filter.conditions.iter();
    if conditions.any(|condition| matches!(condition, Condition::Text(RunText::RunName, _))) {
        keys.tags.insert(RUN_NAME_TAG);
    }
    let conditions = selection.filter.conditions.iter().map(|condition| match condition {
        Condition::Number(field, _) => (Some(field), None),
        Condition::Text(field, _) => (None, Some(field)),
    });
    let sorted = selection.order.keys.iter().map(|key| match &key.field {
        Field::Number(field) => (Some(field), None),
        Field::Text(field) => (None, Some(field)),
    });
    for field in conditions.chain(sorted) {
        match field {
            (Some(RunNumber::Metric(key)), _) => keys.metrics.insert(key),
            (Some(RunNumber::Statistic(statistic, key)), _) => keys.add_statistic(*statistic, key),
            (_, Some(RunText::Param(key))) => keys.params.insert(key),
            (_, Some(RunText::Tag(key))) => keys.tags.insert(key),
            _ => {}
        }
    }
    keys
}

/// The values by which rows are sorted, one per row.
enum SortValues<'a> {
    Numbers(Vec<Option<f64>>),
    Texts(Vec<Option<&'a str>>),
    Ids(Vec<RunId>),
    /// The addresses of artifacts.
    Places(Vec<String>),
}

impl RunColumns {
    /// Returns the rows of a selection in its order. All columns it needs must be loaded.
    ///
    /// Takes a few nanoseconds per row and condition.
    pub(crate) fn select(&self, selection: &RunSelection<'_>) -> Vec<u32> {
        let mut rows = self.rows_in(selection);
        for condition in &selection.filter.conditions {
            self.keep_passing(condition, selection.places, &mut rows);
        }
        self.sort(selection, &mut rows);
        rows
    }

    /// Returns the rows of its experiments with its lifecycle, before the filter.
    pub(crate) fn rows_in(&self, selection: &RunSelection<'_>) -> Vec<u32> {
        let is_in = |head: &Head| {
            let is_wanted =
                |lifecycle: Lifecycle| head.is_active == (lifecycle == Lifecycle::Active);
            selection.lifecycle.is_none_or(is_wanted)
                && (selection.experiments)
                    .is_none_or(|ids| ids.binary_search(&head.experiment).is_ok())
        };
        let heads = (0..).zip(&self.heads);
        heads.filter(|(_, head)| is_in(head)).map(|(row, _)| row).collect()
    }

    fn keep_passing(
        &self,
        condition: &Condition<RunNumber, RunText>,
        places: &ArtifactPlaces,
        rows: &mut Vec<u32>,
    ) {
        match condition {
            Condition::Number(RunNumber::Metric(key), test) => match self.metrics.get(key) {
                Some(column) => {
                    let values = column.of_rows(rows);
                    let verdicts = values.map(|point| test.matches(point.map(|point| point.value)));
                    keep(rows, &verdicts.collect::<Vec<bool>>());
                }
                None => rows.clear(),
            },
            Condition::Number(RunNumber::Statistic(statistic, key), test) => {
                rows.retain(|row| test.matches(self.statistic(*row, *statistic, key)));
            }
            Condition::Number(field, test) => {
                rows.retain(|row| test.matches(self.time(*row, field)));
            }
            Condition::Text(RunText::Param(key), test) => {
                keep_matching(self.params.get(key), test, rows);
            }
            Condition::Text(RunText::Tag(key), test) => {
                keep_matching(self.tags.get(key), test, rows);
            }
            // Filters on the run name test the tag. A run can lose the tag and keep its name.
            Condition::Text(RunText::RunName, test) => {
                keep_matching(self.tags.get(RUN_NAME_TAG), test, rows);
            }
            Condition::Text(field, test) => {
                rows.retain(|row| self.text_passes(*row, field, places, test));
            }
        }
    }

    /// Returns a statistic of a metric.
    pub(crate) fn statistic(&self, row: u32, of: MetricStatistic, key: &str) -> Option<f64> {
        let statistics = self.statistics.get(row, key)?;
        let goal = self.goals.of(self.heads[row as usize].experiment, key);
        match of.needs_points() {
            true => self.summaries.value(row, (of, key), goal),
            false => Some(of.of(goal, &statistics)),
        }
    }

    /// Returns a time in MLflow's unit, milliseconds.
    fn time(&self, row: u32, field: &RunNumber) -> Option<f64> {
        let started = Timestamp::from_nanos(self.heads[row as usize].started).as_millis();
        let ended = || Some(self.run(row).info.ended?.as_millis());
        let millis = match field {
            RunNumber::EndTime => ended()?,
            RunNumber::Duration => ended()?.saturating_sub(started),
            _ => started,
        };
        Some(millis as f64)
    }

    /// Tests a text that is not stored as a column.
    fn text_passes(
        &self,
        row: u32,
        field: &RunText,
        places: &ArtifactPlaces,
        test: &TextTest,
    ) -> bool {
        let run = self.run(row);
        match field {
            RunText::DatasetName => any_dataset(run, test, |input| Some(&input.dataset.name)),
            RunText::DatasetDigest => any_dataset(run, test, |input| Some(&input.dataset.digest)),
            RunText::DatasetContext => {
                any_dataset(run, test, |input| input.tags.get(DATA_CONTEXT_TAG))
            }
            RunText::RunId => test.matches_text(&run.info.id.to_string()),
            RunText::ArtifactUri => test.matches_text(&places.of_run(&run.info)),
            _ => test.matches(attribute(run, field)),
        }
    }

    /// Sorts the rows, and cuts them to the offset and limit of the selection.
    fn sort(&self, selection: &RunSelection<'_>, rows: &mut Vec<u32>) {
        let keys = &selection.order.keys;
        let values = |field| self.sort_values(field, selection.places, rows);
        let values: Vec<(SortValues<'_>, Direction)> =
            keys.iter().map(|key| (values(&key.field), key.direction)).collect();
        let compare = |left: &u32, right: &u32| {
            let (left, right) = (*left as usize, *right as usize);
            let verdict = values.iter().map(|(values, direction)| match values {
                SortValues::Numbers(numbers) => {
                    direction.compare_numbers(numbers[left], numbers[right])
                }
                SortValues::Texts(texts) => direction.compare_texts(texts[left], texts[right]),
                SortValues::Ids(ids) => direction.apply(ids[left].cmp(&ids[right])),
                SortValues::Places(places) => direction.apply(places[left].cmp(&places[right])),
            });
            verdict.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
        };
        let mut places: Vec<u32> = (0..rows.len() as u32).collect();
        let bound = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).min(rows.len());
        let until = bound(selection.offset.saturating_add(selection.limit));
        if until < places.len() {
            // Rows beyond the limit need not be sorted.
            places.select_nth_unstable_by(until, compare);
            places.truncate(until);
        }
        places.sort_unstable_by(compare);
        *rows =
            places[bound(selection.offset)..].iter().map(|place| rows[*place as usize]).collect();
    }

    fn sort_values(
        &self,
        field: &Field<RunNumber, RunText>,
        places: &ArtifactPlaces,
        rows: &[u32],
    ) -> SortValues<'_> {
        match field {
            Field::Number(RunNumber::Metric(key)) => {
                let values = self.metrics.get(key).map(|column| {
                    column.of_rows(rows).map(|point| point.map(|point| point.value)).collect()
                });
                SortValues::Numbers(values.unwrap_or_else(|| vec![None; rows.len()]))
            }
            Field::Number(RunNumber::Statistic(statistic, key)) => {
                let value = |row: &u32| self.statistic(*row, *statistic, key);
                SortValues::Numbers(rows.iter().map(value).collect())
            }
            Field::Number(field) => {
                SortValues::Numbers(rows.iter().map(|row| self.time(*row, field)).collect())
            }
            Field::Text(RunText::RunId) => {
                SortValues::Ids(rows.iter().map(|row| self.heads[*row as usize].id).collect())
            }
            Field::Text(RunText::ArtifactUri) => {
                let infos = rows.iter().map(|row| &self.run(*row).info);
                SortValues::Places(infos.map(|info| places.of_run(info)).collect())
            }
            Field::Text(RunText::Param(key)) => texts_of(self.params.get(key), rows),
            Field::Text(RunText::Tag(key)) => texts_of(self.tags.get(key), rows),
            Field::Text(field) => {
                SortValues::Texts(rows.iter().map(|row| attribute(self.run(*row), field)).collect())
            }
        }
    }
}

fn texts_of<'a>(column: Option<&'a TextColumn>, rows: &[u32]) -> SortValues<'a> {
    SortValues::Texts(match column {
        Some(column) => column.of_rows(rows).collect(),
        None => vec![None; rows.len()],
    })
}

/// Returns an attribute of a run by which rows can be sorted.
fn attribute<'r>(run: &'r RunRecord, field: &RunText) -> Option<&'r str> {
    match field {
        RunText::RunName => Some(&run.info.name),
        RunText::Status => Some(run.info.status.as_str()),
        RunText::UserId => Some(&run.info.user),
        _ => None,
    }
}

fn any_dataset<'r>(
    run: &'r RunRecord,
    test: &TextTest,
    text: impl Fn(&'r DatasetInput) -> Option<&'r String>,
) -> bool {
    run.datasets.iter().filter_map(text).any(|text| test.matches_text(text))
}

/// Keeps the rows whose text matches. Without a column, every text is missing.
fn keep_matching(column: Option<&TextColumn>, test: &TextTest, rows: &mut Vec<u32>) {
    match column {
        Some(column) => {
            let verdicts: Vec<bool> = column.matches(test, rows).collect();
            keep(rows, &verdicts);
        }
        None if *test == TextTest::IsNull => {}
        None => rows.clear(),
    }
}

/// Keeps the rows with a positive verdict.
fn keep(rows: &mut Vec<u32>, verdicts: &[bool]) {
    let mut verdicts = verdicts.iter();
    rows.retain(|_| verdicts.next().copied().unwrap_or(false));
}

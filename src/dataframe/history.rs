//! Tables of metric points.

use polars::prelude::{
    Column, DataFrame, DataType, Float64Chunked, IntoColumn as _, NamedFrom as _,
    NewChunkedArray as _, Series,
};

use crate::entity::MetricHistory;
use crate::entity::id::RunId;
use crate::error::Result;

use super::{frame, instants, numbers, polars_error, repeated, texts};

/// The points of one metric of a run.
pub(crate) struct HistoryRows {
    /// The run.
    pub(crate) run: RunId,
    /// The metric.
    pub(crate) key: String,
    /// The points.
    pub(crate) points: MetricHistory,
}

/// Returns the table `run_id, key, step, timestamp, value`, one history after the other.
pub(crate) fn long_history(histories: Vec<HistoryRows>) -> Result<DataFrame> {
    let mut all: Option<DataFrame> = None;
    for HistoryRows { run, key, points } in histories {
        let rows = points.len();
        let one = frame(vec![
            repeated("run_id", &run.to_string(), rows),
            repeated("key", &key, rows),
            steps(points.steps),
            instants("timestamp", points.times),
            numbers("value", points.values),
        ])?;
        match &mut all {
            Some(all) => {
                all.vstack_mut(&one).map_err(polars_error)?;
            }
            None => all = Some(one),
        }
    }
    match all {
        Some(mut all) => {
            all.rechunk_mut();
            Ok(all)
        }
        None => frame(vec![
            Column::full_null("run_id".into(), 0, &DataType::String),
            Column::full_null("key".into(), 0, &DataType::String),
            steps(Vec::new()),
            instants("timestamp", Vec::new()),
            numbers("value", Vec::new()),
        ]),
    }
}

fn steps(steps: Vec<i64>) -> Column {
    Series::new("step".into(), steps).into_column()
}

/// A row of the wide table: the step, and the position among the points of a metric at this step.
type Place = (i64, u32);

/// Returns the table `run_id, step, timestamp` with one more column per key, in the given order.
///
/// Each row is a step of a run. If a metric has several points at a step, the step has several
/// rows. The first row holds the first points of all metrics, and so on. The timestamp is that of
/// the row's earliest point.
pub(crate) fn wide_history(histories: &[HistoryRows], keys: &[&str]) -> Result<DataFrame> {
    let mut runs: Vec<RunId> = Vec::new();
    for history in histories {
        if runs.last() != Some(&history.run) {
            runs.push(history.run);
        }
    }
    let mut rows = WideRows::default();
    rows.values.resize_with(keys.len(), Vec::new);
    for run in runs {
        let of_run: Vec<&HistoryRows> =
            histories.iter().filter(|history| history.run == run).collect();
        rows.add(run, &of_run, keys);
    }
    let mut columns = vec![
        texts("run_id", rows.runs.iter().map(|run| Some(run.to_string()))),
        steps(rows.steps),
        instants("timestamp", rows.times),
    ];
    for (key, values) in keys.iter().zip(rows.values) {
        let (name, values) = (column_name(key, keys), values.into_iter());
        columns.push(Float64Chunked::from_iter_options(name.into(), values).into_column());
    }
    frame(columns)
}

/// The columns before those of the keys.
const OWN_COLUMNS: [&str; 3] = ["run_id", "step", "timestamp"];

/// Returns the column name for a key: the key, with a prefix if it would clash with another column.
fn column_name(key: &str, keys: &[&str]) -> String {
    let mut name = key.to_owned();
    if OWN_COLUMNS.contains(&key) {
        while name == key || keys.contains(&name.as_str()) {
            name.insert_str(0, "metrics.");
        }
    }
    name
}

#[derive(Default)]
struct WideRows {
    runs: Vec<RunId>,
    steps: Vec<i64>,
    times: Vec<i64>,
    /// By key.
    values: Vec<Vec<Option<f64>>>,
}

impl WideRows {
    /// Adds the rows of a run.
    fn add(&mut self, run: RunId, histories: &[&HistoryRows], keys: &[&str]) {
        let placed: Vec<(usize, Vec<(Place, usize)>)> = histories
            .iter()
            .filter_map(|history| {
                let key = keys.iter().position(|key| *key == history.key)?;
                Some((key, places(&history.points)))
            })
            .collect();
        let mut all: Vec<Place> =
            placed.iter().flat_map(|(_, places)| places.iter().map(|(place, _)| *place)).collect();
        all.sort_unstable();
        all.dedup();
        let from = self.runs.len();
        let until = from + all.len();
        self.runs.resize(until, run);
        self.steps.extend(all.iter().map(|(step, _)| *step));
        self.times.resize(until, i64::MAX);
        self.values.iter_mut().for_each(|values| values.resize(until, None));
        for ((key, places), history) in placed.iter().zip(histories) {
            let mut at = 0;
            for (place, point) in places {
                // Both are sorted, and `all` contains every place of the metric.
                while all[at] < *place {
                    at += 1;
                }
                self.values[*key][from + at] = Some(history.points.values[*point]);
                let time = &mut self.times[from + at];
                *time = (*time).min(history.points.times[*point]);
            }
        }
    }
}

/// Returns the place of each point, sorted by place.
fn places(points: &MetricHistory) -> Vec<(Place, usize)> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    // The sort is stable: points of the same step stay in order of time.
    order.sort_by_key(|at| points.steps[*at]);
    let mut places: Vec<(Place, usize)> = Vec::with_capacity(order.len());
    for at in order {
        let step = points.steps[at];
        let before = places.last().filter(|((known, _), _)| *known == step);
        let count = before.map_or(0, |((_, count), _)| count + 1);
        places.push(((step, count), at));
    }
    places
}

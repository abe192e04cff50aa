//! Tables of the points of metrics.

use crate::entity::MetricHistory;
use crate::entity::id::RunId;
use crate::entity::table::{Column, Table, Texts, Values};
use crate::error::Result;

/// The points of one metric of a run.
pub(super) struct History {
    pub(super) run: RunId,
    pub(super) key: String,
    pub(super) points: MetricHistory,
}

/// Makes the table `run_id, key, step, timestamp, value` of the histories, one after the other.
pub(super) fn long(histories: Vec<History>) -> Result<Table> {
    let (mut runs, mut keys) = (Texts::new(), Texts::new());
    let mut all = MetricHistory::default();
    for History { run, key, points } in histories {
        runs.push_repeated(Some(&run.to_string()), points.len());
        keys.push_repeated(Some(&key), points.len());
        if all.is_empty() {
            all = points;
        } else {
            all.steps.extend(points.steps);
            all.times.extend(points.times);
            all.values.extend(points.values);
        }
    }
    let mut table = Table::new();
    table.add_column("run_id", runs)?;
    table.add_column("key", keys)?;
    table.add_column("step", Values::from(all.steps))?;
    table.add_column("timestamp", Column::Time(Values::from(all.times)))?;
    table.add_column("value", Values::from(all.values))?;
    Ok(table)
}

/// A row of the wide table: the step, and the number of the point of a metric at that step.
type Place = (i64, u32);

/// Makes the table `run_id, step, timestamp` and a column for each of the keys, in their order.
///
/// A row is a step of a run. A metric with several points at a step makes as many rows: the first
/// row has the first point of each metric, and so on. The time is that of the row's earliest
/// point.
pub(super) fn wide(histories: &[History], keys: &[&str]) -> Result<Table> {
    let mut rows = WideRows::default();
    rows.values.resize_with(keys.len(), Vec::new);
    for of_run in histories.chunk_by(|left, right| left.run == right.run) {
        rows.add(of_run, keys);
    }
    let mut table = Table::new();
    table.add_column("run_id", rows.runs)?;
    table.add_column("step", Values::from(rows.steps))?;
    table.add_column("timestamp", Column::Time(Values::from(rows.times)))?;
    for (key, values) in keys.iter().zip(rows.values) {
        table.add_column(column_name(key, keys), values.into_iter().collect::<Values<f64>>())?;
    }
    Ok(table)
}

/// The columns before those of the keys.
const OWN_COLUMNS: [&str; 3] = ["run_id", "step", "timestamp"];

/// Returns the key, or a name made of it if another column has its name.
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
    runs: Texts,
    steps: Vec<i64>,
    times: Vec<i64>,
    /// By key.
    values: Vec<Vec<Option<f64>>>,
}

impl WideRows {
    /// Adds the rows of a run, of which these are the histories.
    fn add(&mut self, histories: &[History], keys: &[&str]) {
        let placed = histories.iter().filter_map(|history| {
            let key = keys.iter().position(|key| *key == history.key)?;
            Some((key, history, places(&history.points)))
        });
        let placed: Vec<_> = placed.collect();
        let mut all: Vec<Place> = placed
            .iter()
            .flat_map(|(_, _, places)| places.iter().map(|(place, _)| *place))
            .collect();
        all.sort_unstable();
        all.dedup();
        let from = self.steps.len();
        let until = from + all.len();
        if let [history, ..] = histories {
            self.runs.push_repeated(Some(&history.run.to_string()), all.len());
        }
        self.steps.extend(all.iter().map(|(step, _)| *step));
        self.times.resize(until, i64::MAX);
        self.values.iter_mut().for_each(|values| values.resize(until, None));
        for (key, history, places) in &placed {
            let mut at = 0;
            for (place, point) in places {
                // Both ascend, and `all` has every place of each metric.
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

/// Returns the place of each point, in the order of places.
fn places(points: &MetricHistory) -> Vec<(Place, usize)> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    // Stable: the points of a step stay in the order of time.
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

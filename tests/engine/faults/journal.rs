//! Records the calls made and their outcomes, and compares them with the contents of the file.

use std::collections::BTreeMap;

use tracklite::internals::storage::simulated::Random;
use tracklite::{Lifecycle, RunId};

use crate::support::{Content, RunContent};

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned `Ok`.
    Acknowledged,
    /// It returned an error, so it may have taken effect or not.
    Failed,
}

impl Outcome {
    pub fn of<T>(result: Option<&T>) -> Self {
        if result.is_some() { Outcome::Acknowledged } else { Outcome::Failed }
    }

    fn is_acknowledged(self) -> bool {
        self == Outcome::Acknowledged
    }
}

/// The calls made for one run.
#[derive(Clone, Debug, Default)]
pub struct RunJournal {
    pub params: BTreeMap<String, Outcome>,
    pub tags: BTreeMap<String, Outcome>,
    /// The step and outcome of each call by key. The value follows from the step.
    pub points: BTreeMap<String, Vec<(i64, Outcome)>>,
    pub deletion: Option<Outcome>,
    pub purge: Option<Outcome>,
    pub ending: Option<Outcome>,
}

/// The calls made for a file.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// The names of runs whose start failed.
    pub failed_starts: Vec<String>,
    pub runs: BTreeMap<RunId, RunJournal>,
}

/// Returns the value of params and tags with this key.
pub fn text_of(key: &str) -> String {
    format!("value of {key}")
}

/// Returns the value of points at this step. The values do not compress.
pub fn value_of(step: i64) -> f64 {
    f64::from_bits(Random::new(step.cast_unsigned()).bits() >> 2 | 1 << 60)
}

impl Journal {
    /// Checks that everything acknowledged is there, and nothing else than what was logged.
    pub fn compare(&self, content: &Content) -> Result<(), String> {
        for (id, run) in &self.runs {
            match content.runs.get(id) {
                Some(found) => run.compare(found).map_err(|error| format!("run {id}: {error}"))?,
                None if run.purge.is_some() => {}
                None => return Err(format!("run {id} is missing")),
            }
            let is_purged = run.purge.is_some_and(Outcome::is_acknowledged);
            if is_purged && content.runs.contains_key(id) {
                return Err(format!("run {id} was purged, but exists"));
            }
        }
        for (id, found) in &content.runs {
            if !self.runs.contains_key(id) && !self.failed_starts.contains(&found.name) {
                return Err(format!("run {id} was never started"));
            }
        }
        Ok(())
    }
}

impl RunJournal {
    fn compare(&self, found: &RunContent) -> Result<(), String> {
        compare_texts("param", &self.params, &found.params)?;
        compare_texts("tag", &self.tags, &found.tags)?;
        let is_deleted = found.lifecycle == Lifecycle::Deleted;
        compare_flag("deletion", self.deletion, is_deleted)?;
        compare_flag("ending", self.ending, found.has_ended)?;
        for (key, points) in &found.metrics {
            let asked = self.points.get(key);
            let asked = asked.ok_or_else(|| format!("metric {key} was never logged"))?;
            compare_points(key, asked, points)?;
        }
        for (key, asked) in &self.points {
            let is_lost = asked.iter().any(|(_, outcome)| outcome.is_acknowledged());
            if is_lost && !found.metrics.contains_key(key) {
                return Err(format!("metric {key} is missing"));
            }
        }
        Ok(())
    }
}

fn compare_flag(what: &str, asked: Option<Outcome>, is_so: bool) -> Result<(), String> {
    match (asked, is_so) {
        (Some(Outcome::Acknowledged), false) => Err(format!("the {what} is missing")),
        (None, true) => Err(format!("the {what} was never requested")),
        _ => Ok(()),
    }
}

fn compare_texts(
    what: &str,
    asked: &BTreeMap<String, Outcome>,
    found: &BTreeMap<String, String>,
) -> Result<(), String> {
    for (key, value) in found {
        if !asked.contains_key(key) || *value != text_of(key) {
            return Err(format!("unexpected {what} {key}: {value:?}"));
        }
    }
    let lost =
        asked.iter().find(|(key, outcome)| outcome.is_acknowledged() && !found.contains_key(*key));
    lost.map_or(Ok(()), |(key, _)| Err(format!("{what} {key} is missing")))
}

/// Compares the points of a metric. Each step was logged once, and determines its value.
fn compare_points(
    key: &str,
    asked: &[(i64, Outcome)],
    found: &[(i64, i64, u64)],
) -> Result<(), String> {
    let mut steps: BTreeMap<i64, bool> = BTreeMap::new();
    for &(_, step, bits) in found {
        let is_right = bits == value_of(step).to_bits();
        if !is_right || steps.insert(step, false).is_some() {
            return Err(format!("metric {key} has a wrong or duplicate point at step {step}"));
        }
    }
    for (step, outcome) in asked {
        match steps.get_mut(step) {
            Some(is_asked) => *is_asked = true,
            None if outcome.is_acknowledged() => {
                return Err(format!("metric {key} lacks step {step}"));
            }
            None => {}
        }
    }
    let invented = steps.iter().find(|(_, is_asked)| !**is_asked);
    invented
        .map_or(Ok(()), |(step, _)| Err(format!("step {step} of metric {key} was never logged")))
}

//! Comparisons of runs: a row for each field, with the value of each run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tracklite::{Database, ErrorKind, Run, RunRecord};
use utoipa::ToSchema;

use super::edits::NOTE_TAG;
use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, flag, texts};
use crate::mlflow::entities::Real;
use crate::mlflow::queries;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Post,
    path: "/compare",
    needs: Scope::Read,
    takes: &[texts("runs"), flag("all")],
    returns: shape::<Comparison>(),
    handler: compare,
}];

/// The most runs of a comparison.
const RUNS_MAX: usize = 1000;
/// The most values of a comparison: fields times runs.
const VALUES_MAX: usize = 4_000_000;
/// The patch of uncommitted changes, as `tracklite::capture` logs it.
const PATCH_FILE: &str = "git/dirty.patch";
/// The prefix of the tags about the code of a run.
const CODE_TAGS: &str = "mlflow.source.";

/// The differences between runs.
#[derive(Serialize, ToSchema)]
#[schema(as = PageComparison)]
struct Comparison {
    runs: Vec<ComparedRun>,
    /// The number of fields in which all runs are equal.
    same: usize,
    rows: Vec<Row>,
}

/// A run of a comparison.
#[derive(Serialize, ToSchema)]
#[schema(as = PageComparedRun)]
struct ComparedRun {
    id: String,
    name: String,
}

/// A field, with a value for each run.
#[derive(Serialize, ToSchema)]
#[schema(as = PageComparedField)]
struct Row {
    section: &'static str,
    key: String,
    values: Vec<Option<Value>>,
    differs: bool,
}

/// The value of a run in a field.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = PageComparedValue)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(Real),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => {
                left.0 == right.0 || (left.0.is_nan() && right.0.is_nan())
            }
            _ => false,
        }
    }
}

/// The values of a run by section and key.
type Values = BTreeMap<(Section, String), Value>;

/// The sections in their order on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    Info,
    Params,
    Metrics,
    Tags,
    Datasets,
    Packages,
    Code,
}

impl Section {
    fn as_str(self) -> &'static str {
        match self {
            Section::Info => "info",
            Section::Params => "params",
            Section::Metrics => "metrics",
            Section::Tags => "tags",
            Section::Datasets => "datasets",
            Section::Packages => "packages",
            Section::Code => "code",
        }
    }
}

fn compare(call: &Call) -> Outcome<Reply> {
    let mut known = BTreeSet::new();
    let (mut runs, mut all) = (Vec::new(), Vec::new());
    for id in call.args.texts("runs") {
        let id = queries::run_id(id)?;
        if !known.insert(id) {
            continue;
        }
        if known.len() > RUNS_MAX {
            return Err(Failure::invalid(format!(
                "more than {RUNS_MAX} runs cannot be compared: name fewer"
            )));
        }
        let run = call.database().run(id)?;
        let record = run.record()?;
        runs.push(ComparedRun { id: id.to_string(), name: record.info.name.clone() });
        all.push(values(call.database(), &run, record)?);
    }
    let keys: BTreeSet<&(Section, String)> = all.iter().flat_map(BTreeMap::keys).collect();
    if keys.len().saturating_mul(all.len()) > VALUES_MAX {
        return Err(Failure::invalid(format!(
            "{} runs with {} fields have more than {VALUES_MAX} values: compare fewer runs",
            all.len(),
            keys.len()
        )));
    }
    let mut rows = rows(&all);
    let same = rows.iter().filter(|row| !row.differs).count();
    if !call.args.flag("all").unwrap_or(false) {
        rows.retain(|row| row.differs);
    }
    Ok(Reply::json(&Comparison { runs, same, rows }))
}

fn rows(all: &[Values]) -> Vec<Row> {
    let keys: BTreeSet<&(Section, String)> = all.iter().flat_map(BTreeMap::keys).collect();
    let row = |key: &(Section, String)| {
        let values: Vec<Option<Value>> =
            all.iter().map(|values| values.get(key).cloned()).collect();
        let differs = values.windows(2).any(|pair| pair.first() != pair.last());
        Row { section: key.0.as_str(), key: key.1.clone(), values, differs }
    };
    keys.into_iter().map(row).collect()
}

fn values(database: &Database, run: &Run, record: RunRecord) -> Outcome<Values> {
    let mut values = Values::new();
    info(database, &record, &mut values)?;
    for (key, value) in record.params {
        values.insert((Section::Params, key), Value::Text(value));
    }
    for (key, point) in record.metrics {
        values.insert((Section::Metrics, key), Value::Number(Real(point.value)));
    }
    for (key, value) in record.tags {
        let section = if key.starts_with(CODE_TAGS) { Section::Code } else { Section::Tags };
        // The name of a run is its heading, and a note is not a setting.
        if key != "mlflow.runName" && key != NOTE_TAG {
            values.insert((section, key), Value::Text(value));
        }
    }
    for input in record.datasets {
        let dataset = input.dataset;
        values.insert((Section::Datasets, dataset.name), Value::Text(dataset.digest));
    }
    for (name, version) in run.packages()?.into_iter().flatten() {
        values.insert((Section::Packages, name), Value::Text(version));
    }
    if let Some(digest) = unless_missing(run.artifacts().info(PATCH_FILE))?.and_then(|i| i.digest) {
        values.insert((Section::Code, PATCH_FILE.to_owned()), Value::Text(digest));
    }
    Ok(values)
}

fn info(database: &Database, record: &RunRecord, values: &mut Values) -> Outcome<()> {
    let info = &record.info;
    let experiment = database.experiment_by_id(info.experiment)?.info()?.path;
    let duration = info.ended.map(|end| end.as_millis() - info.started.as_millis());
    let facts = [
        ("experiment", Some(Value::Text(experiment))),
        ("status", Some(Value::Text(info.status.as_str().to_owned()))),
        ("start", Some(Value::Number(Real(info.started.as_millis() as f64)))),
        ("duration", duration.map(|millis| Value::Number(Real(millis as f64 / 1000.0)))),
        ("user", Some(Value::Text(info.user.clone()))),
        ("parent", info.parent.map(|parent| Value::Text(parent.to_string()))),
    ];
    for (key, value) in facts {
        values.extend(value.map(|value| ((Section::Info, key.to_owned()), value)));
    }
    Ok(())
}

fn unless_missing<T>(found: tracklite::Result<T>) -> Outcome<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_do_not_differ() {
        let of = |value: f64| {
            Values::from([((Section::Metrics, "a".to_owned()), Value::Number(Real(value)))])
        };
        assert!(!rows(&[of(f64::NAN), of(f64::NAN)])[0].differs);
        assert!(rows(&[of(f64::NAN), of(0.0)])[0].differs);
        assert!(rows(&[of(1.0), of(1.0), Values::new()])[0].differs);
    }
}

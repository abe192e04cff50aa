//! Entities as tuples of plain values.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt};
use tracklite::inputs::{Dataset, DatasetInput};
use tracklite::logged_model::{LoggedModelInfo, LoggedModelMetric};
use tracklite::registry::{ModelVersionInfo, RegisteredModelInfo};
use tracklite::{Error, ErrorKind, ExperimentInfo, RegisteredModelId, Result, RunInfo, RunRecord};

pub(super) type Texts = BTreeMap<String, String>;

/// ID, path, lifecycle, creation, last update, tags.
pub(super) type ExperimentValue = (u64, String, &'static str, i64, i64, Texts);

/// ID, experiment, name, user, status, start, end, lifecycle.
pub(super) type RunInfoValue =
    (String, u64, String, String, &'static str, i64, Option<i64>, &'static str);

/// Key, value, time, step.
pub(super) type MetricValue = (String, f64, i64, i64);

/// Name, digest, type of the source, source, schema, profile, tags of the input.
pub(super) type DatasetValue =
    (String, String, String, String, Option<String>, Option<String>, Vec<(String, String)>);

/// Run, latest metrics, params, tags, input datasets, IDs of input models, output models and their
/// steps.
pub(super) type RunValue = (
    RunInfoValue,
    Vec<MetricValue>,
    Texts,
    Texts,
    Vec<DatasetValue>,
    Vec<String>,
    Vec<(String, i64)>,
);

/// Value, time, step.
pub(super) type PointValue = (f64, i64, i64);

/// Key, value, time, step, run, dataset.
pub(super) type ModelMetricValue =
    (String, f64, i64, i64, Option<String>, Option<(String, String)>);

/// ID, experiment, name, type, source run, status, its message, creation, last update, lifecycle,
/// params, tags and metrics.
pub(super) type LoggedModelValue = (LoggedModelFacts, Texts, Texts, Vec<ModelMetricValue>);
pub(super) type LoggedModelFacts = (
    String,
    u64,
    String,
    Option<String>,
    Option<String>,
    &'static str,
    Option<String>,
    i64,
    i64,
    &'static str,
);

/// Name, description, creation, last update, tags, aliases, latest versions.
pub(super) type RegisteredModelValue =
    (String, Option<String>, i64, i64, Texts, BTreeMap<String, u64>, Vec<VersionValue>);

/// Name, version, creation, last update, description, user, stage, source, run, link to the run,
/// status, its message, tags and aliases.
pub(super) type VersionValue = (VersionFacts, Texts, Vec<String>);
pub(super) type VersionFacts = (
    String,
    u64,
    i64,
    i64,
    Option<String>,
    String,
    &'static str,
    String,
    Option<String>,
    Option<String>,
    &'static str,
    Option<String>,
);

/// Runs, experiments, logged models.
pub(super) type DeletedValue = (Vec<String>, Vec<u64>, Vec<String>);

/// Items of a page, and the token of the next one.
pub(super) type PageValue<T> = (Vec<T>, Option<String>);

/// Returns the ID of a run as text. A whole number counts as its digits, as in MLflow.
pub(super) fn run_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let is_number = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    if is_number { Ok(value.str()?.to_cow()?.into_owned()) } else { value.extract() }
}

/// Like [`run_text`], for a run that may be missing.
pub(super) fn optional_run_text(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if value.is_none() { Ok(None) } else { run_text(value).map(Some) }
}

/// Parses the ID of a registered model: 32 hexadecimal digits.
pub(super) fn registered_model_id(text: &str) -> Result<RegisteredModelId> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = u128::from_str_radix(text, 16).ok().filter(|_| is_id);
    let message = || format!("there is no registered model with the id {text:?}");
    bits.map(RegisteredModelId::from_bits).ok_or_else(|| Error::new(ErrorKind::NotFound, message()))
}

pub(super) fn experiment_value(info: ExperimentInfo) -> ExperimentValue {
    let lifecycle = info.lifecycle.as_str();
    let (created, updated) = (info.created.as_millis(), info.updated.as_millis());
    (info.id.get(), info.path, lifecycle, created, updated, info.tags)
}

pub(super) fn run_info_value(info: RunInfo) -> RunInfoValue {
    (
        info.id.to_string(),
        info.experiment.get(),
        info.name,
        info.user,
        info.status.as_str(),
        info.started.as_millis(),
        info.ended.map(tracklite::Timestamp::as_millis),
        info.lifecycle.as_str(),
    )
}

pub(super) fn run_value(record: RunRecord) -> RunValue {
    let metrics = record.metrics.into_iter();
    let metrics =
        metrics.map(|(key, point)| (key, point.value, point.time.as_millis(), point.step));
    (
        run_info_value(record.info),
        metrics.collect(),
        record.params,
        record.tags,
        record.datasets.into_iter().map(dataset_value).collect(),
        record.model_inputs,
        record.model_outputs.into_iter().map(|output| (output.model, output.step)).collect(),
    )
}

fn dataset_value(input: DatasetInput) -> DatasetValue {
    let DatasetInput { dataset, tags, .. } = input;
    let Dataset { name, digest, source_type, source, schema, profile, .. } = dataset;
    (name, digest, source_type, source, schema, profile, tags.into_iter().collect())
}

pub(super) fn dataset_input(value: DatasetValue) -> DatasetInput {
    let (name, digest, source_type, source, schema, profile, tags) = value;
    let mut dataset = Dataset::new(name, digest, source_type, source);
    dataset.schema = schema;
    dataset.profile = profile;
    tags.into_iter().fold(DatasetInput::new(dataset), |input, (key, value)| input.tag(key, value))
}

pub(super) fn logged_model_value(info: LoggedModelInfo) -> LoggedModelValue {
    let facts = (
        info.id.to_string(),
        info.experiment.get(),
        info.name,
        info.model_type,
        info.source_run,
        info.status.as_str(),
        info.status_message,
        info.created.as_millis(),
        info.updated.as_millis(),
        info.lifecycle.as_str(),
    );
    let metrics = info.metrics.into_iter().map(|metric| {
        let LoggedModelMetric { key, value, step, time, run, dataset, .. } = metric;
        (key, value, time.as_millis(), step, run.map(|run| run.to_string()), dataset)
    });
    // MLflow keeps exact duplicates once.
    let mut kept: Vec<ModelMetricValue> = Vec::new();
    for metric in metrics {
        if !kept.contains(&metric) {
            kept.push(metric);
        }
    }
    (facts, info.params, info.tags, kept)
}

pub(super) fn version_value(info: ModelVersionInfo) -> VersionValue {
    let facts = (
        info.name,
        info.version,
        info.created.as_millis(),
        info.updated.as_millis(),
        info.description,
        info.user,
        info.stage.as_str(),
        info.source,
        info.run,
        info.run_link,
        info.status.as_str(),
        info.status_message,
    );
    (facts, info.tags, info.aliases)
}

pub(super) fn registered_model_value(info: RegisteredModelInfo) -> RegisteredModelValue {
    (
        info.name,
        info.description,
        info.created.as_millis(),
        info.updated.as_millis(),
        info.tags,
        info.aliases,
        info.latest_versions.into_iter().map(version_value).collect(),
    )
}

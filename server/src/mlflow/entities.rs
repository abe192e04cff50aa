//! The entities of MLflow's tracking as they appear in JSON.
//!
//! They borrow from the engine's records, because a page of runs has many thousand texts. Lists
//! that are empty and members that are not set are left out, as in MLflow.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use tracklite::inputs::{DatasetInput, ModelOutput};
use tracklite::logged_model::{LoggedModelInfo, LoggedModelMetric, LoggedModelStatus};
use tracklite::{ExperimentInfo, MetricPoint, RunId, RunInfo, RunRecord};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A number. JSON has no NaN and no infinities, so they are texts.
#[derive(Clone, Copy)]
pub(crate) struct Real(pub(crate) f64);

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Real(value) = *self;
        if value.is_finite() {
            serializer.serialize_f64(value)
        } else if value.is_nan() {
            serializer.serialize_str("NaN")
        } else {
            serializer.serialize_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
        }
    }
}

impl PartialSchema for Real {
    fn schema() -> RefOr<Schema> {
        let types = SchemaType::from_iter([Type::Number, Type::String]);
        RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(types).build()))
    }
}

impl ToSchema for Real {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Real")
    }
}

/// A tag or param.
#[derive(Serialize, ToSchema)]
pub(crate) struct Pair<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
}

pub(crate) fn pairs(map: &BTreeMap<String, String>) -> Vec<Pair<'_>> {
    map.iter().map(|(key, value)| Pair { key, value }).collect()
}

/// An experiment.
#[derive(Serialize, ToSchema)]
pub(crate) struct Experiment<'a> {
    experiment_id: String,
    name: &'a str,
    artifact_location: String,
    lifecycle_stage: &'static str,
    last_update_time: i64,
    creation_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
}

/// The experiment's tag for an artifact location set by a user. It is hidden from clients.
pub(crate) use tracklite::ARTIFACT_LOCATION_TAG as LOCATION_TAG;

pub(crate) fn experiment(info: &ExperimentInfo, location: String) -> Experiment<'_> {
    let tags = info.tags.iter().filter(|(key, _)| *key != LOCATION_TAG);
    Experiment {
        experiment_id: info.id.to_string(),
        name: &info.path,
        artifact_location: location,
        lifecycle_stage: info.lifecycle.as_str(),
        last_update_time: info.updated.as_millis(),
        creation_time: info.created.as_millis(),
        tags: tags.map(|(key, value)| Pair { key, value }).collect(),
    }
}

/// A run with its data, inputs and outputs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Run<'a> {
    info: Info<'a>,
    data: Data<'a>,
    inputs: Inputs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Outputs<'a>>,
}

/// A run without its data.
#[derive(Serialize, ToSchema)]
pub(crate) struct Info<'a> {
    run_uuid: String,
    experiment_id: String,
    run_name: &'a str,
    user_id: &'a str,
    status: &'static str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: String,
    lifecycle_stage: &'static str,
    run_id: String,
}

/// Latest metrics, params and tags of a run.
#[derive(Serialize, ToSchema)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
}

/// A value of a metric.
#[derive(Serialize, ToSchema)]
pub(crate) struct Metric<'a> {
    key: &'a str,
    value: Real,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
}

pub(crate) fn metric<'a>(key: &'a str, point: &MetricPoint) -> Metric<'a> {
    Metric {
        key,
        value: Real(point.value),
        timestamp: point.time.as_millis(),
        step: point.step,
        dataset_name: None,
        dataset_digest: None,
        model_id: None,
        run_id: None,
    }
}

/// The inputs of a run.
#[derive(Serialize, ToSchema)]
struct Inputs<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<Input<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<ModelInput<'a>>,
}

/// A dataset that a run used.
#[derive(Serialize, ToSchema)]
struct Input<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    dataset: Dataset<'a>,
}

/// A dataset.
#[derive(Serialize, ToSchema)]
struct Dataset<'a> {
    name: &'a str,
    digest: &'a str,
    source_type: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
}

/// A logged model that a run used.
#[derive(Serialize, ToSchema)]
struct ModelInput<'a> {
    model_id: &'a str,
}

/// The outputs of a run.
#[derive(Serialize, ToSchema)]
struct Outputs<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_outputs: Vec<Output<'a>>,
}

/// A logged model that a run made.
#[derive(Serialize, ToSchema)]
struct Output<'a> {
    model_id: &'a str,
    step: i64,
}

/// Converts a run. Pages of runs have no input models, as in MLflow.
pub(crate) fn run<'a>(record: &'a RunRecord, location: &str, with_model_inputs: bool) -> Run<'a> {
    let models = record.model_inputs.iter().filter(|_| with_model_inputs);
    let outputs = record.model_outputs.iter();
    Run {
        info: info(&record.info, location),
        data: Data {
            metrics: record.metrics.iter().map(|(key, point)| metric(key, point)).collect(),
            params: pairs(&record.params),
            tags: pairs(&record.tags),
        },
        inputs: Inputs {
            dataset_inputs: record.datasets.iter().map(input).collect(),
            model_inputs: models.map(|model_id| ModelInput { model_id }).collect(),
        },
        outputs: Some(Outputs {
            model_outputs: outputs
                .map(|ModelOutput { model, step, .. }| Output { model_id: model, step: *step })
                .collect(),
        }),
    }
}

/// Converts a run that was just created. It has no outputs yet, and MLflow leaves them out.
pub(crate) fn new_run<'a>(record: &'a RunRecord, location: &str) -> Run<'a> {
    Run { outputs: None, ..run(record, location, true) }
}

pub(crate) fn info<'a>(info: &'a RunInfo, location: &str) -> Info<'a> {
    let id = info.id.to_string();
    Info {
        experiment_id: info.experiment.to_string(),
        run_name: &info.name,
        user_id: &info.user,
        status: info.status.as_str(),
        start_time: info.started.as_millis(),
        end_time: info.ended.map(tracklite::Timestamp::as_millis),
        artifact_uri: run_artifacts(location, info.id),
        lifecycle_stage: info.lifecycle.as_str(),
        run_uuid: id.clone(),
        run_id: id,
    }
}

/// Returns the address of a run's artifacts, from that of its experiment.
pub(crate) fn run_artifacts(location: &str, id: RunId) -> String {
    format!("{}/{id}/artifacts", location.trim_end_matches('/'))
}

fn input(input: &DatasetInput) -> Input<'_> {
    let dataset = &input.dataset;
    Input {
        tags: pairs(&input.tags),
        dataset: Dataset {
            name: &dataset.name,
            digest: &dataset.digest,
            source_type: &dataset.source_type,
            source: &dataset.source,
            schema: dataset.schema.as_deref(),
            profile: dataset.profile.as_deref(),
        },
    }
}

/// A logged model.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoggedModel<'a> {
    info: ModelInfo<'a>,
    data: ModelData<'a>,
}

/// A logged model without its data.
#[derive(Serialize, ToSchema)]
struct ModelInfo<'a> {
    model_id: String,
    experiment_id: String,
    name: &'a str,
    creation_timestamp_ms: i64,
    last_updated_timestamp_ms: i64,
    artifact_uri: String,
    status: &'static str,
    model_type: &'a str,
    source_run_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
}

/// Params and metrics of a logged model.
#[derive(Serialize, ToSchema)]
struct ModelData<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric<'a>>,
}

pub(crate) fn logged_model(info: &LoggedModelInfo, artifact_uri: String) -> LoggedModel<'_> {
    let id = info.id.to_string();
    let mut metrics: Vec<&LoggedModelMetric> = Vec::new();
    for metric in &info.metrics {
        // MLflow keeps exact duplicates once.
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    LoggedModel {
        data: ModelData {
            params: pairs(&info.params),
            metrics: metrics.into_iter().map(|metric| model_metric(&id, metric)).collect(),
        },
        info: ModelInfo {
            model_id: id,
            experiment_id: info.experiment.to_string(),
            name: &info.name,
            creation_timestamp_ms: info.created.as_millis(),
            last_updated_timestamp_ms: info.updated.as_millis(),
            artifact_uri,
            status: status_word(info.status),
            model_type: info.model_type.as_deref().unwrap_or_default(),
            source_run_id: info.source_run.as_deref().unwrap_or_default(),
            status_message: info.status_message.as_deref(),
            tags: pairs(&info.tags),
        },
    }
}

fn model_metric<'a>(model: &str, metric: &'a LoggedModelMetric) -> Metric<'a> {
    Metric {
        key: &metric.key,
        value: Real(metric.value),
        timestamp: metric.time.as_millis(),
        step: metric.step,
        dataset_name: metric.dataset.as_ref().map(|(name, _)| name.as_str()),
        dataset_digest: metric.dataset.as_ref().map(|(_, digest)| digest.as_str()),
        model_id: Some(model.to_owned()),
        run_id: metric.run.as_ref().map(ToString::to_string),
    }
}

/// The words of MLflow's enum, in the order of their numbers.
pub(crate) const STATUS_WORDS: [(&str, LoggedModelStatus); 4] = [
    ("LOGGED_MODEL_STATUS_UNSPECIFIED", LoggedModelStatus::Unspecified),
    ("LOGGED_MODEL_PENDING", LoggedModelStatus::Pending),
    ("LOGGED_MODEL_READY", LoggedModelStatus::Ready),
    ("LOGGED_MODEL_UPLOAD_FAILED", LoggedModelStatus::Failed),
];

fn status_word(status: LoggedModelStatus) -> &'static str {
    let found = STATUS_WORDS.iter().find(|(_, known)| *known == status);
    found.map_or("LOGGED_MODEL_STATUS_UNSPECIFIED", |(word, _)| word)
}

//! The types of MLflow's GraphQL schema that its web page uses.

/// A type: its name, and its fields by their names in the REST API.
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) fields: &'static [(&'static str, Kind)],
}

/// The type of a field.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A text, number or flag, as it is.
    Plain,
    /// A list of these.
    Plains,
    /// A whole number, which becomes a text.
    Long,
    /// A number. NaN becomes null.
    Real,
    One(&'static Type),
    List(&'static Type),
    /// The experiment of a run.
    ExperimentOfRun,
    /// The model versions of a run.
    VersionsOfRun,
}

use Kind::{ExperimentOfRun, List, Long, One, Plain, Plains, Real, VersionsOfRun};

/// A field of the root: a call of the REST API.
pub(super) struct Root {
    /// The name in GraphQL.
    pub(super) name: &'static str,
    /// The path in the REST API.
    pub(super) path: &'static str,
    pub(super) returns: &'static Type,
}

pub(super) const ROOTS: &[Root] = &[
    Root { name: "mlflowGetRun", path: "/2.0/mlflow/runs/get", returns: &RUN_ANSWER },
    Root { name: "mlflowSearchRuns", path: "/2.0/mlflow/runs/search", returns: &RUN_PAGE },
    Root {
        name: "mlflowGetExperiment",
        path: "/2.0/mlflow/experiments/get",
        returns: &EXPERIMENT_ANSWER,
    },
    Root {
        name: "mlflowGetMetricHistoryBulkInterval",
        path: "/2.0/mlflow/metrics/get-history-bulk-interval",
        returns: &HISTORIES,
    },
    Root { name: "mlflowListArtifacts", path: "/2.0/mlflow/artifacts/list", returns: &FILES },
    Root {
        name: "mlflowSearchModelVersions",
        path: "/2.0/mlflow/model-versions/search",
        returns: &VERSIONS,
    },
];

static API_ERROR: Type =
    Type { name: "ApiError", fields: &[("code", Plain), ("message", Plain), ("help_url", Plain)] };

static RUN_ANSWER: Type = Type {
    name: "MlflowGetRunResponse",
    fields: &[("run", One(&RUN)), ("apiError", One(&API_ERROR))],
};

static RUN_PAGE: Type = Type {
    name: "MlflowSearchRunsResponse",
    fields: &[("runs", List(&RUN)), ("next_page_token", Plain), ("apiError", One(&API_ERROR))],
};

static RUN: Type = Type {
    name: "MlflowRunExtension",
    fields: &[
        ("info", One(&RUN_INFO)),
        ("data", One(&RUN_DATA)),
        ("inputs", One(&RUN_INPUTS)),
        ("outputs", One(&RUN_OUTPUTS)),
        ("experiment", ExperimentOfRun),
        ("model_versions", VersionsOfRun),
    ],
};

static RUN_INFO: Type = Type {
    name: "MlflowRunInfo",
    fields: &[
        ("run_id", Plain),
        ("run_uuid", Plain),
        ("run_name", Plain),
        ("experiment_id", Plain),
        ("user_id", Plain),
        ("status", Plain),
        ("start_time", Long),
        ("end_time", Long),
        ("artifact_uri", Plain),
        ("lifecycle_stage", Plain),
    ],
};

static RUN_DATA: Type = Type {
    name: "MlflowRunData",
    fields: &[("metrics", List(&METRIC)), ("params", List(&PARAM)), ("tags", List(&RUN_TAG))],
};

static METRIC: Type = Type {
    name: "MlflowMetricExtension",
    fields: &[
        ("key", Plain),
        ("value", Real),
        ("timestamp", Long),
        ("step", Long),
        ("dataset_name", Plain),
        ("dataset_digest", Plain),
        ("model_id", Plain),
        ("run_id", Plain),
    ],
};

const PAIR: &[(&str, Kind)] = &[("key", Plain), ("value", Plain)];

static PARAM: Type = Type { name: "MlflowParam", fields: PAIR };
static RUN_TAG: Type = Type { name: "MlflowRunTag", fields: PAIR };
static INPUT_TAG: Type = Type { name: "MlflowInputTag", fields: PAIR };
static EXPERIMENT_TAG: Type = Type { name: "MlflowExperimentTag", fields: PAIR };
static VERSION_TAG: Type = Type { name: "MlflowModelVersionTag", fields: PAIR };

static RUN_INPUTS: Type = Type {
    name: "MlflowRunInputs",
    fields: &[("dataset_inputs", List(&DATASET_INPUT)), ("model_inputs", List(&MODEL_INPUT))],
};

static DATASET_INPUT: Type = Type {
    name: "MlflowDatasetInput",
    fields: &[("tags", List(&INPUT_TAG)), ("dataset", One(&DATASET))],
};

static DATASET: Type = Type {
    name: "MlflowDataset",
    fields: &[
        ("name", Plain),
        ("digest", Plain),
        ("source_type", Plain),
        ("source", Plain),
        ("schema", Plain),
        ("profile", Plain),
    ],
};

static MODEL_INPUT: Type = Type { name: "MlflowModelInput", fields: &[("model_id", Plain)] };

static RUN_OUTPUTS: Type =
    Type { name: "MlflowRunOutputs", fields: &[("model_outputs", List(&MODEL_OUTPUT))] };

static MODEL_OUTPUT: Type =
    Type { name: "MlflowModelOutput", fields: &[("model_id", Plain), ("step", Long)] };

static EXPERIMENT_ANSWER: Type = Type {
    name: "MlflowGetExperimentResponse",
    fields: &[("experiment", One(&EXPERIMENT)), ("apiError", One(&API_ERROR))],
};

pub(super) static EXPERIMENT: Type = Type {
    name: "MlflowExperiment",
    fields: &[
        ("experiment_id", Plain),
        ("name", Plain),
        ("artifact_location", Plain),
        ("lifecycle_stage", Plain),
        ("last_update_time", Long),
        ("creation_time", Long),
        ("tags", List(&EXPERIMENT_TAG)),
        ("effective_trace_archival_retention", Plain),
        ("workspace", Plain),
    ],
};

static HISTORIES: Type = Type {
    name: "MlflowGetMetricHistoryBulkIntervalResponse",
    fields: &[("metrics", List(&METRIC_OF_RUN)), ("apiError", One(&API_ERROR))],
};

static METRIC_OF_RUN: Type = Type {
    name: "MlflowMetricWithRunId",
    fields: &[
        ("key", Plain),
        ("value", Real),
        ("timestamp", Long),
        ("step", Long),
        ("run_id", Plain),
    ],
};

static FILES: Type = Type {
    name: "MlflowListArtifactsResponse",
    fields: &[
        ("root_uri", Plain),
        ("files", List(&FILE)),
        ("next_page_token", Plain),
        ("apiError", One(&API_ERROR)),
    ],
};

static FILE: Type = Type {
    name: "MlflowFileInfo",
    fields: &[("path", Plain), ("is_dir", Plain), ("file_size", Long)],
};

static VERSIONS: Type = Type {
    name: "MlflowSearchModelVersionsResponse",
    fields: &[
        ("model_versions", List(&VERSION)),
        ("next_page_token", Plain),
        ("apiError", One(&API_ERROR)),
    ],
};

pub(super) static VERSION: Type = Type {
    name: "MlflowModelVersion",
    fields: &[
        ("name", Plain),
        ("version", Plain),
        ("creation_timestamp", Long),
        ("last_updated_timestamp", Long),
        ("user_id", Plain),
        ("current_stage", Plain),
        ("description", Plain),
        ("source", Plain),
        ("run_id", Plain),
        ("status", Plain),
        ("status_message", Plain),
        ("tags", List(&VERSION_TAG)),
        ("run_link", Plain),
        ("aliases", Plains),
        ("model_id", Plain),
    ],
};

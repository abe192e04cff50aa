//! Plain data types without I/O: experiments, runs, metrics, models and more.

pub(crate) mod artifact_path;
pub(crate) mod average;
pub(crate) mod bucket;
pub(crate) mod excerpt;
pub(crate) mod id;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod model_uri;
pub(crate) mod names;
pub(crate) mod nearest;
pub(crate) mod reserved;
pub(crate) mod signature;
pub(crate) mod table;
pub(crate) mod wording;

mod artifact;
mod artifact_address;
mod artifact_places;
mod changes;
mod dataset;
mod deleted;
mod endpoint;
mod endpoint_check;
mod endpoint_settings;
mod experiment;
mod instant;
mod job;
mod job_events;
mod job_notice;
mod job_rights;
mod job_settings;
mod lineage;
mod lineage_layout;
mod logged_model;
mod metric;
mod metric_goals;
mod registry;
mod run;
mod stored_table;
mod tag;
mod token;
mod view;
mod webhook;

pub use self::artifact::{ArtifactInfo, ArtifactOwner, ContentHash};
pub(crate) use self::artifact_places::{ArtifactPlaces, below};
pub use self::changes::{ChangeCursor, Changes};
pub use self::dataset::{Dataset, DatasetInput, DatasetSummary, ModelOutput, RunInputs};
pub use self::deleted::Deleted;
pub(crate) use self::endpoint::EndpointChange;
pub use self::endpoint::{
    EndpointConfig, EndpointId, EndpointInfo, EndpointLimits, EndpointRoute, EndpointSize,
    EndpointState, ServedEntity, ServingLane,
};
pub(crate) use self::endpoint_check::{check_config, check_endpoint_name, default_entity_name};
pub use self::endpoint_settings::{
    EndpointCapture, EndpointGrant, EndpointLevel, EndpointPrincipal, EndpointRateLimit, RateScope,
};
pub(crate) use self::endpoint_settings::{check_capture, check_grants, check_rate_limits};
pub use self::experiment::{ExperimentFolder, ExperimentInfo};
pub(crate) use self::job::JobChange;
pub use self::job::{
    JobAttempt, JobAttemptEnd, JobId, JobInfo, JobOutput, JobRepair, JobResult, JobRunEnd,
    JobRunId, JobRunInfo, JobTrigger,
};
pub use self::job_events::{
    FileArrivalEvent, JobContinuous, JobCron, JobEvents, ModelEvent, PeriodicEvent, TableEvent,
};
pub use self::job_notice::JobEvent;
pub use self::job_rights::{JobGrant, JobLevel};
pub(crate) use self::job_rights::{check_job_grants, job_grants_from_json, job_grants_to_json};
pub use self::job_settings::{
    CommandWork, ConditionWork, ForEachWork, JobDependency, JobEmails, JobExtras, JobHealth,
    JobHealthRule, JobNotifications, JobParameter, JobQueue, JobQuiet, JobReceiver, JobSettings,
    JobTask, JobWork, NotebookWork, PythonFileWork, PythonWheelWork, RegisterWork, RunJobWork,
    SparkSubmitWork,
};
pub use self::lineage::{LineageDirection, LineageEdge, LineageGraph, LineageKind, LineageNode};
pub use self::lineage_layout::LineagePlace;
pub use self::logged_model::{LoggedModelInfo, LoggedModelMetric, LoggedModelStatus};
pub use self::metric::{MetricGoal, MetricHistory, MetricPoint, MetricStatistics};
pub use self::metric_goals::{GOAL_TAG_PREFIX, MetricGoals};
pub use self::registry::{
    CatalogInfo, ModelStage, ModelVersionInfo, ModelVersionStatus, RegisteredModelInfo,
    RegistryMode, SchemaInfo,
};
pub use self::run::{Lifecycle, RunInfo, RunRecord, RunStatus};
pub(crate) use self::stored_table::HIDDEN;
pub use self::stored_table::{
    ColumnType, TableColumn, TableId, TableInfo, TableState, TableWrite, WriteMode,
};
pub use self::tag::ARTIFACT_LOCATION_TAG;
pub(crate) use self::tag::{DATA_CONTEXT_TAG, PARENT_RUN_TAG, RUN_NAME_TAG};
pub use self::token::{TokenId, TokenInfo, TokenScope};
pub use self::view::SavedView;
pub(crate) use self::view::{ViewChange, check_view_name};
pub use self::webhook::{
    WebhookAction, WebhookEntity, WebhookEvent, WebhookId, WebhookInfo, WebhookStatus,
};

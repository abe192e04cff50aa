//! When jobs run: by a schedule, without end, or at events.

use serde::Deserialize;

/// A schedule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobCron {
    /// The Quartz expression.
    pub quartz_cron_expression: String,
    /// The time zone.
    pub timezone_id: String,
    /// `PAUSED` or `UNPAUSED`.
    pub pause_status: Option<String>,
}

/// A job that runs without end.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobContinuous {
    /// `PAUSED` or `UNPAUSED`.
    pub pause_status: Option<String>,
}

/// Events at which a job runs: one of these.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct JobEvents {
    /// `PAUSED` or `UNPAUSED`.
    pub pause_status: Option<String>,
    /// An interval.
    pub periodic: Option<PeriodicEvent>,
    /// Files that arrive.
    pub file_arrival: Option<FileArrivalEvent>,
    /// Changes of the registry.
    pub model: Option<ModelEvent>,
    /// Rows that are written to tables.
    pub table_update: Option<TableEvent>,
}

/// An interval.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PeriodicEvent {
    /// The number of units.
    pub interval: u64,
    /// `MINUTES`, `HOURS`, `DAYS` or `WEEKS`.
    pub unit: String,
}

/// Files that arrive in a folder.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FileArrivalEvent {
    /// The folder, below that of the workspace.
    pub url: String,
    /// The shortest time between two runs, in seconds.
    pub min_time_between_triggers_seconds: u64,
    /// The time without a change before a run, in seconds.
    pub wait_after_last_change_seconds: u64,
}

/// Changes of the registry.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ModelEvent {
    /// The registered model, or the catalog or schema of models. Empty means all models.
    pub securable_name: String,
    /// `MODEL_CREATED`, `MODEL_VERSION_READY` or `MODEL_ALIAS_SET`.
    pub condition: String,
    /// The aliases that count. None means all.
    pub aliases: Vec<String>,
    /// The shortest time between two runs, in seconds.
    pub min_time_between_triggers_seconds: u64,
    /// The time without a change before a run, in seconds.
    pub wait_after_last_change_seconds: u64,
}

/// Rows that are written to tables.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TableEvent {
    /// The full names of the tables.
    pub table_names: Vec<String>,
    /// `ANY_UPDATED` (the default) or `ALL_UPDATED`.
    pub condition: Option<String>,
    /// The shortest time between two runs, in seconds.
    pub min_time_between_triggers_seconds: u64,
    /// The time without a change before a run, in seconds.
    pub wait_after_last_change_seconds: u64,
}

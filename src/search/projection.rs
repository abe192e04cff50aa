//! Column selection: parses the names of columns in a table of runs.

use super::runs::MetricStatistic;
use crate::entity::nearest::nearest;
use crate::error::{Error, ErrorKind, Result};

/// A column of a table of runs, or all columns of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunColumn {
    /// An attribute, which every run has.
    Attribute(RunAttribute),
    /// The latest value of the metric with this key.
    Metric(String),
    /// A statistic over all points of the metric with this key.
    Statistic(MetricStatistic, String),
    /// The param with this key.
    Param(String),
    /// The tag with this key.
    Tag(String),
    /// `metrics.*`
    AllMetrics,
    /// `params.*`
    AllParams,
    /// `tags.*`
    AllTags,
}

/// A field that every run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAttribute {
    /// `run_id`
    RunId,
    /// `run_name`
    RunName,
    /// `experiment_id`
    ExperimentId,
    /// `status`
    Status,
    /// `artifact_uri`
    ArtifactUri,
    /// `start_time`
    StartTime,
    /// `end_time`
    EndTime,
    /// `user_id`
    UserId,
    /// `lifecycle_stage`
    LifecycleStage,
    /// `parent_run_id`
    ParentRunId,
}

impl RunAttribute {
    /// All attributes. The first seven are MLflow's columns in MLflow's order, with `run_name`
    /// added after `run_id`.
    pub const ALL: [RunAttribute; 10] = [
        RunAttribute::RunId,
        RunAttribute::RunName,
        RunAttribute::ExperimentId,
        RunAttribute::Status,
        RunAttribute::ArtifactUri,
        RunAttribute::StartTime,
        RunAttribute::EndTime,
        RunAttribute::UserId,
        RunAttribute::LifecycleStage,
        RunAttribute::ParentRunId,
    ];
    /// How many attributes the default columns include.
    const USUAL: usize = 7;

    /// Returns the column's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RunAttribute::RunId => "run_id",
            RunAttribute::RunName => "run_name",
            RunAttribute::ExperimentId => "experiment_id",
            RunAttribute::Status => "status",
            RunAttribute::ArtifactUri => "artifact_uri",
            RunAttribute::StartTime => "start_time",
            RunAttribute::EndTime => "end_time",
            RunAttribute::UserId => "user_id",
            RunAttribute::LifecycleStage => "lifecycle_stage",
            RunAttribute::ParentRunId => "parent_run_id",
        }
    }
}

impl RunColumn {
    /// Returns the default columns: MLflow's, with `run_name` added after `run_id`.
    #[must_use]
    pub fn usual() -> Vec<RunColumn> {
        let attributes = RunAttribute::ALL.into_iter().take(RunAttribute::USUAL);
        let all = [RunColumn::AllMetrics, RunColumn::AllParams, RunColumn::AllTags];
        attributes.map(RunColumn::Attribute).chain(all).collect()
    }

    /// Parses the name of a column: an attribute, `metrics.KEY`, `params.KEY`, `tags.KEY`, or a
    /// statistic such as `min.KEY`.
    ///
    /// `*` as the key selects all keys. The key is everything after the first dot, unquoted.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if there is no such column.
    pub fn parse(text: &str) -> Result<RunColumn> {
        let attribute = RunAttribute::ALL.into_iter().find(|attribute| attribute.name() == text);
        if let Some(attribute) = attribute {
            return Ok(RunColumn::Attribute(attribute));
        }
        match text.split_once('.') {
            Some(("metrics", "*")) => Ok(RunColumn::AllMetrics),
            Some(("params", "*")) => Ok(RunColumn::AllParams),
            Some(("tags", "*")) => Ok(RunColumn::AllTags),
            Some(("metrics", key)) if !key.is_empty() => Ok(RunColumn::Metric(key.to_owned())),
            Some(("params", key)) if !key.is_empty() => Ok(RunColumn::Param(key.to_owned())),
            Some(("tags", key)) if !key.is_empty() => Ok(RunColumn::Tag(key.to_owned())),
            Some((prefix, key)) if !key.is_empty() => match MetricStatistic::named(prefix) {
                Some(statistic) => Ok(RunColumn::Statistic(statistic, key.to_owned())),
                None => Err(unknown(text)),
            },
            _ => Err(unknown(text)),
        }
    }
}

fn unknown(text: &str) -> Error {
    let meant = match text.split_once('.') {
        Some((prefix, key)) => {
            nearest(prefix, ["metrics", "params", "tags"]).map(|prefix| format!("{prefix}.{key}"))
        }
        None => nearest(text, RunAttribute::ALL.map(RunAttribute::name)).map(str::to_owned),
    };
    let hint = match meant {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => {
            let names = RunAttribute::ALL.map(RunAttribute::name).join(", ");
            format!("expected {names}, metrics.KEY, params.KEY or tags.KEY")
        }
    };
    Error::new(ErrorKind::InvalidInput, format!("unknown column {text:?}: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_names_parse_as_they_are_printed() {
        let read = |text| RunColumn::parse(text).unwrap();
        for attribute in RunAttribute::ALL {
            assert_eq!(read(attribute.name()), RunColumn::Attribute(attribute));
        }
        assert_eq!(read("metrics.val/loss.mean"), RunColumn::Metric("val/loss.mean".into()));
        assert_eq!(read("params.a b"), RunColumn::Param("a b".into()));
        assert_eq!(read("tags.mlflow.user"), RunColumn::Tag("mlflow.user".into()));
        assert_eq!(read("metrics.*"), RunColumn::AllMetrics);
    }

    #[test]
    fn an_unknown_column_is_refused_with_a_suggestion() {
        let refused = |text: &str| {
            let error = RunColumn::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            error.to_string()
        };
        assert!(refused("run_nam").contains("\"run_name\""));
        assert!(refused("metrcs.loss").contains("\"metrics.loss\""));
        assert!(refused("loss").contains("metrics.KEY"));
        for bad in ["", ".", "metrics.", "metrics", "Metrics.loss", "params"] {
            refused(bad);
        }
    }
}

//! What users see: experiments, runs and metrics as plain data, without I/O.

mod experiment;
mod metric;
mod run;
mod tag;

pub use self::experiment::ExperimentInfo;
pub use self::metric::{MetricHistory, MetricPoint, MetricStatistics};
pub use self::run::{Lifecycle, RunInfo, RunRecord, RunStatus};
pub(crate) use self::tag::{PARENT_RUN_TAG, RUN_NAME_TAG};

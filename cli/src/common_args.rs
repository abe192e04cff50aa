//! Arguments that many commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct FileArg {
    /// Tracklite file
    #[arg(id = "file", value_name = "FILE")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct JsonFlag {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ExperimentArg {
    /// Only runs of this experiment, for example /Shared/team/churn
    #[arg(id = "experiment", long, short, value_name = "PATH")]
    pub(crate) path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeletedFlag {
    /// Include deleted ones
    #[arg(long)]
    pub(crate) deleted: bool,
}

/// Selects runs beside a filter.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// Order runs by a field, for example metrics.loss or 'start_time DESC'; repeat it to order
    /// equal ones
    #[arg(long, value_name = "FIELD [DESC]")]
    pub(crate) order: Vec<String>,
    #[command(flatten)]
    pub(crate) experiment: ExperimentArg,
    #[command(flatten)]
    pub(crate) view: DeletedFlag,
    /// Select at most N runs
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
}

/// A format of tables for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// CSV with a line of names; missing values are empty
    Csv,
    /// JSON lines: an object for each row
    #[value(alias = "ndjson")]
    Jsonl,
    /// Parquet, compressed with zstd; needs a build with the feature polars
    Parquet,
    /// Arrow IPC file, also called Feather; needs a build with the feature polars
    #[value(aliases = ["ipc", "feather"])]
    Arrow,
}

//! The command line and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::endpoint_args::EndpointsCommand;
use crate::importance_args::ImportanceArgs;
use crate::jobs::JobsCommand;
#[cfg(feature = "serve")]
use crate::report::ReportArgs;
#[cfg(feature = "serve")]
use crate::serve_args::{RunCommandArgs, ServeArgs, UiArgs};
use crate::tables_args::TablesCommand;
use crate::token::TokenCommand;
use crate::view::ViewCommand;

pub(crate) use crate::common_args::{
    DeletedFlag, ExperimentArg, ExportFormat, FileArg, FileArgs, JsonFlag, SelectionArgs,
};

const EXIT_CODES: &str = "Exit codes:
  0  success, also if the reader closes the pipe (tracklite dump FILE | head)
  1  the command failed; standard error has the reason
  2  invalid command line
  3  verify found damage

A RUN is the id of a run or the start of an id that fits only one run.
JSON uses MLflow's names and units (times in milliseconds since 1970). Numbers that JSON does not
have are the strings \"NaN\", \"Infinity\" and \"-Infinity\".";

/// Inspect, query and maintain a tracklite file
#[derive(Debug, Parser)]
#[command(name = "tracklite", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what the file holds, its size and its writers
    Info(FileArgs),
    /// List experiments
    Experiments(ExperimentsArgs),
    /// List runs, newest first
    Runs(RunsArgs),
    /// Find runs with a filter, for example: search FILE 'metrics.loss < 0.1' --order metrics.loss
    Search(SearchArgs),
    /// Show everything about a run
    Show(RunArgs),
    /// Compare runs: a column for each run, a line for each difference
    Compare(CompareArgs),
    /// Plot a metric of a run, or print its points
    Metrics(MetricsArgs),
    /// Rank params by how much they matter for a metric
    Importance(ImportanceArgs),
    /// List, show and change registered models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Trace a table, run, model or endpoint to its sources and to what was made from it
    Lineage(LineageArgs),
    /// Run a read-only SQL query over runs, params, tags and latest metrics
    Sql(SqlArgs),
    /// Export runs, points, params, tags or datasets as CSV, JSON lines, Parquet or Arrow IPC
    Export(ExportArgs),
    /// Print each frame and record of the metadata, to investigate a problem
    Dump(FileArgs),
    /// Read the whole file and report each damage; exit with 3 if there is any
    Verify(VerifyArgs),
    /// Copy the file, even while it is being written
    Backup(BackupArgs),
    /// Rewrite the file without unused space; no other process may have it open for writing
    Vacuum(FileArgs),
    /// Remove deleted runs and experiments permanently and free their space
    Gc(FileArgs),
    /// Mark a run as deleted; `restore` undoes this until `gc` removes the run
    Delete(RunArgs),
    /// Restore a deleted run
    Restore(RunArgs),
    /// List, get, add and remove the files of a run
    #[command(subcommand)]
    Artifacts(ArtifactsCommand),
    /// Create, list and revoke access tokens for a server of the file
    #[command(subcommand)]
    Token(TokenCommand),
    /// List, create, update, show and delete endpoints, which a server answers with models
    #[command(subcommand)]
    Endpoints(EndpointsCommand),
    /// List, show, save and remove views, which a team shares
    #[command(subcommand)]
    View(ViewCommand),
    /// List, read, compact and drop stored tables, such as features
    #[command(subcommand)]
    Tables(TablesCommand),
    /// List, create, run and cancel jobs, and explain their schedules
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Show the file in a web browser
    #[cfg(feature = "serve")]
    Ui(UiArgs),
    /// Write a view into one HTML file, which opens without a server
    #[cfg(feature = "serve")]
    Report(ReportArgs),
    /// Serve the file to browsers, and to clients of MLflow and Databricks
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// Run a command with a server of its own, for programs that are written for Databricks
    #[cfg(feature = "serve")]
    Run(RunCommandArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArg {
    /// Id of the run, or the start of it
    #[arg(id = "run", value_name = "RUN")]
    pub(crate) prefix: String,
}

#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// Order by a field, for example name or 'name DESC'; repeat it to order equal ones
    #[arg(long, short, value_name = "FIELD [DESC]")]
    pub(crate) order: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Print at most N results
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Print the next page: the token is in the output of the previous page (with --json, on
    /// standard error); filter and order must be the same
    #[arg(long, value_name = "TOKEN")]
    pub(crate) page: Option<String>,
}

impl PageArgs {
    /// Returns the token, which is empty for the first page.
    pub(crate) fn token(&self) -> &str {
        self.page.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) run: RunArg,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
#[command(mut_arg("limit", |arg| {
    arg.help("Print at most N experiments [default: 1000, or all with --json]")
}))]
pub(crate) struct ExperimentsArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Filter in MLflow's language over name, experiment_id, creation_time, last_update_time and
    /// tags.KEY, joined by AND
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    #[command(flatten)]
    pub(crate) view: DeletedFlag,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) experiment: ExperimentArg,
    #[command(flatten)]
    pub(crate) view: DeletedFlag,
    /// Print at most N runs
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Columns after id and name, separated by commas: status, experiment, age, duration, started,
    /// ended, user, parent, or the key of a metric, param or tag (metrics.KEY, params.KEY or
    /// tags.KEY if the key is ambiguous)
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',', conflicts_with = "json")]
    pub(crate) columns: Option<Vec<String>>,
    /// Sort by a column, smallest first; largest first with a minus sign before it
    #[arg(long, short, value_name = "[-]COLUMN", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
#[command(mut_arg("limit", |arg| {
    arg.help("Print at most N runs [default: 100, or all with --json]")
}))]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Filter in MLflow's language over metrics.KEY, params.KEY, tags.KEY, run_id, run_name,
    /// status, user_id, start_time and end_time, joined by AND
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    #[command(flatten)]
    pub(crate) experiment: ExperimentArg,
    #[command(flatten)]
    pub(crate) view: DeletedFlag,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    /// Columns after id and name, as in the command runs; of groups: metrics.KEY, min.KEY and more
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',', conflicts_with = "json")]
    pub(crate) columns: Option<Vec<String>>,
    /// Print runs with equal values as one line: fields such as params.rate, or auto for all params
    /// that differ, without seeds. Numbers are mean ± standard deviation
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', conflicts_with = "page")]
    pub(crate) group_by: Vec<String>,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Ids of at least two runs, or the starts of them; or select runs with --filter, --order,
    /// --experiment and -n
    #[arg(value_name = "RUN", conflicts_with_all = ["filter", "order", "experiment", "limit"],
          required_unless_present_any = ["filter", "order", "experiment", "limit"])]
    pub(crate) runs: Vec<String>,
    /// Compare the runs that match this filter, 8 of them unless -n is given
    #[arg(long, short, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Include values that do not differ
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Include tags that MLflow sets (mlflow.source.name ...)
    #[arg(long)]
    pub(crate) tags: bool,
    /// Print how the uncommitted code of each run differs from that of the first
    #[arg(long, conflicts_with = "json")]
    pub(crate) code: bool,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Key of the metric
    pub(crate) key: String,
    /// Print the points as CSV: step,time,value
    #[arg(long, conflicts_with = "json")]
    pub(crate) points: bool,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
    /// Width of the plot in columns, including labels [default: width of the terminal, or 80]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(20..))]
    pub(crate) width: Option<u16>,
    /// Height of the curve in lines
    #[arg(long, value_name = "LINES", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(3..=1000))]
    pub(crate) height: u16,
    /// Use a logarithmic axis of values
    #[arg(long)]
    pub(crate) log_y: bool,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// SELECT statement in SQLite's dialect over the tables runs and experiments and the views
    /// run_params, run_tags and run_metrics (run_id, key, value). Times are nanoseconds since
    /// 1970. run_metrics may lack the newest points of live runs, which `runs` and `show` have
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Also write everything that is intact to a new file
    #[arg(long, value_name = "OUT")]
    pub(crate) salvage: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Path of the copy, which must not exist yet
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportTable {
    /// Runs, one per row, with latest metrics, params and tags
    Runs,
    /// Points of metrics: run_id, key, step, timestamp, value
    Metrics,
    /// Params: run_id, key, value
    Params,
    /// Tags: run_id, key, value
    Tags,
    /// Input datasets of runs
    Datasets,
}

const EXPORT_FORMATS: &str = "Values in CSV and JSON lines:
  times    2026-01-31T18:05:09.000000001Z
  numbers  the shortest text that reads back as the same number; NaN, Infinity and -Infinity
           (strings in JSON)
  missing  null in JSON; nothing in CSV, where an empty text is \"\"";

#[derive(Debug, Args)]
#[command(after_help = EXPORT_FORMATS)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Table to export
    #[arg(value_enum, value_name = "TABLE")]
    pub(crate) table: ExportTable,
    /// Filter for runs in MLflow's language [default: all active runs]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Columns of runs: run_id, run_name, experiment_id, status, artifact_uri, start_time,
    /// end_time, user_id, lifecycle_stage, parent_run_id, metrics.KEY, params.KEY, tags.KEY, or
    /// metrics.* and so on; also name, user, started, ended and parent [default: the first seven,
    /// metrics.*, params.*, tags.*]
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// Keys of metrics [default: all]
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',')]
    pub(crate) keys: Option<Vec<String>>,
    /// Format [default: from the extension of the file, or csv on standard output]
    #[arg(long, short, value_enum)]
    pub(crate) format: Option<ExportFormat>,
    /// Write to this file, which appears only when it is complete [default: standard output]
    #[arg(long, short, value_name = "OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactsCommand {
    /// List a folder of the run's artifacts
    Ls(ArtifactsLsArgs),
    /// Write a file or folder to a local folder, or a file to standard output
    Get(ArtifactsGetArgs),
    /// Log a local file, or everything in a local folder
    Put(ArtifactsPutArgs),
    /// Delete a file or folder; `gc` frees its space
    Rm(ArtifactsRmArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactsLsArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Folder [default: the root]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: String,
    /// List all files below the folder
    #[arg(long, short)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactsGetArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// File or folder [default: everything]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: String,
    /// Local folder to write to, where the artifact keeps its path; - for standard output
    #[arg(long, short, value_name = "FOLDER", default_value = ".")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactsPutArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Local file or folder
    pub(crate) local: PathBuf,
    /// Path of the file, or folder for the files [default: the name of the file, or the root for a
    /// folder]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactsRmArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// File or folder
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List registered models
    Ls(ListModelsArgs),
    /// Show everything about a registered model
    Show(ModelArgs),
    /// Set an alias to a version, or delete the alias
    Alias(AliasArgs),
    /// Copy a version to another model, which is created if it does not exist
    Copy(CopyModelArgs),
}

#[derive(Debug, Args)]
#[command(mut_arg("limit", |arg| arg.help("Print at most N models [default: 100]")))]
pub(crate) struct ListModelsArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Filter in MLflow's language over name and tags.KEY, joined by AND
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Name of the model
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct AliasArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Name of the model
    pub(crate) name: String,
    /// Alias
    pub(crate) alias: String,
    /// Number of the version; without it, the alias is deleted
    pub(crate) version: Option<u64>,
    /// Change the alias only if it is set to this version, or if it does not exist (none)
    #[arg(long, value_name = "VERSION", requires = "version")]
    pub(crate) expect: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CopyModelArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Version to copy, for example models:/churn/3 or models:/churn@champion
    pub(crate) from: String,
    /// Name of the model that gets the copy as a new version
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct LineageArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// models:/NAME/VERSION, models:/NAME@ALIAS, tables:/NAME, endpoints:/NAME, or the id of a
    /// logged model or of a run
    pub(crate) of: String,
    /// Only sources
    #[arg(long, conflicts_with = "downstream")]
    pub(crate) upstream: bool,
    /// Only results
    #[arg(long)]
    pub(crate) downstream: bool,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
    /// Print a Mermaid flowchart
    #[arg(long, conflicts_with_all = ["dot", "json"])]
    pub(crate) mermaid: bool,
    /// Print a graph in Graphviz's DOT language
    #[arg(long, conflicts_with = "json")]
    pub(crate) dot: bool,
}

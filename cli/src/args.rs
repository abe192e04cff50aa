//! What can be asked on the command line, and the help for it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "Exit codes:
  0  done; also when the reader of the output went away (tracklite dump FILE | head)
  1  the command failed; standard error says why
  2  the command line was not understood
  3  verify found damage

A RUN is the id of a run or the beginning of one, as long as it is the only such run.
With --json names and units are MLflow's (times in milliseconds since 1970); values that JSON
cannot tell are the strings \"NaN\", \"Infinity\" and \"-Infinity\".";

/// Looks into a tracklite file, checks it and looks after it.
#[derive(Debug, Parser)]
#[command(name = "tracklite", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// What the file holds, how large it is and who is writing to it
    Info(FileArgs),
    /// The experiments of the file, or those that a filter finds
    Experiments(ExperimentsArgs),
    /// The runs of the file as a table, newest first
    Runs(RunsArgs),
    /// The runs that a filter finds, such as: search FILE 'metrics.loss < 0.1' --order metrics.loss
    Search(SearchArgs),
    /// Everything about one run
    Show(RunArgs),
    /// What differs between runs: a column for each run, a line for each difference
    Compare(CompareArgs),
    /// The history of one metric of one run: a plot and what it amounts to
    Metrics(MetricsArgs),
    /// Registered models, their versions and aliases
    #[command(subcommand)]
    Models(ModelsCommand),
    /// What a dataset, run or model was made of, and what was made of it
    Lineage(LineageArgs),
    /// Answers an SQL query over runs, params, tags and latest metrics; cannot change anything
    Sql(SqlArgs),
    /// Writes runs, points, params, tags or datasets as CSV, JSON lines, Parquet or Arrow IPC
    Export(ExportArgs),
    /// Each frame and record of the file's metadata as text, for finding out what happened
    Dump(DumpArgs),
    /// Reads the whole file and names each damage with its place; exit code 3 when there is any
    Verify(VerifyArgs),
    /// Writes a copy of the file as it is now, also while it is being written to
    Backup(BackupArgs),
    /// Rewrites the file without unused space; nobody else may have it open for writing
    Vacuum(FileArgs),
    /// Removes deleted runs and experiments for good and gives their space back
    Gc(FileArgs),
    /// Marks a run as deleted; `restore` takes that back until `gc` removes it
    Delete(ChangeArgs),
    /// Takes the deletion of a run back
    Restore(ChangeArgs),
    /// The files of a run: lists them, gets them out, puts some in, removes some
    #[command(subcommand)]
    Artifacts(ArtifactsCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum ArtifactsCommand {
    /// What is in a folder of the run's artifacts
    Ls(ArtifactsLsArgs),
    /// Writes an artifact, or a folder of them, to a local folder; or a file to standard output
    Get(ArtifactsGetArgs),
    /// Logs a local file, or all that is in a local folder
    Put(ArtifactsPutArgs),
    /// Deletes an artifact, or a folder of them; `gc` gives its space back
    Rm(ArtifactsRmArgs),
}

#[derive(Debug, Args)]
pub(super) struct ArtifactsLsArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The run's id or the beginning of it
    pub(super) run: String,
    /// The folder [default: the root]
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) path: String,
    /// List all files below it instead of what is directly in it
    #[arg(long, short)]
    pub(super) recursive: bool,
    /// Print JSON: an array of objects
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactsGetArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The run's id or the beginning of it
    pub(super) run: String,
    /// The file or folder [default: all there is]
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) path: String,
    /// The local folder below which it goes, under its own path; - for standard output
    #[arg(long, short, value_name = "FOLDER", default_value = ".")]
    pub(super) to: PathBuf,
    /// Print JSON: where it is now
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactsPutArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The run's id or the beginning of it
    pub(super) run: String,
    /// The local file or folder
    pub(super) local: PathBuf,
    /// The path that a file gets, or the folder in which a folder's files go [default: the name of
    /// the file; the root for a folder]
    pub(super) path: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactsRmArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The run's id or the beginning of it
    pub(super) run: String,
    /// The file or folder
    pub(super) path: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExperimentsArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// What must hold of the experiments, in MLflow's language: name, experiment_id, creation_time,
    /// last_update_time or tags.KEY; joined by AND
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) filter: String,
    /// Order by a field, such as name or 'creation_time DESC'; may be given several times
    /// [default: experiment_id]
    #[arg(long, short, value_name = "FIELD [DESC]")]
    pub(super) order: Vec<String>,
    /// List deleted experiments too
    #[arg(long)]
    pub(super) deleted: bool,
    /// At most so many experiments [default: 1000 in a table, all in JSON]
    #[arg(long, short = 'n', value_name = "N")]
    pub(super) limit: Option<usize>,
    /// The page that the end of the page before names; with the same filter and order
    #[arg(long, value_name = "TOKEN")]
    pub(super) page: Option<String>,
    /// Print JSON: an array of objects; with -n standard error names the next page, if any
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// Only the runs of this experiment, such as /Shared/team/churn
    #[arg(long, short, value_name = "PATH")]
    pub(super) experiment: Option<String>,
    /// List deleted runs too
    #[arg(long)]
    pub(super) deleted: bool,
    /// At most so many runs
    #[arg(long, short = 'n', value_name = "N")]
    pub(super) limit: Option<usize>,
    /// The columns after id and name, separated by commas: status, experiment, age, duration,
    /// started, ended, user, parent, or the key of a metric, a param or a tag
    /// (metrics.KEY, params.KEY or tags.KEY where a key means several)
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',')]
    pub(super) columns: Option<Vec<String>>,
    /// Sort by a column, smallest first; with a minus sign before it greatest first
    #[arg(long, short, value_name = "[-]COLUMN", allow_hyphen_values = true)]
    pub(super) sort: Option<String>,
    /// Print JSON: an array of objects
    #[arg(long, conflicts_with = "columns")]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// What must hold of the runs, in MLflow's language: metrics.KEY, params.KEY, tags.KEY, or
    /// run_id, run_name, status, user_id, start_time, end_time; joined by AND
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) filter: String,
    /// Order by a field, such as metrics.loss or 'start_time DESC'; may be given several times
    #[arg(long, short, value_name = "FIELD [DESC]")]
    pub(super) order: Vec<String>,
    /// Only the runs of this experiment, such as /Shared/team/churn
    #[arg(long, short, value_name = "PATH")]
    pub(super) experiment: Option<String>,
    /// Search deleted runs too
    #[arg(long)]
    pub(super) deleted: bool,
    /// At most so many runs [default: 100 in a table, all in JSON]
    #[arg(long, short = 'n', value_name = "N")]
    pub(super) limit: Option<usize>,
    /// The page that the end of the page before names; with the same filter and order
    #[arg(long, value_name = "TOKEN")]
    pub(super) page: Option<String>,
    /// The columns after id and name, as of the command runs
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',')]
    pub(super) columns: Option<Vec<String>>,
    /// Print JSON: an array of objects; with -n standard error names the next page, if any
    #[arg(long, conflicts_with = "columns")]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The run's id or the beginning of it
    pub(super) run: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The run's id or the beginning of it
    pub(super) run: String,
    /// The metric's key
    pub(super) key: String,
    /// Print the points instead, as CSV: step,time,value
    #[arg(long)]
    pub(super) points: bool,
    /// Print JSON: the statistics and all points
    #[arg(long, conflicts_with = "points")]
    pub(super) json: bool,
    /// The width of the plot in columns, labels included [default: the terminal's, else 80]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(20..))]
    pub(super) width: Option<u16>,
    /// The height of the curve in lines
    #[arg(long, value_name = "LINES", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(3..=1000))]
    pub(super) height: u16,
    /// Make the axis of values logarithmic
    #[arg(long)]
    pub(super) log_y: bool,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub(super) ascii: bool,
}

#[derive(Debug, Args)]
pub(super) struct SqlArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// One SELECT, in SQLite's dialect; runs and experiments are tables, run_params, run_tags and
    /// run_metrics views (key, value and run_id); times are nanoseconds since 1970; run_metrics has
    /// the latest packed point of each metric, while `runs` and `show` know those of live runs too
    pub(super) query: String,
    /// Print JSON: an array with an object for each row
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// Print JSON: an array with an object for each frame
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// Also write a new file there with all that is still good
    #[arg(long, value_name = "OUT")]
    pub(super) salvage: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// Where the copy goes; there must be no such file yet
    pub(super) to: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The run's id or the beginning of it
    pub(super) run: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Which of the runs that a filter finds.
#[derive(Debug, Args)]
pub(super) struct ChoiceArgs {
    /// Order the runs by a field, such as metrics.loss or 'start_time DESC'; may be given several
    /// times
    #[arg(long, value_name = "FIELD [DESC]")]
    pub(super) order: Vec<String>,
    /// Only the runs of this experiment, such as /Shared/team/churn
    #[arg(long, short, value_name = "PATH")]
    pub(super) experiment: Option<String>,
    /// Deleted runs too
    #[arg(long)]
    pub(super) deleted: bool,
    /// At most so many runs
    #[arg(long, short = 'n', value_name = "N")]
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The ids of the runs or the beginnings of them, at least two; or choose runs by --filter,
    /// --order, --experiment and -n
    #[arg(value_name = "RUN", conflicts_with_all = ["filter", "order", "experiment", "limit"],
          required_unless_present_any = ["filter", "order", "experiment", "limit"])]
    pub(super) runs: Vec<String>,
    /// The runs that this finds, in MLflow's language; 8 of them unless -n says otherwise
    #[arg(long, short, value_name = "FILTER")]
    pub(super) filter: Option<String>,
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    /// Show also what does not differ
    #[arg(long, short)]
    pub(super) all: bool,
    /// Show also MLflow's own tags (mlflow.source.name ...)
    #[arg(long)]
    pub(super) tags: bool,
    /// Print JSON: the runs, and for each field the values in their order
    #[arg(long)]
    pub(super) json: bool,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportTable {
    /// The runs, a row for each, with latest metrics, params and tags
    Runs,
    /// The points of metrics: run_id, key, step, timestamp, value
    Metrics,
    /// The params: run_id, key, value
    Params,
    /// The tags: run_id, key, value
    Tags,
    /// The datasets that runs were given
    Datasets,
}

/// As what it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// A line of names and a line for each row; what is missing is nothing
    Csv,
    /// A JSON object on a line for each row
    #[value(alias = "ndjson")]
    Jsonl,
    /// Parquet, packed by zstd; of programs built with the feature parquet
    Parquet,
    /// An Arrow IPC file, also called Feather; of programs built with the feature ipc
    #[value(aliases = ["ipc", "feather"])]
    Arrow,
}

const EXPORT_FORMATS: &str = "In CSV and JSON lines:
  times     2026-01-31T18:05:09.000000001Z
  numbers   the shortest text that reads back as the same number; NaN, Infinity and -Infinity,
            which are strings in JSON
  missing   null in JSON; nothing in CSV, where an empty text is \"\"";

#[derive(Debug, Args)]
#[command(after_help = EXPORT_FORMATS)]
pub(super) struct ExportArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// What is exported
    #[arg(value_enum)]
    pub(super) what: ExportTable,
    /// Of which runs, in MLflow's language; of all active ones when it is left out
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) filter: String,
    #[command(flatten)]
    pub(super) choice: ChoiceArgs,
    /// Of runs, the columns: run_id, run_name, experiment_id, status, artifact_uri, start_time,
    /// end_time, user_id, lifecycle_stage, parent_run_id, metrics.KEY, params.KEY, tags.KEY, or
    /// metrics.* and so on; name, user, started, ended and parent are understood too [default:
    /// the first seven, metrics.*, params.*, tags.*]
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',')]
    pub(super) columns: Option<Vec<String>>,
    /// Of metrics, the keys [default: all]
    #[arg(long, short, value_name = "A,B,C", value_delimiter = ',')]
    pub(super) keys: Option<Vec<String>>,
    /// The format [default: by the name of the file; csv on standard output]
    #[arg(long, short, value_enum)]
    pub(super) format: Option<ExportFormat>,
    /// The file to write; it is there when it is whole [default: standard output]
    #[arg(long, short, value_name = "OUT")]
    pub(super) out: Option<PathBuf>,
    /// Replace the file when there is one
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// The registered models of the file, or those that a filter finds
    Ls(ListModelsArgs),
    /// Everything about one registered model
    Show(ShowModelArgs),
    /// Makes an alias name a version, or nothing any more
    Alias(AliasArgs),
    /// Copies a version to another model, which is created when there is none
    Copy(CopyModelArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListModelsArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// What must hold of the models, in MLflow's language: name or tags.KEY, joined by AND
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) filter: String,
    /// Order by a field: name or last_updated_timestamp, with DESC behind it the other way
    #[arg(long, short, value_name = "FIELD [DESC]")]
    pub(super) order: Vec<String>,
    /// At most so many models
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub(super) limit: usize,
    /// The page that the end of the page before names; with the same filter and order
    #[arg(long, value_name = "TOKEN")]
    pub(super) page: Option<String>,
    /// Print JSON: an array of objects
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowModelArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The model's name
    pub(super) name: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct AliasArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The model's name
    pub(super) name: String,
    /// The alias
    pub(super) alias: String,
    /// The number of the version that it is to name; without one the alias is deleted
    pub(super) version: Option<u64>,
    /// Only if it names this version until then, or none
    #[arg(long, value_name = "VERSION", requires = "version")]
    pub(super) expect: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct CopyModelArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// The version, such as models:/churn/3 or models:/churn@champion
    pub(super) from: String,
    /// The name of the model that gets a new version
    pub(super) to: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct LineageArgs {
    /// The tracklite file
    pub(super) file: PathBuf,
    /// Of what: models:/NAME/VERSION, models:/NAME@ALIAS, the id of a logged model, or of a run
    pub(super) of: String,
    /// Only what it was made of
    #[arg(long, conflicts_with = "downstream")]
    pub(super) upstream: bool,
    /// Only what was made of it
    #[arg(long)]
    pub(super) downstream: bool,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["mermaid", "dot"])]
    pub(super) json: bool,
    /// Print a flowchart of Mermaid
    #[arg(long, conflicts_with = "dot")]
    pub(super) mermaid: bool,
    /// Print the language DOT of Graphviz
    #[arg(long)]
    pub(super) dot: bool,
}

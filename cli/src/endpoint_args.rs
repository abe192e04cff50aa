//! The arguments of `tracklite endpoints`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::common_args::{ExportFormat, FileArg, FileArgs, JsonFlag};

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointsCommand {
    /// List endpoints
    Ls(FileArgs),
    /// Create an endpoint; a server of the file loads its models
    Create(SpecArgs),
    /// Replace the models of an endpoint; the old ones answer until the new ones are loaded
    Update(SpecArgs),
    /// Show everything about an endpoint
    Show(EndpointArgs),
    /// Delete an endpoint permanently
    Delete(EndpointArgs),
    /// List the configurations of an endpoint, newest first, and why the last update failed
    Logs(EndpointArgs),
    /// Print or save the requests to an endpoint and their answers, if they are written
    Requests(RequestsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RequestsArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Name of the endpoint
    pub(crate) name: String,
    /// Table with the true labels, whose key is the id of a request
    #[arg(long, value_name = "CATALOG.SCHEMA.TABLE")]
    pub(crate) labels: Option<String>,
    /// Print the columns of Databricks's earlier tables
    #[arg(long)]
    pub(crate) legacy: bool,
    /// Format [default: by the extension of --out, or csv]
    #[arg(long, short)]
    pub(crate) format: Option<ExportFormat>,
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EndpointArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Name of the endpoint
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

#[derive(Debug, Args)]
pub(crate) struct SpecArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Name of the endpoint: letters, digits, dashes and underscores
    pub(crate) name: String,
    /// Model to serve, for example models:/churn/3, models:/churn@champion or
    /// best=models:/churn@champion, which names it best; repeat it for more
    #[arg(long, short, value_name = "[NAME=]MODEL", required = true)]
    pub(crate) model: Vec<String>,
    /// Model that gets a copy of each request, and whose answers are not returned
    #[arg(long, value_name = "[NAME=]MODEL")]
    pub(crate) shadow: Vec<String>,
    /// Share of the requests of a served model, for example best=90; they sum to 100
    #[arg(long, short, value_name = "NAME=PERCENT")]
    pub(crate) route: Vec<String>,
    /// How many requests each model answers at the same time: Small, Medium or Large
    #[arg(long, value_name = "SIZE", default_value = "Small")]
    pub(crate) size: String,
    /// End the processes of a model that got no request for this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle: Option<u32>,
    /// The most seconds that a request may take [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u32>,
    /// Number of processes of each model [default: by size and cores]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<u32>,
    /// How many requests may wait for each model [default: 64]
    #[arg(long, value_name = "N")]
    pub(crate) waiting: Option<u32>,
    /// Read requests as MLflow's own server does, even where a faster way returns the same answers
    #[arg(long)]
    pub(crate) exact: bool,
    /// Run each model in a Python environment with the requirements of its version, not in that of
    /// the server
    #[arg(long)]
    pub(crate) own_environment: bool,
    /// Predict without Python, where the server knows the model and returns the same answers
    #[arg(long, conflicts_with = "exact")]
    pub(crate) native: bool,
    /// Write requests and answers to the table CATALOG.SCHEMA.PREFIX_payload; without a prefix, it
    /// has the name of the endpoint
    #[arg(long, value_name = "CATALOG.SCHEMA[.PREFIX]")]
    pub(crate) capture: Option<String>,
    /// Write only this share of the requests [default: 100]
    #[arg(long, value_name = "PERCENT", requires = "capture")]
    pub(crate) sample: Option<u32>,
    /// Send an answer only when its row is written
    #[arg(long, requires = "capture")]
    pub(crate) durable: bool,
    /// Variable of the processes, for example REGION=eu; the file has it, so it is not for secrets
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Description
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Tag, for example team=growth; repeat it for more
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) tag: Vec<String>,
    #[command(flatten)]
    pub(crate) output: JsonFlag,
}

//! The arguments of `tracklite serve` and `tracklite run`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Tracklite file; it is created if it does not exist
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name or address to listen on; others than this machine's own need a token
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Port to listen on; 0 takes a free one
    #[arg(long, short, value_name = "PORT", default_value_t = 5000)]
    pub(crate) port: u16,
    /// Refuse all changes
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Accept requests to this name too, for example that of a proxy; repeat it for more
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// Let everybody who reaches the server read and change everything, without a token
    #[arg(long)]
    pub(crate) unsafe_without_tokens: bool,
    /// Encrypt connections with this certificate, a PEM file with its chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve MLflow's web page from the folder `mlflow/server/js/build` of an installed MLflow
    #[arg(long, value_name = "FOLDER")]
    pub(crate) mlflow_ui: Option<PathBuf>,
    /// Serve the web page from this folder in place of the embedded one, to develop it: `web/dist`
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) assets: Option<PathBuf>,
    /// Python that runs the models of endpoints, with mlflow and the packages of the models; by
    /// default that of the variable TRACKLITE_PYTHON, else python3
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<PathBuf>,
    /// Answer like `mlflow models serve` for this model: /invocations, /ping, /health and
    /// /version. For example models:/churn@champion; its endpoint is created if there is none
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Let the processes of models use the network
    #[arg(long)]
    pub(crate) models_with_network: bool,
    /// Folder with the notebooks and files of the workspace, which jobs run
    #[arg(long, value_name = "FOLDER")]
    pub(crate) workspace_folder: Option<PathBuf>,
    /// Do not run the jobs of the file; another process may
    #[arg(long)]
    pub(crate) without_jobs: bool,
    /// Send webhooks to receivers on this machine too, also over http; for tests and development
    #[arg(long)]
    pub(crate) webhooks_to_this_machine: bool,
    /// Do not print a line for each request
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UiArgs {
    /// Tracklite file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Open this view of the page, for example 'runs?f=metrics.loss < 0.1'
    #[arg(long, value_name = "STATE")]
    pub(crate) open: Option<String>,
    /// Port to listen on; by default a free one
    #[arg(long, short, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Refuse all changes
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Print the address only
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Let pages of this machine, such as notebooks, show the page in a frame
    #[arg(long)]
    pub(crate) framed: bool,
    /// Serve the web page from this folder in place of the embedded one, to develop it: `web/dist`
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) assets: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunCommandArgs {
    /// Tracklite file; it is created if it does not exist
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Command to run, with its arguments
    #[arg(value_name = "COMMAND", required = true, num_args = 1.., trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

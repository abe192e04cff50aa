//! The settings of a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracklite_serve::Settings;

use crate::transfer::Pace;

/// A function that gets one line for each request.
pub(crate) type LogLine = Arc<dyn Fn(&str) + Send + Sync>;

/// How jobs are run.
#[derive(Clone, Default)]
pub(crate) struct JobOptions {
    /// The folder that has the notebooks and files of the workspace.
    pub(crate) workspace: Option<PathBuf>,
}

/// The settings of a server. See [`ServerBuilder`](crate::ServerBuilder).
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// More names under which browsers and clients reach the server.
    pub(crate) names: Vec<String>,
    /// A token that is not in the file.
    pub(crate) own_token: Option<String>,
    /// Whether other addresses than those of this machine may be served without tokens.
    pub(crate) without_tokens: bool,
    /// The files of the certificate and its key, for encrypted connections.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// The folder of MLflow's web page.
    pub(crate) mlflow_ui: Option<PathBuf>,
    /// The folder of the own web page, if it is not the embedded one.
    pub(crate) assets: Option<PathBuf>,
    /// Whether pages of this machine may show the web page in a frame.
    pub(crate) framed_by_this_machine: bool,
    /// The endpoint that answers MLflow's scoring protocol at the root.
    pub(crate) scored: Option<String>,
    /// How the models of endpoints are run.
    pub(crate) serving: Settings,
    /// How jobs are run, if they are.
    pub(crate) jobs: Option<JobOptions>,
    /// Whether webhooks may be sent to this machine, and without encryption.
    pub(crate) webhooks_to_this_machine: bool,
    /// How long requests may take after the stop of the server.
    pub(crate) drain: Duration,
    /// The largest body that is read into memory.
    pub(crate) body_bytes_max: usize,
    /// The slowest upload that is served.
    pub(crate) pace: Pace,
    pub(crate) log: Option<LogLine>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            host: "127.0.0.1".to_owned(),
            port: 5000,
            names: Vec::new(),
            own_token: None,
            without_tokens: false,
            tls: None,
            mlflow_ui: None,
            assets: None,
            framed_by_this_machine: false,
            scored: None,
            serving: Settings::default(),
            jobs: None,
            webhooks_to_this_machine: false,
            drain: Duration::from_secs(10),
            body_bytes_max: 16 * 1024 * 1024,
            pace: Pace::default(),
            log: None,
        }
    }
}

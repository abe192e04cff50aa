//! A file with models, and a process that serves its endpoints.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracklite::Database;
use tracklite::endpoint::{EndpointInfo, EndpointLimits, EndpointSpec, ServedModel};
use tracklite_serve::{Answer, Refusal, Request, Serving, Settings};

/// How long a test waits for a state.
const PATIENCE: Duration = Duration::from_secs(60);
/// The name of the model and of the endpoint of most tests.
pub(crate) const MODEL: &str = "churn";
pub(crate) const ENDPOINT: &str = "churn-endpoint";

/// A file, and a process that serves its endpoints.
pub(crate) struct Served {
    pub(crate) database: Database,
    pub(crate) serving: Serving,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    folder: Folder,
}

/// The folder of the file and of the Python of the workers.
pub(crate) struct Folder(pub(crate) TempDir);

impl Folder {
    /// Makes the Python of the workers: the installed one, with the substitute for MLflow.
    pub(crate) fn new() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        let places = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&places).map(|place| place.join("python3"));
        let python = { found }.find(|place| place.is_file()).expect("the tests need python3");
        let substitute = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/serve/substitute");
        let script = format!(
            "#!/bin/sh\nPYTHONPATH='{}' PYTHONDONTWRITEBYTECODE=1 exec '{}' \"$@\"\n",
            substitute.display(),
            python.display()
        );
        let path = folder.path().join("python");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Folder(folder)
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.0.path().join("python")
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("runs.tracklite")
    }
}

/// Adds a version whose answers begin with this label. Returns its number.
pub(crate) fn add_version(database: &Database, facts: &Value) -> u64 {
    add_files(database, &[("MLmodel", facts.to_string())])
}

/// Adds a version with these files. Returns its number.
pub(crate) fn add_files(database: &Database, files: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> u64 {
    let registry = database.registry();
    let model = registry.model(MODEL).or_else(|_| registry.create_model(MODEL)).unwrap();
    let version = model.new_version("s3://models/churn").files_follow().create().unwrap();
    for (name, bytes) in files {
        version.artifacts().log_bytes(bytes.as_ref(), name.as_ref()).unwrap();
    }
    version.finalize(None).unwrap();
    version.version()
}

/// Serves a version with this number of workers.
pub(crate) fn version(number: u64, workers: u32) -> EndpointSpec {
    let limits = EndpointLimits { workers, ..EndpointLimits::default() };
    EndpointSpec::new().serve(ServedModel::version(MODEL, number)).limits(limits)
}

/// Starts a process that serves the endpoints of a file.
pub(crate) fn start(
    database: &Database,
    python: PathBuf,
) -> (Serving, watch::Sender<bool>, JoinHandle<()>) {
    start_with(database, Settings { python, ..Settings::default() })
}

pub(crate) fn start_with(
    database: &Database,
    settings: Settings,
) -> (Serving, watch::Sender<bool>, JoinHandle<()>) {
    let serving = Serving::new(database.clone(), settings);
    let (stop, stopped) = watch::channel(false);
    let run = serving.clone();
    (serving, stop, tokio::spawn(async move { run.run(stopped).await }))
}

impl Served {
    /// Serves a new file with the versions `"1"` and `"2"` of a model.
    pub(crate) fn new() -> Served {
        Served::with(|settings| settings)
    }

    /// Serves such a file with other settings.
    pub(crate) fn with(change: impl FnOnce(Settings) -> Settings) -> Served {
        let folder = Folder::new();
        let database = Database::create(folder.file()).unwrap();
        for label in ["1", "2"] {
            add_version(&database, &json!({"label": label}));
        }
        let settings = Settings { python: folder.python(), ..Settings::default() };
        let (serving, stop, task) = start_with(&database, change(settings));
        Served { database, serving, stop, task, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.0.path()
    }

    /// Stops this process, and serves the same file with another one.
    pub(crate) async fn restart(self) -> Served {
        let Served { database, stop, task, folder, .. } = self;
        stop.send_replace(true);
        task.await.unwrap();
        let (serving, stop, task) = start(&database, folder.python());
        Served { database, serving, stop, task, folder }
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    /// Creates the endpoint, and waits until it answers.
    pub(crate) async fn create(&self, spec: &EndpointSpec) -> EndpointInfo {
        self.database.endpoints().create(ENDPOINT, spec).unwrap();
        self.settled().await
    }

    /// Waits until no update is pending, and until this process serves the active configuration.
    pub(crate) async fn settled(&self) -> EndpointInfo {
        let began = Instant::now();
        loop {
            let info = self.database.endpoints().get(ENDPOINT).unwrap();
            let status = self.serving.status(&info);
            let is_served = status.serving == info.state.active || status.broken.is_some();
            if info.state.pending.is_none() && is_served {
                return info;
            }
            assert!(began.elapsed() < PATIENCE, "{info:?} {status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends an order to the model.
    pub(crate) async fn ask(&self, name: &str, argument: Value) -> Result<Answer, Refusal> {
        ask(&self.serving, "key", &json!([name, argument])).await
    }

    /// Sends an order to the model. Returns the label of its version and the result.
    pub(crate) async fn answer(&self, name: &str, argument: Value) -> (String, Value) {
        parse(&self.ask(name, argument).await.unwrap())
    }
}

/// Sends a body to the endpoint.
pub(crate) async fn ask(serving: &Serving, key: &str, body: &Value) -> Result<Answer, Refusal> {
    let (key, content_type) = (key.to_owned(), "application/json".to_owned());
    let body = body.to_string().into_bytes().into();
    serving.answer(ENDPOINT, Request { body, content_type, key, ..Request::default() }).await
}

/// Returns the label of the version that has answered, and the result.
pub(crate) fn parse(answer: &Answer) -> (String, Value) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{text}");
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    (value[0].as_str().unwrap().to_owned(), value[1].clone())
}

/// Returns whether a process exists.
pub(crate) fn is_running(process: i64) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    // A process that has ended, but was not waited for, is a zombie.
    status.is_ok_and(|status| !status.contains(") Z "))
}

/// Waits until a process has ended.
pub(crate) async fn ended(process: i64) {
    let began = Instant::now();
    while is_running(process) {
        assert!(began.elapsed() < PATIENCE, "process {process} does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

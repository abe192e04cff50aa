//! The zygote: a process that has imported MLflow, and forks workers.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long the imports may take.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// How long the zygote may take to end after its orders ended.
const END_TIMEOUT: Duration = Duration::from_secs(3);
/// How much of the errors that the zygote prints is kept.
const ERRORS_MAX: usize = 4096;

/// The variables of a worker. It gets no others.
const VARIABLES: &[(&str, &str)] = &[
    ("LANG", "C.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("GIT_PYTHON_REFRESH", "quiet"),
    // A process with several threads cannot be forked. The first one is of pyarrow.
    ("JE_ARROW_MALLOC_CONF", "background_thread:false"),
    ("MKL_NUM_THREADS", "1"),
    ("NUMEXPR_NUM_THREADS", "1"),
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
];

/// An order to fork a worker.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ForkOrder {
    pub(crate) order: &'static str,
    /// The secret that the worker shows when it connects.
    pub(crate) ticket: String,
    /// The folder of the model.
    pub(crate) model: String,
    /// The folder of the worker.
    pub(crate) folder: String,
    /// The most bytes of data that it may have. 0 removes the limit.
    pub(crate) memory: u64,
    /// Whether it may use the network.
    pub(crate) network: bool,
    /// Its variables beside those of the zygote.
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether it reads all requests as MLflow's own server does.
    pub(crate) is_exact: bool,
}

/// An event from the zygote.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Ready { mlflow: String, python: String },
    Unusable { reason: String },
    Forked { ticket: String, pid: u32 },
    Ended { ticket: String, status: i32 },
}

/// The receivers of the ends of workers, by ticket.
type Ends = Arc<Mutex<HashMap<String, oneshot::Sender<i32>>>>;

/// A running zygote. It ends when this is dropped, and its workers with it.
pub(crate) struct Zygote {
    orders: UnboundedSender<String>,
    ends: Ends,
    /// The version of MLflow.
    pub(crate) mlflow: String,
}

impl Zygote {
    /// Starts a zygote with these words, and waits until it has imported MLflow.
    pub(crate) async fn start(python: &Path, words: &[&Path]) -> Result<Zygote, String> {
        let mut command = Command::new(python);
        command.args(words).env_clear().envs(VARIABLES.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A signal that the terminal sends to the server must not end the workers first.
        command.process_group(0).kill_on_drop(true);
        let failed = |error: &dyn std::fmt::Display| {
            format!("{} cannot be started: {error}", python.display())
        };
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(failed(&"it has no pipes"));
        };
        let (orders, ordered) = unbounded_channel();
        let ends = Ends::default();
        let (ready, is_ready) = oneshot::channel();
        tokio::spawn(run(child, input, ordered));
        let printed = tokio::spawn(last_errors(errors));
        tokio::spawn(follow(output, ready, Arc::clone(&ends)));
        match timeout(START_TIMEOUT, is_ready).await {
            Ok(Ok(Ok(mlflow))) => Ok(Zygote { orders, ends, mlflow }),
            Ok(Ok(Err(reason))) => Err(reason),
            Ok(Err(_)) => Err(failed(&printed.await.unwrap_or_default())),
            Err(_) => Err(failed(&format!(
                "importing mlflow took longer than {} s",
                START_TIMEOUT.as_secs()
            ))),
        }
    }

    /// Returns whether the process has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Has a worker forked. Returns what receives its exit status: negative for a signal.
    pub(crate) fn fork(&self, order: &ForkOrder) -> Result<oneshot::Receiver<i32>, String> {
        let (end, ended) = oneshot::channel();
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.insert(order.ticket.clone(), end);
        drop(ends);
        let line = serde_json::to_string(order).map_err(|error| error.to_string())?;
        self.orders
            .send(line)
            .map_err(|_| "the process that forks workers has ended".to_owned())?;
        Ok(ended)
    }

    /// Kills a worker, if it has not ended.
    pub(crate) fn kill(&self, ticket: &str) {
        let order = serde_json::json!({"order": "kill", "ticket": ticket});
        // If the zygote has ended, its workers have too.
        drop(self.orders.send(order.to_string()));
    }
}

/// Passes orders on until there can be no more, then ends the process.
async fn run(mut child: Child, mut input: ChildStdin, mut orders: UnboundedReceiver<String>) {
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            status = child.wait() => {
                log::warn!("the process that forks workers has ended: {status:?}");
                return;
            }
        };
        let Some(order) = order else { break };
        if input.write_all(format!("{order}\n").as_bytes()).await.is_err() {
            break;
        }
    }
    drop(input);
    if timeout(END_TIMEOUT, child.wait()).await.is_err() {
        drop(child.kill().await);
    }
}

/// Reads the events.
async fn follow(output: ChildStdout, ready: oneshot::Sender<Result<String, String>>, ends: Ends) {
    let mut ready = Some(ready);
    let mut answer = |result| drop(ready.take().map(|ready| ready.send(result)));
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Event::Ready { mlflow, python }) => {
                log::info!("models are served with MLflow {mlflow} and Python {python}");
                answer(Ok(mlflow));
            }
            Ok(Event::Unusable { reason }) => answer(Err(reason)),
            Ok(Event::Forked { ticket, pid }) => {
                log::debug!("process {pid} is worker {}", ticket.get(..8).unwrap_or_default());
            }
            Ok(Event::Ended { ticket, status }) => {
                let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
                // The worker may be dropped already, so that nobody receives it.
                let _ = ends.remove(&ticket).map(|end| end.send(status));
            }
            Err(error) => log::warn!("the process that forks workers wrote {line:?}: {error}"),
        }
    }
    // No end is reported any more, so that nobody may wait for one.
    ends.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Reads what the zygote prints, and returns its end.
async fn last_errors(mut errors: ChildStderr) -> String {
    let (mut kept, mut bytes) = (Vec::new(), vec![0; 4096]);
    while let Ok(length @ 1..) = errors.read(&mut bytes).await {
        kept.extend_from_slice(bytes.get(..length).unwrap_or_default());
        let surplus = kept.len().saturating_sub(ERRORS_MAX);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

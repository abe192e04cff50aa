//! The place where workers are made: a private folder, a socket that they connect to, a zygote.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracklite::endpoint::ServingLane;

use crate::environments::Environments;
use crate::files::{Shelf, Source};
use crate::frame::{self, Kind};
use crate::leftovers;
use crate::settings::Settings;
use crate::shape::Shape;
use crate::tail::Tail;
use crate::worker::Worker;
use crate::zygote::ForkOrder;

/// The program of the zygote and its workers.
const PROGRAM: &str = include_str!("worker.py");
/// The module of the program that reads requests without data frames.
const LEAN: &str = include_str!("tracklite_lean.py");
/// The module of the program that evaluates feature functions.
const FUNCTIONS: &str = include_str!("tracklite_functions.py");
const DIRECT: &str = include_str!("tracklite_direct.py");
/// The program that makes environments.
const ENVIRONMENT: &str = include_str!("tracklite_environment.py");
const MAKER: &str = "tracklite_environment.py";
/// The module of the program that describes models.
const NATIVE: &str = include_str!("tracklite_native.py");
/// How long a worker may take to load its model and to answer its example.
const LOAD_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a process that has connected may take to show its ticket.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest line with which a worker shows its ticket.
const HELLO_BYTES_MAX: usize = 64;

/// Makes workers.
pub(crate) struct Workshop {
    /// Removes all files at the end.
    folder: TempDir,
    /// Shows other servers that this one lives.
    _lock: File,
    program: PathBuf,
    socket: PathBuf,
    memory: u64,
    network: bool,
    pub(crate) shelf: Shelf,
    pub(crate) environments: Environments,
    awaited: Awaited,
    /// The version of MLflow, once a zygote was ready.
    mlflow: OnceLock<String>,
}

/// The connections that are awaited, by ticket and purpose. Each ticket is used once.
#[derive(Clone, Default)]
struct Awaited(Arc<Mutex<HashMap<String, oneshot::Sender<UnixStream>>>>);

impl Awaited {
    fn expect(&self, hello: String) -> oneshot::Receiver<UnixStream> {
        let (send, receive) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hello, send);
        receive
    }

    fn take(&self, hello: &str) -> Option<oneshot::Sender<UnixStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(hello)
    }
}

impl Workshop {
    /// Makes the folder and the socket. The zygote is started for the first worker.
    pub(crate) fn open(settings: &Settings) -> io::Result<Workshop> {
        leftovers::remove(&std::env::temp_dir());
        let (folder, lock) = leftovers::folder()?;
        let path = |name: &str| folder.path().join(name);
        for name in ["program", "models", "workers"] {
            std::fs::create_dir(path(name))?;
        }
        let (program, socket) = (path("program").join("worker.py"), path("socket"));
        std::fs::write(&program, PROGRAM)?;
        for (name, text) in [
            ("tracklite_lean.py", LEAN),
            ("tracklite_functions.py", FUNCTIONS),
            ("tracklite_direct.py", DIRECT),
            ("tracklite_native.py", NATIVE),
            (MAKER, ENVIRONMENT),
        ] {
            std::fs::write(path("program").join(name), text)?;
        }
        let awaited = Awaited::default();
        tokio::spawn(accept(UnixListener::bind(&socket)?, awaited.clone()));
        let (python, maker) = (settings.python.clone(), program.with_file_name(MAKER));
        let environments = Environments::open(python, maker, settings.environments.clone());
        let shelf = Shelf::new(path("models"));
        Ok(Workshop {
            folder,
            _lock: lock,
            program,
            socket,
            memory: settings.memory,
            network: settings.network,
            shelf,
            environments,
            awaited,
            mlflow: OnceLock::new(),
        })
    }

    pub(crate) fn mlflow_version(&self) -> Option<String> {
        self.mlflow.get().cloned()
    }

    /// Starts a worker, and waits until it has loaded its model and answered its example.
    pub(crate) async fn start(
        &self,
        source: &Source,
        shape: &Shape,
        log: &Tail,
    ) -> Result<Worker, String> {
        let workers = self.folder.path().join("workers");
        let folder = tempfile::tempdir_in(&workers).map_err(|error| in_folder(&workers, &error))?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| format!("no random bytes: {error}"))?;
        let ticket: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let frames = self.awaited.expect(format!("{ticket} frames"));
        let printed = self.awaited.expect(format!("{ticket} log"));
        let found = self.connected((source, shape), &ticket, (folder, frames)).await;
        if found.is_ok()
            && let Ok(Ok(stream)) = timeout(HELLO_TIMEOUT, printed).await
        {
            let log = log.clone();
            tokio::spawn(async move { log.follow(stream).await });
        }
        for purpose in ["frames", "log"] {
            self.awaited.take(&format!("{ticket} {purpose}"));
        }
        let mut worker = found?;
        match timeout(LOAD_TIMEOUT, frame::read(&mut worker.stream)).await {
            Ok(Ok(frame)) if frame.kind == Kind::Ready => {
                worker.joins = frame.id == 1;
                Ok(worker)
            }
            Ok(Ok(frame)) => Err(String::from_utf8_lossy(&frame.body).into_owned()),
            Ok(Err(_)) => Err(format!(
                "the worker ended while it loaded the model: {}\n{}",
                worker.end().await,
                log.text()
            )),
            Err(_) => {
                Err(format!("loading the model took longer than {} s", LOAD_TIMEOUT.as_secs()))
            }
        }
    }

    /// Has a worker forked, and waits until it connects.
    async fn connected(
        &self,
        (source, shape): (&Source, &Shape),
        ticket: &str,
        (folder, frames): (TempDir, oneshot::Receiver<UnixStream>),
    ) -> Result<Worker, String> {
        let zygote = source.environment.zygote(&self.program, &self.socket, self.network).await?;
        self.mlflow.get_or_init(|| zygote.mlflow.clone());
        let order = ForkOrder {
            order: "fork",
            ticket: ticket.to_owned(),
            model: source.files.path().display().to_string(),
            folder: folder.path().display().to_string(),
            memory: self.memory,
            network: self.network,
            environment: shape.environment.clone(),
            is_exact: shape.lane == ServingLane::Exact,
        };
        let mut ended = zygote.fork(&order)?;
        let stream = tokio::select! {
            biased;
            stream = timeout(LOAD_TIMEOUT, frames) => stream.ok().and_then(Result::ok),
            _ = &mut ended => None,
        };
        let stream = stream.ok_or("the worker ended before it connected")?;
        Ok(Worker::new(stream, zygote, ticket.to_owned(), ended, folder))
    }
}

fn in_folder(folder: &Path, error: &io::Error) -> String {
    format!("cannot make a folder in {}: {error}", folder.display())
}

/// Accepts the connections of workers, for as long as the runtime lasts.
async fn accept(listener: UnixListener, awaited: Awaited) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let awaited = awaited.clone();
                tokio::spawn(async move {
                    drop(timeout(HELLO_TIMEOUT, greet(stream, &awaited)).await);
                });
            }
            Err(error) => {
                log::warn!("a worker could not connect: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Reads the ticket of a connection, and passes the connection to who awaits it.
async fn greet(mut stream: UnixStream, awaited: &Awaited) -> io::Result<()> {
    let mut hello = Vec::new();
    loop {
        match stream.read_u8().await? {
            b'\n' => break,
            byte if hello.len() < HELLO_BYTES_MAX => hello.push(byte),
            _ => return Ok(()),
        }
    }
    if let Some(waiting) = std::str::from_utf8(&hello).ok().and_then(|hello| awaited.take(hello)) {
        // If nobody waits any more, the connection closes.
        drop(waiting.send(stream));
    }
    Ok(())
}

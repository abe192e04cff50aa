//! Starting and stopping a server.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tracklite::{Database, Error, ErrorKind, Result};
use tracklite_jobs::Runner;

use crate::access::Access;
use crate::app::app;
use crate::body::Bodies;
use crate::capture::Captures;
use crate::exchanges::observer;
use crate::handles::Handles;
use crate::job_environment::ServerEnvironment;
use crate::listen;
use crate::locations::Locations;
use crate::metrics::Metrics;
use crate::multipart::PartUploads;
use crate::options::{JobOptions, Options};
use crate::origin::Names;
use crate::page::catalogue::Catalogue;
use crate::page::selection::Selections;
use crate::page::undos::Undos;
use crate::page::watch::Watch;
use crate::pool::Pool;
use crate::sessions::Sessions;
use crate::shared::Shared;
use crate::signed::Signer;
use crate::stop_signals::StopSignals;
use crate::tls;
use crate::transfer::{Pace, Uploads};
use crate::webhooks::delivery::{Sending, deliver};
use crate::webhooks::queue::{Change, Webhooks};

/// Builds a [`Server`]. See [`Server::builder`].
#[must_use = "a server is started by `start`"]
pub struct ServerBuilder {
    database: Database,
    options: Options,
}

impl ServerBuilder {
    /// Sets the host to listen on: a name or an address. Default: `127.0.0.1`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.options.host = host.into();
        self
    }

    /// Sets the port to listen on; 0 takes a free one. Default: 5000.
    pub fn port(mut self, port: u16) -> Self {
        self.options.port = port;
        self
    }

    /// Adds a name under which clients reach the server, for example that of a proxy.
    ///
    /// Requests to other names are refused, because web pages can make browsers send them.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.options.names.push(name.into());
        self
    }

    /// Sets a token that is valid as long as this server, beside those in the file.
    ///
    /// With it, requests without a token are refused.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.options.own_token = Some(token.into());
        self
    }

    /// Lets a server for other machines start without any token. Everybody who reaches it may then
    /// read and change everything.
    pub fn unsafe_without_tokens(mut self) -> Self {
        self.options.without_tokens = true;
        self
    }

    /// Encrypts all connections with a certificate and its private key, both PEM files.
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.options.tls = Some((certificate.into(), key.into()));
        self
    }

    /// Serves the web page of an installed MLflow from this folder: `mlflow/server/js/build`.
    pub fn mlflow_ui(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.mlflow_ui = Some(folder.into());
        self
    }

    /// Serves the files of the web page from this folder instead of the embedded ones, to develop
    /// the page: `web/dist`.
    pub fn assets(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.assets = Some(folder.into());
        self
    }

    /// Permits pages of this machine, such as notebooks, to show the web page in a frame.
    ///
    /// Otherwise no page may, because a frame can make users click where they did not want to.
    pub fn framed_by_this_machine(mut self) -> Self {
        self.options.framed_by_this_machine = true;
        self
    }

    /// Permits webhooks whose receiver is on this machine, also over `http`.
    ///
    /// For tests and development: each admin then reaches the other services of
    /// this machine. Other private addresses are always refused.
    pub fn webhooks_to_this_machine(mut self) -> Self {
        self.options.webhooks_to_this_machine = true;
        self
    }

    /// Sets the Python that runs the models of endpoints. It must have MLflow and the packages of
    /// the models. Default: the variable `TRACKLITE_PYTHON`, else `python3`, searched in `PATH`.
    pub fn python(mut self, program: impl Into<PathBuf>) -> Self {
        self.options.serving.python = program.into();
        self
    }

    /// Runs the jobs of the file. Notebooks and files of the workspace are below `workspace`.
    ///
    /// The code of jobs runs as the user of this process, with its environment. Only tokens with
    /// the scope `admin` may define jobs. A server that only reads runs none.
    pub fn run_jobs(mut self, workspace: Option<PathBuf>) -> Self {
        self.options.jobs = Some(JobOptions { workspace });
        self
    }

    /// Sets the most bytes of data that a process of a model may have; 0 removes the limit.
    /// Default: 8 GiB.
    pub fn model_memory(mut self, bytes: u64) -> Self {
        self.options.serving.memory = bytes;
        self
    }

    /// Lets the processes of models use the network. Default: it is closed to them, where the
    /// kernel can.
    pub fn models_with_network(mut self) -> Self {
        self.options.serving.network = true;
        self
    }

    /// Has an endpoint answer MLflow's scoring protocol at the root: `/invocations`, `/ping`,
    /// `/health` and `/version`. Default: none.
    pub fn scored(mut self, endpoint: impl Into<String>) -> Self {
        self.options.scored = Some(endpoint.into());
        self
    }

    /// Sets how long requests may take after the stop of the server. Default: 10 seconds.
    pub fn drain(mut self, time: Duration) -> Self {
        self.options.drain = time;
        self
    }

    /// Sets the slowest upload that is served. One that brings fewer bytes in the window, while the
    /// server waits for it, is ended with the status 408. Default: 64 KiB in 30 seconds.
    pub fn slowest_upload(mut self, bytes: u64, window: Duration) -> Self {
        self.options.pace = Pace { bytes, window };
        self
    }

    /// Sets a function that gets one line of JSON for each request: time, id, address, user,
    /// method, path, status and milliseconds. The line has no body, query or token.
    pub fn log(mut self, line: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.options.log = Some(Arc::new(line));
        self
    }

    /// Starts the server on threads of its own.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`] if other machines may connect, and there is no token.
    /// - [`ErrorKind::InvalidInput`] if the certificate or its key is not valid.
    /// - [`ErrorKind::Io`] if the address is unknown, or another program listens on it.
    pub fn start(self) -> Result<Server> {
        let ServerBuilder { database, options } = self;
        let listener = bound(&options)?;
        let place = listener.local_addr().map_err(|source| no_listener(&options, source))?;
        check_tokens(&database, &options, place.ip())?;
        let files = options.tls.as_ref();
        let tls = files.map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()?;
        let drain = options.drain;
        let (webhooks, changes) = Webhooks::new(options.webhooks_to_this_machine);
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(shared(database, options, place, webhooks, stopped.clone())?);
        let runtime = runtime()?;
        let runner = runner(&shared)?;
        let url = shared.url.clone();
        let work = move || {
            let serving = Serving { listener, tls, changes, stopped, drain, runner };
            serve(&runtime, &shared, serving);
        };
        let thread = std::thread::Builder::new().name("tracklite-server".to_owned()).spawn(work);
        let thread =
            thread.map_err(|source| Error::io("starting the thread of the server", source))?;
        Ok(Server { url, stop, thread })
    }
}

/// A server that is listening. Dropping it does not stop it.
pub struct Server {
    url: String,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Returns a builder for a server of this file. A database that is open read-only makes a
    /// server that only reads.
    pub fn builder(database: Database) -> ServerBuilder {
        ServerBuilder { database, options: Options::default() }
    }

    /// Returns the address, such as `http://127.0.0.1:5000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops: refuses new connections, waits for requests that are being answered, then closes the
    /// file.
    pub fn stop(self) {
        self.stop.send_replace(true);
        self.join();
    }

    /// Waits for a signal (SIGINT, SIGTERM), then stops. A second signal ends the process at once.
    pub fn run_until(self, signals: StopSignals) {
        signals.wait();
        self.stop();
    }

    fn join(self) {
        if self.thread.join().is_err() {
            log::error!("the server failed while it stopped");
        }
    }
}

/// Starts the runner of jobs, if the server runs jobs.
fn runner(shared: &Arc<Shared>) -> Result<Option<Runner>> {
    let Some(jobs) = shared.options.jobs.clone() else { return Ok(None) };
    if shared.database.is_read_only() {
        return Ok(None);
    }
    let environment = ServerEnvironment::new(shared.url.clone(), shared.access.lent());
    let runner = Runner::builder(shared.database.clone()).workspace(jobs.workspace);
    let runner = runner.python(&shared.options.serving.python).environment(Arc::new(environment));
    runner.notifier(Arc::new(shared.webhooks.notifier())).start().map(Some)
}

fn bound(options: &Options) -> Result<TcpListener> {
    let host = options.host.trim_matches(['[', ']']);
    let places = (host, options.port).to_socket_addrs();
    let places: Vec<SocketAddr> = places.map_err(|source| no_listener(options, source))?.collect();
    let listener = TcpListener::bind(&places[..]).map_err(|source| no_listener(options, source))?;
    listener.set_nonblocking(true).map_err(|source| no_listener(options, source))?;
    Ok(listener)
}

fn no_listener(options: &Options, source: io::Error) -> Error {
    let doing = format!(
        "cannot listen on {}:{} (another program may use the port; port 0 takes a free one)",
        options.host, options.port
    );
    Error::io(doing, source)
}

/// Refuses a server that other machines reach and that asks for no token.
fn check_tokens(database: &Database, options: &Options, address: IpAddr) -> Result<()> {
    let is_safe = address.is_loopback() || options.own_token.is_some() || options.without_tokens;
    if is_safe || database.has_tokens()? {
        return Ok(());
    }
    let message = format!(
        "{address} is reached by other machines, and the file has no token: create one with \
         `tracklite token create FILE`, or listen on 127.0.0.1"
    );
    Err(Error::new(ErrorKind::InvalidInput, message))
}

fn shared(
    database: Database,
    options: Options,
    place: SocketAddr,
    webhooks: Webhooks,
    stopped: watch::Receiver<bool>,
) -> Result<Shared> {
    let host = match place.ip() {
        address if address.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(address) => format!("[{address}]"),
        IpAddr::V4(address) => address.to_string(),
    };
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let captures = Captures::start(database.clone())
        .map_err(|source| Error::io("starting the thread that writes requests", source))?;
    let models = models(&options, captures.clone());
    Ok(Shared {
        url: format!("{scheme}://{host}:{}", place.port()),
        workspace: workspace(&database),
        names: Names::new(&options.host, place.port(), &options.names),
        access: Access::new(
            options.own_token.clone(),
            place.ip().is_loopback() || options.without_tokens,
            Sessions::new(place.port(), options.tls.is_some()),
        ),
        metrics: Metrics::new(),
        bodies: Bodies::new(),
        handles: Handles::default(),
        locations: Locations::default(),
        pool: Pool::new(),
        webhooks,
        serving: tracklite_serve::Serving::new(database.clone(), models),
        captures,
        watch: Watch::new(),
        selections: Selections::default(),
        undos: Undos::default(),
        catalogue: Catalogue::default(),
        stopped,
        uploads: Uploads::new(options.pace),
        part_uploads: PartUploads::new(database.path()),
        signer: Signer::new()?,
        database,
        options,
    })
}

/// Returns how models are run, with what sees their requests.
fn models(options: &Options, captures: Captures) -> tracklite_serve::Settings {
    let observer = Some(observer(options.log.clone(), captures));
    tracklite_serve::Settings { observer, ..options.serving.clone() }
}

/// Returns a number made from the path of the file, the same at each start.
fn workspace(database: &Database) -> String {
    let hash = database.address().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // 15 digits, like the ids of Databricks.
    (hash % 900_000_000_000_000 + 100_000_000_000_000).to_string()
}

fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(Pool::threads() / 4)
        .max_blocking_threads(Pool::threads() + Uploads::THREADS)
        .thread_name("tracklite-http")
        .enable_all()
        .build();
    runtime.map_err(|source| Error::io("starting the threads of the server", source))
}

/// The things that the thread of a server needs.
struct Serving {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    /// The source of the reports of webhooks.
    changes: Receiver<Change>,
    stopped: watch::Receiver<bool>,
    drain: Duration,
    /// The runner of jobs.
    runner: Option<Runner>,
}

fn serve(runtime: &Runtime, shared: &Arc<Shared>, serving: Serving) {
    let app = app(shared);
    let Serving { listener, tls, changes, stopped, drain, runner } = serving;
    let sending = Sending {
        database: shared.database.clone(),
        pool: shared.pool.clone(),
        client: shared.webhooks.client().clone(),
        stopped: stopped.clone(),
    };
    let models = shared.serving.clone();
    let (no_models, models_end) = watch::channel(false);
    runtime.block_on(async move {
        let (end, ended) = oneshot::channel();
        let models = tokio::spawn(async move { models.run(models_end).await });
        let deliveries = tokio::spawn(deliver(changes, ended, sending));
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listen::serve(listener, app, tls, stopped, drain).await,
            Err(error) => log::error!("cannot use the listener: {error}"),
        }
        // No request is left that changes anything, or that a model must answer.
        drop(end);
        no_models.send_replace(true);
        drop(models.await);
        if tokio::time::timeout(drain, deliveries).await.is_err() {
            log::warn!("webhooks miss events: they took longer than {} s", drain.as_secs());
        }
    });
    if let Some(runner) = runner {
        runner.stop();
    }
    shared.captures.stop();
    if let Err(error) = shared.database.sync() {
        log::error!("the file could not be synced: {error}");
    }
}

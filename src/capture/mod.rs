//! Captures the environment of a run: code, command, machine, and the panic that ended it.
//!
//! A [`Capture`] selects the facts, and records them with `start`.

mod facts;
mod git;
mod machine;
mod panics;

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Result;
use crate::run::Run;

pub use self::facts::BuildFacts;
use self::machine::Sampler;

/// The default interval of system metrics, which is MLflow's.
const METRICS_INTERVAL: Duration = Duration::from_secs(10);

/// Selects which facts about the environment of a run to record. All are off by default.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use std::time::Duration;
/// use tracklite::capture::Capture;
///
/// let run = database.default_experiment()?.start_run("")?;
/// let capture = Capture::new().host(true).command(true).build(tracklite::build_facts!());
/// let capturing = capture.system_metrics(Some(Duration::from_millis(50))).start(&run)?;
/// // ... the work; a panic in it fails the run when `panics` is on.
/// capturing.stop();
/// assert!(run.tags()?.contains_key("tracklite.host"));
/// assert!(run.metrics()?.contains_key("system/system_memory_usage_percentage"));
/// run.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is captured before `start`"]
pub struct Capture {
    folder: Option<PathBuf>,
    git: bool,
    command: bool,
    command_line: Option<Vec<String>>,
    host: bool,
    user: bool,
    build: Option<BuildFacts>,
    panics: bool,
    metrics: Option<Duration>,
}

impl Capture {
    /// Creates a capture with everything off.
    pub fn new() -> Self {
        Capture::default()
    }

    /// Captures everything except build facts, which only the program itself knows. System metrics
    /// are logged every ten seconds.
    pub fn everything() -> Self {
        let all = Capture::new().git(true).command(true).host(true).user(true).panics(true);
        all.system_metrics(Some(METRICS_INTERVAL))
    }

    /// Captures the git commit, branch and remote URL as the tags `mlflow.source.git.*`, and
    /// whether tracked files have uncommitted changes.
    ///
    /// The changes become the artifact `git/dirty.patch`, if they take at most 16 MiB. Captures
    /// nothing if there is no repository or no `git`.
    ///
    /// # Performance
    ///
    /// Starts a few `git` processes.
    pub fn git(mut self, capture: bool) -> Self {
        self.git = capture;
        self
    }

    /// Sets the folder whose repository is captured. Default: the working directory.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Captures the program as the tag `mlflow.source.name`, and its command line as
    /// `tracklite.command`. Arguments may contain secrets.
    pub fn command(mut self, capture: bool) -> Self {
        self.command = capture;
        self
    }

    /// Replaces the command line. Default: that of the process.
    pub fn command_line(mut self, words: Vec<String>) -> Self {
        self.command_line = Some(words);
        self
    }

    /// Captures the host name as the tag `tracklite.host`.
    pub fn host(mut self, capture: bool) -> Self {
        self.host = capture;
        self
    }

    /// Captures the user who started the run as the tag `mlflow.user`.
    pub fn user(mut self, capture: bool) -> Self {
        self.user = capture;
        self
    }

    /// Captures the crate's name, version, profile and features as the tags `tracklite.build.*`.
    /// See [`build_facts!`](crate::build_facts).
    pub fn build(mut self, facts: BuildFacts) -> Self {
        self.build = Some(facts);
        self
    }

    /// Marks the run as failed if a panic unwinds through the [`Capturing`]. Message and location
    /// of the panic become the tag `tracklite.exception`. Has no effect with `panic = "abort"`.
    pub fn panics(mut self, capture: bool) -> Self {
        self.panics = capture;
        self
    }

    /// Logs the load of processor, memory, network and the database's disk as metrics `system/*`,
    /// named like MLflow's. A background thread logs at this interval, starting at once. Default:
    /// off.
    pub fn system_metrics(mut self, interval: Option<Duration>) -> Self {
        self.metrics = interval;
        self
    }

    /// Writes the facts known now, with all tags in one batch, and starts capturing the rest.
    /// Capturing ends when the returned guard is dropped or stopped.
    pub fn start(&self, run: &Run) -> Result<Capturing> {
        let mut tags = Vec::new();
        if self.command {
            tags.extend(facts::command(self.command_line.as_deref()));
        }
        if self.host {
            tags.extend(facts::host());
        }
        if self.user {
            tags.push(("mlflow.user".to_owned(), run.info()?.user));
        }
        tags.extend(self.build.iter().flat_map(BuildFacts::tags));
        let repository = self.git.then(|| git::Repository::around(self.folder.as_deref()));
        if let Some(repository) = repository.flatten() {
            tags.extend(repository.tags());
            if let Some(patch) = repository.patch() {
                run.log_bytes(&patch, "git/dirty.patch")?;
            }
        }
        run.set_tags(tags)?;
        if self.panics {
            panics::listen();
        }
        let sampler = self.metrics.map(|interval| Sampler::start(run, interval)).transpose()?;
        Ok(Capturing { run: run.clone(), panics: self.panics, sampler })
    }
}

/// A guard for the ongoing capture of a run, which ends when the guard is dropped.
///
/// If a panic drops it, and [`Capture::panics`] is on, the run fails.
#[derive(Debug)]
pub struct Capturing {
    run: Run,
    panics: bool,
    sampler: Option<Sampler>,
}

impl Capturing {
    /// Stops the background thread, and waits for its current write.
    pub fn stop(mut self) {
        self.sampler = None;
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        if self.panics && std::thread::panicking() {
            panics::fail(&self.run);
        }
    }
}

//! What a run is told of its surroundings: code, command, machine, and what ended it.

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

/// How often the machine is looked at unless the caller says otherwise: MLflow's interval.
const METRICS_INTERVAL: Duration = Duration::from_secs(10);

/// What is to be captured of a run's surroundings; each has a switch, and all are off at first.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
/// use std::time::Duration;
/// use tracklite::Capture;
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
    /// Nothing.
    pub fn new() -> Self {
        Capture::default()
    }

    /// Everything but the facts of the build, which only the program itself knows: system metrics
    /// every ten seconds.
    pub fn everything() -> Self {
        let all = Capture::new().git(true).command(true).host(true).user(true).panics(true);
        all.system_metrics(Some(METRICS_INTERVAL))
    }

    /// Commit, branch and address of the git repository, and whether tracked files have changes
    /// that are not committed, as the tags `mlflow.source.git.*`; and these changes as the artifact
    /// `git/dirty.patch`, up to 16 MiB of them. Where no repository or no `git` is, nothing. Costs
    /// some processes of `git`.
    pub fn git(mut self, capture: bool) -> Self {
        self.git = capture;
        self
    }

    /// The folder whose repository is meant. Default: the one in which the process works.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The program, as the tag `mlflow.source.name`, and its command line, as
    /// `tracklite.command`. Arguments may hold secrets.
    pub fn command(mut self, capture: bool) -> Self {
        self.command = capture;
        self
    }

    /// The command line, where it is not the one of the process. Default: that one.
    pub fn command_line(mut self, words: Vec<String>) -> Self {
        self.command_line = Some(words);
        self
    }

    /// The host's name, as the tag `tracklite.host`.
    pub fn host(mut self, capture: bool) -> Self {
        self.host = capture;
        self
    }

    /// The user for whom the run was started, as the tag `mlflow.user`.
    pub fn user(mut self, capture: bool) -> Self {
        self.user = capture;
        self
    }

    /// Which crate it is, in which version, profile and with which features, as the tags
    /// `tracklite.build.*`: see [`build_facts!`](crate::build_facts).
    pub fn build(mut self, facts: BuildFacts) -> Self {
        self.build = Some(facts);
        self
    }

    /// Whether a panic that unwinds through the [`Capturing`] fails the run, with the panic's
    /// message and place as the tag `tracklite.exception`. Not where panics abort.
    pub fn panics(mut self, capture: bool) -> Self {
        self.panics = capture;
        self
    }

    /// Load of processor, memory, network and the database's disk, as metrics `system/*` with
    /// MLflow's names, by a thread in the background; the first at once. Default: none.
    pub fn system_metrics(mut self, interval: Option<Duration>) -> Self {
        self.metrics = interval;
        self
    }

    /// Writes what is known now, all tags as one, and goes on with the rest until the answer is
    /// dropped or stopped.
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
                run.log_bytes("git/dirty.patch", &patch)?;
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

/// What goes on being captured of a run. Dropping it stops that; a panic that drops it fails the
/// run when [`Capture::panics`] is on.
#[derive(Debug)]
pub struct Capturing {
    run: Run,
    panics: bool,
    sampler: Option<Sampler>,
}

impl Capturing {
    /// Stops the thread in the background, and waits for what it is just writing.
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

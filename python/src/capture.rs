//! Capture: what a run is told of its surroundings.

use std::time::Duration;

use pyo3::prelude::*;

use crate::detach::{delegated, detached};
use crate::error::invalid_input;
use crate::run::Run;

/// The switches: `tracklite.Capture`, or any value with these attributes.
#[derive(FromPyObject)]
struct Switches {
    git: bool,
    command: bool,
    host: bool,
    user: bool,
    exceptions: bool,
    system_metrics: Option<f64>,
}

/// What `start_run` takes: everything, nothing, or some.
#[derive(FromPyObject)]
pub(crate) enum Wanted<'py> {
    All(bool),
    Some(Bound<'py, PyAny>),
}

impl Wanted<'_> {
    /// Begins to capture what is wanted.
    pub(crate) fn start(self, run: &Bound<'_, Run>) -> PyResult<()> {
        let py = run.py();
        match self {
            Wanted::All(false) => Ok(()),
            Wanted::All(true) => {
                let class = py.import("tracklite.entities")?.getattr("Capture")?;
                run.get().start_capture(run, &class.call0()?)
            }
            Wanted::Some(switches) => run.get().start_capture(run, &switches),
        }
    }
}

impl Run {
    fn start_capture(&self, run: &Bound<'_, Run>, switches: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = run.py();
        let switches: Switches = switches.extract()?;
        let interval = switches.system_metrics.map(|seconds| {
            Duration::try_from_secs_f64(seconds).map_err(|_| {
                invalid_input(py, &format!("system_metrics is {seconds}: it takes seconds"))
            })
        });
        let words: Vec<String> = py.import("sys")?.getattr("argv")?.extract()?;
        let capture = tracklite::Capture::new()
            .git(switches.git)
            .command(switches.command)
            .command_line(words)
            .host(switches.host)
            .user(switches.user)
            .system_metrics(interval.transpose()?);
        let capturing = detached(py, || capture.start(&self.inner))?;
        self.keep(capturing);
        if switches.exceptions {
            delegated(run.as_any(), "_failure", "watch", ())?;
        }
        Ok(())
    }
}

#[pymethods]
impl Run {
    /// Capture what surrounds the run: git, the command line, host and user as tags, and the load
    /// of the machine as metrics `system/*` until the run is finished.
    ///
    /// >>> from tracklite import Capture
    /// >>> run.capture(Capture(git=False, system_metrics=None))
    /// >>> sorted(run.tags())
    /// ['mlflow.source.name', 'mlflow.source.type', 'mlflow.user', 'tracklite.command', ...
    #[pyo3(signature = (what=None))]
    fn capture(slf: &Bound<'_, Self>, what: Option<Wanted<'_>>) -> PyResult<()> {
        what.unwrap_or(Wanted::All(true)).start(slf)
    }
}

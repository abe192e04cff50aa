//! Capture: what a run is told of its surroundings.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
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

/// What is to be captured, checked before anything is written.
pub(crate) struct Prepared {
    capture: tracklite::Capture,
    exceptions: bool,
}

impl Wanted<'_> {
    /// The switches, checked; `None` when nothing is wanted.
    pub(crate) fn prepared(self, py: Python<'_>) -> PyResult<Option<Prepared>> {
        match self {
            Wanted::All(false) => Ok(None),
            Wanted::All(true) => {
                let class = py.import("tracklite.entities")?.getattr("Capture")?;
                prepared(&class.call0()?).map(Some)
            }
            Wanted::Some(switches) => prepared(&switches).map(Some),
        }
    }
}

fn prepared(switches: &Bound<'_, PyAny>) -> PyResult<Prepared> {
    let py = switches.py();
    let switches: Switches = switches.extract().map_err(|error| {
        let wrong = PyTypeError::new_err("capture must be a tracklite.Capture or a bool");
        wrong.set_cause(py, Some(error));
        wrong
    })?;
    let interval = switches.system_metrics.map(|seconds| {
        let interval = Duration::try_from_secs_f64(seconds).ok().filter(|it| !it.is_zero());
        interval.ok_or_else(|| {
            let message = format!("system_metrics is {seconds}: it takes a number of seconds");
            invalid_input(py, &message)
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
    Ok(Prepared { capture, exceptions: switches.exceptions })
}

impl Prepared {
    /// Begins to capture.
    pub(crate) fn start(&self, run: &Bound<'_, Run>) -> PyResult<()> {
        let this = run.get();
        this.keep(detached(run.py(), || self.capture.start(&this.inner))?);
        if self.exceptions {
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
    /// >>> run.tags()["mlflow.source.type"]
    /// 'LOCAL'
    #[pyo3(signature = (what=None))]
    fn capture(slf: &Bound<'_, Self>, what: Option<Wanted<'_>>) -> PyResult<()> {
        let prepared = what.unwrap_or(Wanted::All(true)).prepared(slf.py())?;
        prepared.map_or(Ok(()), |prepared| prepared.start(slf))
    }
}

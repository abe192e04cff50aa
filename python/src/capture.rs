//! The selection of what is captured of a run's environment.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::invalid_input;

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

/// The argument `capture`: everything, nothing, or some switches.
#[derive(FromPyObject)]
pub(crate) enum Wanted<'py> {
    All(bool),
    Some(Bound<'py, PyAny>),
}

/// A selection that was checked, before anything is written.
pub(crate) struct Prepared {
    pub(crate) capture: tracklite::capture::Capture,
    pub(crate) exceptions: bool,
}

impl Wanted<'_> {
    /// Checks the switches. `None` if nothing is wanted.
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
        let interval = Duration::try_from_secs_f64(seconds).ok();
        interval.filter(|interval| !interval.is_zero()).ok_or_else(|| {
            let message = format!("system_metrics is {seconds}: expected a number of seconds");
            invalid_input(py, &message)
        })
    });
    let arguments: Vec<String> = py.import("sys")?.getattr("argv")?.extract()?;
    let capture = tracklite::capture::Capture::new()
        .git(switches.git)
        .command(switches.command)
        .command_line(arguments)
        .host(switches.host)
        .user(switches.user)
        .system_metrics(interval.transpose()?);
    Ok(Prepared { capture, exceptions: switches.exceptions })
}

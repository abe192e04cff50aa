//! Starting runs, and capturing their environment.

use pyo3::prelude::*;

use crate::capture::{Prepared, Wanted};
use crate::convert::{flat_params, instant, run_id, tag_pairs};
use crate::detach::{delegated, detached};
use crate::experiment::Experiment;
use crate::run::Run;

#[pymethods]
impl Experiment {
    /// Starts a run. Without a name, it gets a generated one such as "quiet-heron-417".
    ///
    /// As a context manager, the run is finished at the end of the block: FINISHED, or FAILED
    /// after an exception, whose traceback becomes the tag `tracklite.exception`.
    ///
    /// `parent` is the run in which it is nested. `started` is its start time, by default now.
    /// `capture` selects what is recorded about the environment: a `Capture`, or True for
    /// everything.
    ///
    /// >>> with database.default_experiment().start_run(tags={"stage": "try"}) as run:
    /// ...     run.tags()["stage"]
    /// 'try'
    #[pyo3(signature = (name="", *, parent=None, params=None, tags=None, user=None, started=None,
                        capture=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn start_run<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        parent: Option<&Bound<'_, PyAny>>,
        params: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        user: Option<&str>,
        started: Option<&Bound<'_, PyAny>>,
        capture: Option<Wanted<'_>>,
    ) -> PyResult<Bound<'py, Run>> {
        let mut builder = self.handle.get(py)?.new_run().name(name).tags(tag_pairs(tags)?);
        if let Some(parent) = parent {
            builder = builder.parent(run_id(parent)?);
        }
        if let Some(params) = params {
            builder = builder.params(flat_params(params)?);
        }
        if let Some(user) = user {
            builder = builder.user(user);
        }
        if let Some(started) = started {
            builder = builder.started(instant(started, "started")?);
        }
        let capture = capture.map(|wanted| wanted.prepared(py)).transpose()?;
        let run = Run::new(py, detached(py, || builder.start())?, &self.database)?;
        let run = Bound::new(py, run)?;
        capture.flatten().map_or(Ok(()), |capture| start_capture(&capture, &run))?;
        Ok(run)
    }
}

#[pymethods]
impl Run {
    /// Records the environment of the run, as selected by `what`. The default is everything.
    ///
    /// Git, command line, host and user become tags. The load of the machine becomes metrics
    /// `system/*` until the run is finished.
    ///
    /// >>> from tracklite import Capture
    /// >>> run.capture(Capture(git=False, system_metrics=None))
    /// >>> run.tags()["mlflow.source.type"]
    /// 'LOCAL'
    #[pyo3(signature = (what=None))]
    fn capture(slf: &Bound<'_, Self>, what: Option<Wanted<'_>>) -> PyResult<()> {
        let prepared = what.unwrap_or(Wanted::All(true)).prepared(slf.py())?;
        prepared.map_or(Ok(()), |prepared| start_capture(&prepared, slf))
    }
}

fn start_capture(prepared: &Prepared, run: &Bound<'_, Run>) -> PyResult<()> {
    let (py, this) = (run.py(), run.get());
    let capturing = this.handle.call(py, |run| prepared.capture.start(run))?;
    this.keep_capturing(py, capturing)?;
    if prepared.exceptions {
        delegated(run.as_any(), "_failure", "watch", ())?;
    }
    Ok(())
}

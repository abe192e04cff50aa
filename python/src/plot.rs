//! Plots of runs: with matplotlib, or with characters.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tracklite_cli::{PlotOptions, no_such_metric, plot_text};

use crate::detach::delegated;
use crate::entity::Object;
use crate::run::Run;

#[pymethods]
impl Run {
    /// Draws metrics with matplotlib onto `axes`, or onto new ones, and returns the axes.
    ///
    /// Draws all metrics if no keys are given. `columns`, `axis`, `range` and `smoothing` are those
    /// of `Database.curves`: the line is the mean of the points in a column of the chart, within a
    /// band of their extremes. `options` go to `axes.plot`. `plot_text` needs no matplotlib.
    #[pyo3(signature = (*keys, axes=None, columns=1000, axis="step", range=None, smoothing=None,
                        **options))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn plot<'py>(
        slf: &Bound<'py, Self>,
        keys: Vec<String>,
        axes: Option<&Bound<'py, PyAny>>,
        columns: usize,
        axis: &str,
        range: Option<(f64, f64)>,
        smoothing: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Object<'py>> {
        let keys = slf.get().chosen(slf.py(), keys)?;
        let query = PyDict::new(slf.py());
        query.set_item("columns", columns)?;
        query.set_item("axis", axis)?;
        query.set_item("range", range)?;
        query.set_item("smoothing", smoothing)?;
        delegated(slf.as_any(), "_plot", "plot_run", (keys, axes, query, options))
    }

    /// Draws a metric over its steps with characters, as the command `tracklite metrics` does.
    ///
    /// `width` is the number of characters in a line, `height` the number of lines of the curve.
    /// With `log_y`, the axis of values is logarithmic. With `ascii`, draws with ASCII only.
    ///
    /// >>> for step in range(5):
    /// ...     run.log_metric("loss", step, step)
    /// >>> print(run.plot_text("loss", width=21, height=5, ascii=True))
    ///      4 +           **
    ///        |        ***
    ///      2 +     ***
    ///        |  ***
    ///      0 +**
    ///        ++--+--+--+--+
    ///   step  0  1  2  3  4
    #[pyo3(signature = (key, *, width=80, height=16, log_y=false, ascii=false))]
    fn plot_text(
        &self,
        py: Python<'_>,
        key: &str,
        width: u16,
        height: u16,
        log_y: bool,
        ascii: bool,
    ) -> PyResult<String> {
        let (width, height) = (usize::from(width), usize::from(height));
        self.handle.call(py, |run| match run.history(key)? {
            history if history.is_empty() => Err(no_such_metric(run, key)?),
            history => Ok(plot_text(&history, PlotOptions { width, height, log_y, ascii })),
        })
    }
}

impl Run {
    /// Returns the chosen metrics, or all of them. Fails if the run does not have one.
    fn chosen(&self, py: Python<'_>, keys: Vec<String>) -> PyResult<Vec<String>> {
        self.handle.call(py, move |run| {
            let known = run.metrics()?;
            match keys.iter().find(|key| !known.contains_key(*key)) {
                Some(unknown) => Err(no_such_metric(run, unknown)?),
                None if keys.is_empty() => Ok(known.into_keys().collect()),
                None => Ok(keys),
            }
        })
    }
}

//! Differences between two runs, and the importance of params over many.

use pyo3::prelude::*;
use pyo3::types::PyList;
use tracklite::comparison::{CodeDiff, DiffLine, Hunk, PackageDiff};
use tracklite::importance::{Dependence, Importance, ImportanceQuery, ParamImportance};

use crate::convert::{run_id, text_list};
use crate::database::Database;
use crate::entity::{Entity, Fields, Object, to_list};
use crate::search::RunQuery;

#[pymethods]
impl Database {
    /// Returns the difference between the code of two runs: their commits, and their patches of
    /// uncommitted changes line by line.
    ///
    /// >>> other = experiment.start_run()
    /// >>> other.log_text("+rate = 0.2", "git/dirty.patch")
    /// >>> diff = database.code_diff(run, other)
    /// >>> diff.has_patch, diff.hunks[0].lines
    /// ((False, True), [('added', '+rate = 0.2')])
    fn code_diff<'py>(
        &self,
        py: Python<'py>,
        before: &Bound<'_, PyAny>,
        after: &Bound<'_, PyAny>,
    ) -> PyResult<Object<'py>> {
        let (before, after) = (run_id(before)?, run_id(after)?);
        self.handle.call(py, |database| database.code_diff(before, after))?.to_python(py)
    }

    /// Returns the difference between the packages of two runs. None if one has no list of them.
    ///
    /// >>> other = experiment.start_run()
    /// >>> run.log_text("numpy==2.1.0", "requirements.txt")
    /// >>> other.log_text("numpy==2.2.0", "requirements.txt")
    /// >>> database.package_diff(run, other).changed
    /// [('numpy', '2.1.0', '2.2.0')]
    fn package_diff<'py>(
        &self,
        py: Python<'py>,
        before: &Bound<'_, PyAny>,
        after: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Object<'py>>> {
        let (before, after) = (run_id(before)?, run_id(after)?);
        let diff = self.handle.call(py, |database| database.package_diff(before, after))?;
        diff.map(|diff| diff.to_python(py)).transpose()
    }

    /// Returns how much each param matters for a metric, over the runs that a search finds.
    ///
    /// `objective` is a field such as "metrics.loss" or "best.loss". With `log`, its logarithm
    /// counts. `exclude` names params to leave out. With `dependence`, the answer also has the mean
    /// objective for values of that param. Needs at least 20 runs with a finite value. The other
    /// arguments are those of `search_runs`.
    ///
    /// >>> for at in range(40):
    /// ...     with experiment.start_run(params={"rate": at % 10, "seed": at * 7 % 40}) as run:
    /// ...         run.log_metric("loss", at % 10)
    /// >>> found = database.importance("metrics.loss")
    /// >>> found.runs, found.params[0].key
    /// (40, 'rate')
    #[pyo3(signature = (objective, filter="", *, log=false, exclude=None, dependence=None,
                        experiments=None, view="active"))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn importance<'py>(
        &self,
        py: Python<'py>,
        objective: &str,
        filter: &str,
        log: bool,
        exclude: Option<&Bound<'_, PyAny>>,
        dependence: Option<&str>,
        experiments: Option<&Bound<'_, PyAny>>,
        view: &str,
    ) -> PyResult<Object<'py>> {
        let runs = RunQuery { filter, order_by: None, experiments, view, max_results: None };
        let search = runs.search(py)?;
        let mut query = ImportanceQuery::new(objective);
        if log {
            query = query.log();
        }
        for param in exclude.map(text_list).transpose()?.unwrap_or_default() {
            query = query.exclude(param);
        }
        if let Some(param) = dependence {
            query = query.dependence(param);
        }
        self.handle.call(py, |database| database.importance(&search, &query))?.to_python(py)
    }
}

impl Entity for CodeDiff {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let hunks = to_list(py, &self.hunks)?;
        Fields::new(py).add(self.commits.clone()).add(self.has_patch).add(hunks).build("CodeDiff")
    }
}

impl Entity for Hunk {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let lines = self.lines.iter().filter_map(|line| match line {
            DiffLine::Same(text) => Some(("same", text.as_str())),
            DiffLine::Removed(text) => Some(("removed", text.as_str())),
            DiffLine::Added(text) => Some(("added", text.as_str())),
            // The crate may gain a kind before this list does.
            _ => None,
        });
        let lines = PyList::new(py, lines.collect::<Vec<_>>())?;
        Fields::new(py).add(self.before).add(self.after).add(lines).build("Hunk")
    }
}

impl Entity for PackageDiff {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let changed = self.changed.iter().map(|package| {
            (package.name.as_str(), package.before.as_str(), package.after.as_str())
        });
        let changed = PyList::new(py, changed.collect::<Vec<_>>())?;
        let fields = Fields::new(py).add(self.added.clone()).add(self.removed.clone());
        fields.add(changed).add(self.same).build("PackageDiff")
    }
}

impl Entity for Importance {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.runs).add(self.explained);
        let fields = fields.add(to_list(py, &self.params)?);
        fields.add(to_list(py, &self.dependence)?).build("Importance")
    }
}

impl Entity for ParamImportance {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.key).add(self.importance).add(self.error);
        fields.add(self.correlation).add(self.runs).build("ParamImportance")
    }
}

impl Entity for Dependence {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let value = match self.number {
            Some(number) => Fields::new(py).add(number),
            None => Fields::new(py).add(self.text.clone()),
        };
        value.add(self.mean).build("Dependence")
    }
}

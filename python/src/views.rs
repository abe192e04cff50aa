//! Saved views: named states of the web page, which a team shares.

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::json;
use crate::database::Database;
use crate::entity::{Entity as _, Object, to_list};

#[pymethods]
impl Database {
    /// Returns all views as `SavedView`, ordered by name.
    fn views<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::Database::views)?)
    }

    /// Returns the view with this name.
    fn view<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Object<'py>> {
        self.handle.call(py, |database| database.view(name))?.to_python(py)
    }

    /// Saves a view atomically if its revision is still `expects`. Creates it with 0.
    ///
    /// `state` is a dict, or JSON of an object as text. The author is `user`, by default the user
    /// of this process. Raises `ConflictError` if the view has another revision by now, or exists
    /// although `expects` is 0. The change is durable when the call returns.
    ///
    /// >>> first = database.save_view("best runs", {"o": "metrics.loss"})
    /// >>> second = database.save_view("best runs", {"o": "metrics.auc"}, expects=first.revision)
    /// >>> database.view("best runs") == second, second.state
    /// (True, '{"o": "metrics.auc"}')
    /// >>> database.save_view("best runs", {}, expects=first.revision)
    /// Traceback (most recent call last):
    /// tracklite.exceptions.ConflictError: ...view "best runs" is not as expected: ...
    #[pyo3(signature = (name, state, *, expects=0, user=None))]
    fn save_view<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        state: &Bound<'_, PyAny>,
        expects: u64,
        user: Option<&str>,
    ) -> PyResult<Object<'py>> {
        let state = json(state)?;
        let saved = self.handle.call(py, |database| match user {
            Some(user) => database.save_view_as(user, name, &state, expects),
            None => database.save_view(name, &state, expects),
        })?;
        saved.to_python(py)
    }

    /// Deletes a view permanently if its revision is still `expects`.
    ///
    /// The change is that of `user`, by default the user of this process. Raises `ConflictError` if
    /// the view has another revision by now.
    #[pyo3(signature = (name, *, expects, user=None))]
    fn delete_view(
        &self,
        py: Python<'_>,
        name: &str,
        expects: u64,
        user: Option<&str>,
    ) -> PyResult<()> {
        self.handle.call(py, |database| match user {
            Some(user) => database.delete_view_as(user, name, expects),
            None => database.delete_view(name, expects),
        })
    }
}

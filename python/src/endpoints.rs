//! Endpoints: names under which a server of the file answers requests with models.

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::convert::instant;
use crate::database::Database;
use crate::endpoint_spec::{Changes, Wanted};
use crate::entity::{Entity as _, Object, to_list};
use crate::session::Handle;
use crate::table::Table;

/// The endpoints of a file: names under which a server answers requests with models.
///
/// The file states what to serve, and `tracklite serve` serves it. A change makes a configuration
/// that is pending until a server has loaded its models. Each change is durable when the call
/// returns.
///
/// >>> churn = database.registry().create_model("churn")
/// >>> first = churn.create_version("s3://models/churn/1")
/// >>> churn.set_alias("champion", first.version)
/// >>> endpoints = database.endpoints()
/// >>> endpoint = endpoints.create("churn-predictor", "models:/churn@champion")
/// >>> endpoint.pending.models[0].version, endpoint.active
/// (1, None)
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct Endpoints {
    handle: Handle<tracklite::endpoint::Endpoints>,
}

#[pymethods]
impl Database {
    /// Returns the endpoints of the file.
    fn endpoints(&self, py: Python<'_>) -> PyResult<Endpoints> {
        Ok(Endpoints { handle: self.handle.call_derive(py, |database| Ok(database.endpoints()))? })
    }
}

#[pymethods]
impl Endpoints {
    /// Returns all endpoints as `EndpointInfo`, ordered by name.
    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        to_list(py, &self.handle.call(py, tracklite::endpoint::Endpoints::list)?)
    }

    /// Returns the endpoint with this name.
    fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Object<'py>> {
        self.handle.call(py, |endpoints| endpoints.get(name))?.to_python(py)
    }

    /// Creates an endpoint.
    ///
    /// `models` is an address such as "models:/churn@champion", a `ServedModel`, or several of
    /// them. `routes` has the percentage of the requests for each name of a model. `timeout` is the
    /// most seconds of a request, `waiting` how many requests may wait, `workers` the number of
    /// processes, and `idle` after how many seconds a model ends that may scale to zero. The other
    /// arguments are those of `set`.
    ///
    /// >>> churn = database.registry().create_model("churn")
    /// >>> versions = [churn.create_version(f"s3://models/churn/{n}").version for n in (1, 2)]
    /// >>> models = [tracklite.ServedModel(f"models:/churn/{n}", name=f"v{n}") for n in versions]
    /// >>> made = database.endpoints().create("churn", models, routes={"v1": 90, "v2": 10})
    /// >>> [(model.name, model.percent) for model in made.pending.models]
    /// [('v1', 90), ('v2', 10)]
    #[pyo3(signature = (name, models, *, routes=None, timeout=None, waiting=None, workers=None,
                        idle=None, description=None, tags=None, grants=None, capture=None,
                        sample=100, durable=false))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn create<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        models: Bound<'py, PyAny>,
        routes: Option<Bound<'py, PyAny>>,
        timeout: Option<f64>,
        waiting: Option<u32>,
        workers: Option<u32>,
        idle: Option<f64>,
        description: Option<&str>,
        tags: Option<Bound<'py, PyAny>>,
        grants: Option<Bound<'py, PyAny>>,
        capture: Option<&str>,
        sample: u32,
        durable: bool,
    ) -> PyResult<Object<'py>> {
        let wanted = Wanted { models, routes, timeout, waiting, workers, idle };
        let changes = Changes { description, tags, grants, capture, sample, durable };
        let spec = wanted.spec(py)?.settings(changes.settings(py)?);
        self.handle.call(py, |endpoints| endpoints.create(name, &spec))?.to_python(py)
    }

    /// Begins to replace what an endpoint serves. The active models answer until a server has
    /// loaded the new ones.
    ///
    /// The arguments are those of `create`. With `expects`, the endpoint must still have this
    /// revision. Raises `ConflictError` if it has another one, or if another update is pending.
    #[pyo3(signature = (name, models, *, routes=None, timeout=None, waiting=None, workers=None,
                        idle=None, expects=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn update<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        models: Bound<'py, PyAny>,
        routes: Option<Bound<'py, PyAny>>,
        timeout: Option<f64>,
        waiting: Option<u32>,
        workers: Option<u32>,
        idle: Option<f64>,
        expects: Option<u64>,
    ) -> PyResult<Object<'py>> {
        let spec = Wanted { models, routes, timeout, waiting, workers, idle }.spec(py)?;
        self.handle.call(py, |endpoints| endpoints.update(name, &spec, expects))?.to_python(py)
    }

    /// Changes settings that hold at once, beside what is served. Those that are None stay.
    ///
    /// A tag of None is removed. `grants` replaces the levels by the names of users, such as
    /// "CAN_QUERY"; "users" means all of them, and other groups and services have the prefixes
    /// "group:" and "service:". `capture` is where requests and answers are written:
    /// "catalog.schema" or "catalog.schema.prefix"; an empty one ends it. `sample` is the
    /// percentage that is written. With `durable`, an answer waits until its row is synced.
    #[pyo3(signature = (name, *, description=None, tags=None, grants=None, capture=None,
                        sample=100, durable=false, expects=None))]
    #[expect(clippy::too_many_arguments, reason = "each argument is a keyword in Python")]
    fn set<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        description: Option<&str>,
        tags: Option<Bound<'py, PyAny>>,
        grants: Option<Bound<'py, PyAny>>,
        capture: Option<&str>,
        sample: u32,
        durable: bool,
        expects: Option<u64>,
    ) -> PyResult<Object<'py>> {
        let changes = Changes { description, tags, grants, capture, sample, durable };
        let settings = changes.settings(py)?;
        self.handle.call(py, |endpoints| endpoints.set(name, &settings, expects))?.to_python(py)
    }

    /// Deletes an endpoint permanently. With `expects`, it must still have this revision.
    #[pyo3(signature = (name, *, expects=None))]
    fn delete(&self, py: Python<'_>, name: &str, expects: Option<u64>) -> PyResult<()> {
        self.handle.call(py, |endpoints| endpoints.delete(name, expects))
    }

    /// Returns the requests to an endpoint and their answers, in the order in which they were
    /// written.
    ///
    /// `from_time` and `until` are the first and the last time of a request. `labels` is a stored
    /// table whose key is the id of a request, for example with what turned out to be true. With
    /// `legacy`, the columns are those of Databricks's earlier tables.
    #[pyo3(signature = (name, *, from_time=None, until=None, labels=None, legacy=false))]
    fn requests(
        &self,
        py: Python<'_>,
        name: &str,
        from_time: Option<&Bound<'_, PyAny>>,
        until: Option<&Bound<'_, PyAny>>,
        labels: Option<&str>,
        legacy: bool,
    ) -> PyResult<Table> {
        let from_time = from_time.map(|time| instant(time, "from_time")).transpose()?;
        let until = until.map(|time| instant(time, "until")).transpose()?;
        let table = self.handle.call(py, |endpoints| {
            let mut requests = endpoints.requests(name).legacy(legacy);
            if let Some(time) = from_time {
                requests = requests.from(time);
            }
            if let Some(time) = until {
                requests = requests.until(time);
            }
            if let Some(labels) = labels {
                requests = requests.labels(labels);
            }
            requests.table()
        })?;
        Table::from_engine(table)
    }

    fn __repr__(&self) -> String {
        String::from("Endpoints()")
    }
}

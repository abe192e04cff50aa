//! Infos and records as the frozen values of `tracklite.entities`.

use std::collections::BTreeMap;

use pyo3::conversion::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};
use tracklite::artifact::ArtifactInfo;
use tracklite::groups::Spread;
use tracklite::inputs::{Dataset, DatasetInput, DatasetSummary, ModelOutput, RunInputs};
use tracklite::lineage::{LineageEdge, LineageGraph, LineageNode};
use tracklite::logged_model::{LoggedModelInfo, LoggedModelMetric};
use tracklite::registry::{ModelVersionInfo, RegisteredModelInfo};
use tracklite::upkeep::{DatabaseInfo, SalvageReport, VerifyReport, WriterInfo};
use tracklite::view::SavedView;
use tracklite::{
    Changes, ExperimentInfo, KeyKind, KeySummary, MetricPoint, MetricStatistics, RunHealth,
    RunInfo, RunRecord, SqlTable, SqlValue, Timestamp,
};

/// A value of Python.
pub(crate) type Object<'py> = Bound<'py, PyAny>;

/// A type with a counterpart in `tracklite.entities`.
pub(crate) trait Entity {
    /// Converts it to the Python value.
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>>;
}

/// Converts values to a list.
pub(crate) fn to_list<'py, E: Entity>(
    py: Python<'py>,
    items: &[E],
) -> PyResult<Bound<'py, PyList>> {
    let items = items.iter().map(|item| item.to_python(py)).collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, items)
}

/// Converts one page of results.
pub(crate) fn to_page<'py, E: Entity>(
    py: Python<'py>,
    items: &[E],
    next_page_token: Option<String>,
) -> PyResult<Object<'py>> {
    entity_class(py, "Page")?.call1((to_list(py, items)?, next_page_token))
}

/// Returns a class or function of `tracklite.entities`.
fn entity_class<'py>(py: Python<'py>, name: &str) -> PyResult<Object<'py>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module =
        MODULE.get_or_try_init(py, || py.import("tracklite.entities").map(Bound::unbind))?;
    module.bind(py).getattr(name)
}

/// The arguments of a class, in the order of its fields.
pub(crate) struct Fields<'py> {
    py: Python<'py>,
    values: PyResult<Vec<Object<'py>>>,
}

impl<'py> Fields<'py> {
    pub(crate) fn new(py: Python<'py>) -> Self {
        Fields { py, values: Ok(Vec::new()) }
    }

    pub(crate) fn add(self, value: impl IntoPyObject<'py>) -> Self {
        let py = self.py;
        self.object(value.into_bound_py_any(py))
    }

    pub(crate) fn object(mut self, value: PyResult<Object<'py>>) -> Self {
        if let Ok(values) = &mut self.values {
            match value {
                Ok(value) => values.push(value),
                Err(error) => self.values = Err(error),
            }
        }
        self
    }

    pub(crate) fn time(self, time: Timestamp) -> Self {
        let py = self.py;
        self.object(instant(py, time))
    }

    /// Adds a time, or None.
    pub(crate) fn maybe_time(self, time: Option<Timestamp>) -> Self {
        let py = self.py;
        let none = || Ok(py.None().into_bound(py));
        self.object(time.map_or_else(none, |time| instant(py, time)))
    }

    /// Adds the value of a JSON text.
    pub(crate) fn json(self, text: &str) -> Self {
        let json = self.py.import("json");
        self.object(json.and_then(|json| json.call_method1("loads", (text,))))
    }

    /// Adds a member of an enum.
    fn choice(self, class: &str, text: &str) -> Self {
        let py = self.py;
        self.object(entity_class(py, class).and_then(|class| class.call1((text,))))
    }

    pub(crate) fn entity(self, entity: &impl Entity) -> Self {
        let py = self.py;
        self.object(entity.to_python(py))
    }

    /// Adds an entity, or None.
    pub(crate) fn optional(self, entity: Option<&impl Entity>) -> Self {
        let py = self.py;
        let none = || Ok(py.None().into_bound(py));
        self.object(entity.map_or_else(none, |entity| entity.to_python(py)))
    }

    pub(crate) fn entities<E: Entity>(self, entities: &[E]) -> Self {
        let py = self.py;
        self.object(to_list(py, entities).map(Bound::into_any))
    }

    pub(crate) fn build(self, class: &str) -> PyResult<Object<'py>> {
        let arguments = PyTuple::new(self.py, self.values?)?;
        entity_class(self.py, class)?.call1(arguments)
    }
}

/// Converts a time to a `datetime` in UTC, in whole microseconds.
pub(crate) fn instant(py: Python<'_>, time: Timestamp) -> PyResult<Object<'_>> {
    entity_class(py, "_instant")?.call1((time.as_nanos(),))
}

/// Converts a node of a lineage.
pub(crate) fn lineage_node<'py>(
    py: Python<'py>,
    node: &LineageNode,
    name: &str,
) -> PyResult<Object<'py>> {
    Fields::new(py).add(node.kind()).add(node.to_string()).add(name).build("LineageNode")
}

/// Converts an edge of a lineage, with the names of its nodes in `graph`.
pub(crate) fn lineage_edge<'py>(
    py: Python<'py>,
    edge: &LineageEdge,
    graph: &LineageGraph,
) -> PyResult<Object<'py>> {
    let end = |node| lineage_node(py, node, graph.nodes.get(node).map_or("", String::as_str));
    let fields = Fields::new(py).object(end(&edge.from)).add(edge.kind.as_str());
    fields.object(end(&edge.to)).build("LineageEdge")
}

impl Entity for ExperimentInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.id.get()).add(&self.path);
        let fields = fields.choice("Lifecycle", self.lifecycle.as_str()).time(self.created);
        fields.time(self.updated).add(&self.tags).build("ExperimentInfo")
    }
}

impl Entity for MetricPoint {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.step).add(self.time.as_nanos()).add(self.value);
        fields.build("MetricPoint")
    }
}

/// Converts points by key to a dict.
pub(crate) fn points<'py>(
    py: Python<'py>,
    points: &BTreeMap<String, MetricPoint>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, point) in points {
        dict.set_item(key, point.to_python(py)?)?;
    }
    Ok(dict)
}

impl Entity for MetricStatistics {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.count).add(self.nan_count);
        let fields = fields.add(self.first_step).add(self.last_step).add(self.min).add(self.max);
        fields.add(self.sum).add(self.mean()).entity(&self.latest).build("MetricStatistics")
    }
}

impl Entity for Dataset {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.name).add(&self.digest).add(&self.source_type);
        fields.add(&self.source).add(&self.schema).add(&self.profile).build("Dataset")
    }
}

impl Entity for DatasetInput {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        Fields::new(py).entity(&self.dataset).add(&self.tags).build("DatasetInput")
    }
}

impl Entity for DatasetSummary {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.experiment.get()).add(&self.name);
        fields.add(&self.digest).add(&self.context).build("DatasetSummary")
    }
}

impl Entity for ModelOutput {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        Fields::new(py).add(&self.model).add(self.step).build("ModelOutput")
    }
}

impl Entity for RunInputs {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        Fields::new(py).entities(&self.datasets).add(&self.models).build("RunInputs")
    }
}

impl Entity for RunInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let ended = self.ended.map(|time| instant(py, time)).transpose();
        let fields = Fields::new(py).add(self.id.to_string()).add(self.experiment.get());
        let fields = fields.add(&self.name).add(self.parent.map(|id| id.to_string()));
        let fields = fields.add(&self.user).choice("RunStatus", self.status.as_str());
        let fields = fields.time(self.started).add(ended?);
        fields.choice("Lifecycle", self.lifecycle.as_str()).build("RunInfo")
    }
}

impl Entity for RunRecord {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).entity(&self.info).add(&self.params).add(&self.tags);
        let fields = fields.add(points(py, &self.metrics)?).entities(&self.datasets);
        fields.add(&self.model_inputs).entities(&self.model_outputs).build("RunRecord")
    }
}

impl Entity for RunHealth {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        entity_class(py, "RunHealth")?.call1((self.as_str(),))
    }
}

impl Entity for KeySummary {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let kind = match self.kind {
            KeyKind::Param => "param",
            KeyKind::Metric => "metric",
            KeyKind::Tag => "tag",
        };
        let fields = Fields::new(py).add(kind).add(&self.key).add(self.runs).add(self.distinct);
        fields.add(self.is_constant).add(self.range).build("KeySummary")
    }
}

impl Entity for Spread {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.count).add(self.mean).add(self.deviation);
        fields.add(self.min).add(self.max).build("Spread")
    }
}

impl Entity for SavedView {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.name).add(&self.state).add(&self.author);
        fields.add(self.revision).time(self.created).time(self.updated).build("SavedView")
    }
}

impl Entity for Changes {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.cursor.to_string()).add(self.runs);
        fields.add(self.registry).add(self.points).add(self.writers).build("Changes")
    }
}

impl Entity for ArtifactInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.path).add(self.is_folder).add(self.size);
        let fields = fields.add(&self.media_type).add(&self.digest).add(&self.uri);
        fields.time(self.written).build("ArtifactInfo")
    }
}

impl Entity for LoggedModelMetric {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.key).add(self.value).add(self.step);
        let fields = fields.add(self.time.as_nanos()).add(self.run.map(|id| id.to_string()));
        fields.add(self.dataset.clone()).build("LoggedModelMetric")
    }
}

impl Entity for LoggedModelInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.id.to_string()).add(self.experiment.get());
        let fields = fields.add(&self.name).add(&self.model_type);
        let fields = fields.add(&self.source_run);
        let fields = fields.choice("LoggedModelStatus", self.status.as_str());
        let fields = fields.add(&self.status_message).time(self.created).time(self.updated);
        let fields = fields.choice("Lifecycle", self.lifecycle.as_str());
        let fields = fields.add(&self.params).add(&self.tags).entities(&self.metrics);
        fields.add(&self.signature).add(&self.input_example).build("LoggedModelInfo")
    }
}

impl Entity for ModelVersionInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let digest =
            self.digest.map(|hash| tracklite::artifact::ContentHash::from_bytes(hash).to_string());
        let fields = Fields::new(py).add(&self.name).add(self.version).time(self.created);
        let fields = fields.time(self.updated).add(&self.description).add(&self.user);
        let fields = fields.choice("ModelStage", self.stage.as_str()).add(&self.source);
        let fields = fields.add(&self.location).add(&self.run);
        let fields = fields.add(&self.run_link).add(self.logged_model.map(|id| id.to_string()));
        let fields = fields.choice("ModelVersionStatus", self.status.as_str());
        let fields = fields.add(&self.status_message).add(&self.signature).add(digest);
        fields.add(&self.tags).add(&self.aliases).build("ModelVersionInfo")
    }
}

impl Entity for RegisteredModelInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.name).add(&self.description).time(self.created);
        let fields = fields.time(self.updated).add(&self.tags).add(&self.aliases);
        fields.entities(&self.latest_versions).build("RegisteredModelInfo")
    }
}

impl Entity for SqlTable {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let row = |row: &Vec<SqlValue>| -> PyResult<Bound<'py, PyTuple>> {
            let values = row.iter().map(|value| sql_value(py, value));
            PyTuple::new(py, values.collect::<PyResult<Vec<_>>>()?)
        };
        let rows = self.rows.iter().map(row).collect::<PyResult<Vec<_>>>()?;
        Fields::new(py).add(&self.columns).add(rows).build("SqlTable")
    }
}

fn sql_value<'py>(py: Python<'py>, value: &SqlValue) -> PyResult<Object<'py>> {
    match value {
        SqlValue::Null => Ok(py.None().into_bound(py)),
        SqlValue::Integer(number) => number.into_bound_py_any(py),
        SqlValue::Real(number) => number.into_bound_py_any(py),
        SqlValue::Text(text) => text.into_bound_py_any(py),
        SqlValue::Blob(bytes) => bytes.as_slice().into_bound_py_any(py),
    }
}

impl Entity for WriterInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.process).add(&self.host).time(self.opened);
        fields.add(self.alive).build("WriterInfo")
    }
}

impl Entity for DatabaseInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.path).add(format!("{:032x}", self.file_id));
        let fields = fields.add(self.format_version).time(self.created).add(self.file_bytes);
        let fields = fields.add(self.allocated_bytes).add(self.experiments).add(self.runs);
        let fields = fields.add(self.points).add(self.unsealed_bytes).add(self.chain_bytes);
        let fields = fields.entities(&self.writers).add(&self.index_path);
        fields.add(&self.warnings).build("DatabaseInfo")
    }
}

impl Entity for tracklite::upkeep::GcReport {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.runs).add(self.experiments);
        fields.add(self.logged_models).add(self.freed_bytes).build("GcReport")
    }
}

impl Entity for tracklite::upkeep::VacuumReport {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        Fields::new(py).add(self.before_bytes).add(self.after_bytes).build("VacuumReport")
    }
}

impl Entity for tracklite::upkeep::Damage {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(&self.place).add(self.offset);
        fields.add(&self.wanted).add(&self.got).build("Damage")
    }
}

impl Entity for VerifyReport {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.frames).add(self.runs).add(self.points);
        let fields = fields.add(self.blocks).add(self.artifacts).add(self.chunks);
        fields.entities(&self.damages).add(&self.notes).build("VerifyReport")
    }
}

impl Entity for SalvageReport {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Object<'py>> {
        let fields = Fields::new(py).add(self.runs).add(self.points).add(self.frames);
        fields.add(&self.lost).build("SalvageReport")
    }
}

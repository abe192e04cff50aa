//! Lineage: what was made from what.

use pyo3::prelude::*;
use pyo3::types::PyList;
use tracklite::lineage::{LineageDirection, LineageNode};

use crate::convert::{logged_model_id, run_id};
use crate::database::Database;
use crate::entity::{lineage_edge, lineage_node};
use crate::error::invalid_input;

/// Runs, models, versions and datasets, and how each was made from the others.
///
/// >>> model = experiment.create_logged_model("forest", source_run=run)
/// >>> run.log_model_output(model)
/// >>> graph = database.lineage(model)
/// >>> [(edge.source.kind, edge.kind, edge.target.name) for edge in graph.edges]
/// [('run', 'output', 'forest')]
#[pyclass(frozen, module = "tracklite")]
pub(crate) struct LineageGraph {
    graph: tracklite::lineage::LineageGraph,
}

#[pymethods]
impl LineageGraph {
    /// The nodes, ordered by kind, as `LineageNode`.
    #[getter]
    fn nodes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let nodes = self.graph.nodes.iter().map(|(node, name)| lineage_node(py, node, name));
        PyList::new(py, nodes.collect::<PyResult<Vec<_>>>()?)
    }

    /// The edges from source to target, as `LineageEdge`.
    #[getter]
    fn edges<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let edges = self.graph.edges.iter().map(|edge| lineage_edge(py, edge, &self.graph));
        PyList::new(py, edges.collect::<PyResult<Vec<_>>>()?)
    }

    /// Returns the graph as a Mermaid flowchart, which Markdown pages render.
    ///
    /// >>> run.log_model_output(experiment.create_logged_model("forest"))
    /// >>> print(database.lineage(run).mermaid())
    /// flowchart LR
    ///     n0["run: baseline"]
    ///     n1["logged model: forest"]
    ///     n0 -->|output| n1
    /// <BLANKLINE>
    fn mermaid(&self) -> String {
        self.graph.to_mermaid()
    }

    /// Returns the graph in DOT, the language of Graphviz.
    fn dot(&self) -> String {
        self.graph.to_dot()
    }

    fn __repr__(&self) -> String {
        let (nodes, edges) = (self.graph.nodes.len(), self.graph.edges.len());
        format!("LineageGraph({nodes} nodes, {edges} edges)")
    }

    fn _repr_markdown_(&self) -> String {
        format!("```mermaid\n{}```\n", self.graph.to_mermaid())
    }
}

#[pymethods]
impl Database {
    /// Returns what a run, a model or a version was made from, and what was made from it.
    ///
    /// `node` is a handle, an ID, "models:/name/1", "models:/name@alias", "tables:/name" or
    /// "endpoints:/name". `direction` is "both", "upstream" or "downstream".
    #[pyo3(signature = (node, *, direction="both"))]
    fn lineage(
        &self,
        py: Python<'_>,
        node: &Bound<'_, PyAny>,
        direction: &str,
    ) -> PyResult<LineageGraph> {
        let (node, direction) = (self::node(node)?, self::direction(py, direction)?);
        let graph = self.handle.call(py, |database| database.lineage(&node, direction))?;
        Ok(LineageGraph { graph })
    }
}

/// Converts a node: a handle, an ID, or an address of the registry.
pub(crate) fn node(value: &Bound<'_, PyAny>) -> PyResult<LineageNode> {
    let py = value.py();
    let Ok(text) = value.extract::<String>() else {
        return run_id(value)
            .map(LineageNode::Run)
            .or_else(|_| logged_model_id(value).map(LineageNode::LoggedModel));
    };
    if let Some(name) = text.strip_prefix("tables:/") {
        return Ok(LineageNode::Table(name.to_owned()));
    }
    if let Some(name) = text.strip_prefix("endpoints:/") {
        return Ok(LineageNode::Endpoint(name.to_owned()));
    }
    let Some(address) = text.strip_prefix("models:/") else {
        return match text.starts_with("m-") {
            true => logged_model_id(value).map(LineageNode::LoggedModel),
            false => run_id(value).map(LineageNode::Run),
        };
    };
    if let Some((name, alias)) = address.split_once('@') {
        return Ok(LineageNode::Alias { name: name.to_owned(), alias: alias.to_owned() });
    }
    let parts = address.rsplit_once('/');
    match parts.and_then(|(name, version)| Some((name, version.parse().ok()?))) {
        Some((name, version)) => Ok(LineageNode::ModelVersion { name: name.to_owned(), version }),
        None => {
            let message = format!(
                "{text:?} has no version and no alias: expected models:/name/1 or \
                 models:/name@alias"
            );
            Err(invalid_input(py, &message))
        }
    }
}

/// Converts a direction: both, upstream or downstream.
pub(crate) fn direction(py: Python<'_>, text: &str) -> PyResult<LineageDirection> {
    match text {
        "both" => Ok(LineageDirection::Both),
        "upstream" => Ok(LineageDirection::Upstream),
        "downstream" => Ok(LineageDirection::Downstream),
        _ => {
            let message =
                format!("direction is {text:?}: expected \"both\", \"upstream\" or \"downstream\"");
            Err(invalid_input(py, &message))
        }
    }
}

//! Lineage: what was made of what.

use pyo3::prelude::*;
use tracklite::{LineageDirection, LineageNode};

use crate::convert::{logged_model_id, run_id};
use crate::database::Database;
use crate::detach::detached;
use crate::error::invalid_input;
use crate::frame::Frame;

/// The thing that a text names: `models:/name/1`, `models:/name@alias`, the id of a logged model
/// or of a run; or a handle of one of these.
fn node(value: &Bound<'_, PyAny>) -> PyResult<LineageNode> {
    let py = value.py();
    let Ok(text) = value.extract::<String>() else {
        return run_id(value)
            .map(LineageNode::Run)
            .or_else(|_| logged_model_id(value).map(LineageNode::LoggedModel));
    };
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
        None => Err(invalid_input(py, &format!("{text:?} names no version and no alias"))),
    }
}

#[pymethods]
impl Database {
    /// What a run, a model or a version was made of, and what was made of it, step by step:
    /// `from_kind, from, from_name, kind, to_kind, to, to_name`.
    ///
    /// `direction` is "both", "upstream" or "downstream".
    ///
    /// >>> model = experiment.create_logged_model("forest", source_run=run)
    /// >>> run.log_model_output(model)
    /// >>> database.lineage(model)["kind"]
    /// ['output']
    #[pyo3(signature = (node, *, direction="both"))]
    fn lineage(&self, py: Python<'_>, node: &Bound<'_, PyAny>, direction: &str) -> PyResult<Frame> {
        let node = self::node(node)?;
        let direction = match direction {
            "both" => LineageDirection::Both,
            "upstream" => LineageDirection::Upstream,
            "downstream" => LineageDirection::Downstream,
            _ => {
                let message = format!(
                    "direction is {direction:?}: it takes \"both\", \"upstream\" or \"downstream\""
                );
                return Err(invalid_input(py, &message));
            }
        };
        Ok(Frame { frame: detached(py, || self.inner.lineage_frame(&node, direction))? })
    }
}

//! Lineage: a typed graph of what was made from what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::entity::id::{ExperimentId, LoggedModelId, RunId};

/// A node of a lineage graph. The variants are ordered from raw data to endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LineageNode {
    /// A stored table.
    Table(String),
    /// A dataset of an experiment.
    Dataset {
        /// The experiment whose runs used it.
        experiment: ExperimentId,
        /// The name.
        name: String,
        /// The digest.
        digest: String,
    },
    /// A run.
    Run(RunId),
    /// A logged model.
    LoggedModel(LoggedModelId),
    /// A version of a registered model.
    ModelVersion {
        /// The name of the registered model.
        name: String,
        /// The version number.
        version: u64,
    },
    /// An alias of a registered model.
    Alias {
        /// The name of the registered model.
        name: String,
        /// The alias.
        alias: String,
    },
    /// A serving endpoint.
    Endpoint(String),
}

impl LineageNode {
    /// Returns the kind of the node: `table`, `dataset`, `run`, `logged model`, `model version`,
    /// `alias` or `endpoint`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            LineageNode::Dataset { .. } => "dataset",
            LineageNode::Run(_) => "run",
            LineageNode::LoggedModel(_) => "logged model",
            LineageNode::ModelVersion { .. } => "model version",
            LineageNode::Alias { .. } => "alias",
            LineageNode::Table(_) => "table",
            LineageNode::Endpoint(_) => "endpoint",
        }
    }
}

/// Displays the id, the address of a model, table or endpoint, or name and digest.
impl fmt::Display for LineageNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineageNode::Dataset { experiment, name, digest } => {
                write!(f, "{experiment}/{name}@{digest}")
            }
            LineageNode::Run(id) => write!(f, "{id}"),
            LineageNode::LoggedModel(id) => write!(f, "{id}"),
            LineageNode::ModelVersion { name, version } => write!(f, "models:/{name}/{version}"),
            LineageNode::Alias { name, alias } => write!(f, "models:/{name}@{alias}"),
            LineageNode::Table(name) => write!(f, "tables:/{name}"),
            LineageNode::Endpoint(name) => write!(f, "endpoints:/{name}"),
        }
    }
}

/// The kind of a step from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LineageKind {
    /// The run used the dataset or the logged model.
    Input,
    /// The run created the logged model.
    Output,
    /// The run or logged model was registered as the version.
    Registered,
    /// The version was copied to another version.
    Copied,
    /// The alias points to the version.
    Named,
    /// The dataset is a version of the table.
    Read,
    /// The endpoint serves the version or follows the alias.
    Served,
    /// The endpoint writes its requests to the table.
    Recorded,
}

impl LineageKind {
    /// Returns the kind as text: `input`, `output`, `registered`, `copied`, `named`, `read`,
    /// `served` or `recorded`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LineageKind::Input => "input",
            LineageKind::Output => "output",
            LineageKind::Registered => "registered",
            LineageKind::Copied => "copied",
            LineageKind::Named => "named",
            LineageKind::Read => "read",
            LineageKind::Served => "served",
            LineageKind::Recorded => "recorded",
        }
    }
}

/// A directed edge of a lineage graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct LineageEdge {
    /// The origin.
    pub from: LineageNode,
    /// The result.
    pub to: LineageNode,
    /// The relation between them.
    pub kind: LineageKind,
}

/// The direction in which lineage is traversed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineageDirection {
    /// Towards the origins.
    Upstream,
    /// Towards the results.
    Downstream,
    /// Both directions from the starting node. Siblings made from the same origins are excluded.
    #[default]
    Both,
}

/// A lineage graph without duplicate nodes or edges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineageGraph {
    /// The nodes with their display names.
    pub nodes: BTreeMap<LineageNode, String>,
    /// The edges.
    pub edges: BTreeSet<LineageEdge>,
}

impl LineageGraph {
    /// Renders the graph as a Mermaid flowchart for Markdown.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (place, (node, label)) in self.nodes.iter().enumerate() {
            let label =
                escaped(&format!("{}: {label}", node.kind()), |character| match character {
                    '"' => Some("#quot;"),
                    '#' => Some("#35;"),
                    '<' => Some("#lt;"),
                    '>' => Some("#gt;"),
                    '&' => Some("#amp;"),
                    '`' => Some("#96;"),
                    _ => None,
                });
            text.push_str(&format!("    n{place}[\"{label}\"]\n"));
        }
        self.each_edge(|from, to, kind| {
            text.push_str(&format!("    n{from} -->|{}| n{to}\n", kind.as_str()));
        });
        text
    }

    /// Renders the graph in the DOT language of Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut text = String::from("digraph lineage {\n    rankdir=LR;\n    node [shape=box];\n");
        for (place, (node, label)) in self.nodes.iter().enumerate() {
            let label =
                escaped(&format!("{}: {label}", node.kind()), |character| match character {
                    '"' => Some("\\\""),
                    '\\' => Some("\\\\"),
                    _ => None,
                });
            text.push_str(&format!("    n{place} [label=\"{label}\"];\n"));
        }
        self.each_edge(|from, to, kind| {
            text.push_str(&format!("    n{from} -> n{to} [label=\"{}\"];\n", kind.as_str()));
        });
        text.push_str("}\n");
        text
    }

    /// Visits the edges as pairs of node indices.
    fn each_edge(&self, mut visit: impl FnMut(usize, usize, LineageKind)) {
        let places: BTreeMap<&LineageNode, usize> = self.nodes.keys().zip(0..).collect();
        for LineageEdge { from, to, kind } in &self.edges {
            if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
                visit(*from, *to, *kind);
            }
        }
    }
}

/// Replaces special characters and puts the text on one line.
fn escaped(text: &str, replaced: impl Fn(char) -> Option<&'static str>) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match replaced(character) {
            Some(other) => written.push_str(other),
            None if character.is_control() => written.push(' '),
            None => written.push(character),
        }
    }
    written
}

//! Lineage: what was made of what, as a typed graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::entity::id::{ExperimentId, LoggedModelId, RunId};

/// One thing in a lineage; the kinds stand in the order in which they are made of each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LineageNode {
    /// A dataset of an experiment.
    Dataset {
        /// The experiment whose runs were given it.
        experiment: ExperimentId,
        /// Its name.
        name: String,
        /// Its digest.
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
        /// The number of the version.
        version: u64,
    },
    /// An alias of a registered model.
    Alias {
        /// The name of the registered model.
        name: String,
        /// The alias.
        alias: String,
    },
}

impl LineageNode {
    /// What kind of thing it is: `dataset`, `run`, `logged model`, `model version` or `alias`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            LineageNode::Dataset { .. } => "dataset",
            LineageNode::Run(_) => "run",
            LineageNode::LoggedModel(_) => "logged model",
            LineageNode::ModelVersion { .. } => "model version",
            LineageNode::Alias { .. } => "alias",
        }
    }
}

/// By what it is found: an id, an address of the registry, or name and digest.
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
        }
    }
}

/// How one thing came of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LineageKind {
    /// The run was given the dataset or the logged model.
    Input,
    /// The run made the logged model.
    Output,
    /// The run or the logged model was registered as the version.
    Registered,
    /// The version was copied to another one.
    Copied,
    /// The alias names the version.
    Named,
}

impl LineageKind {
    /// `input`, `output`, `registered`, `copied` or `named`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LineageKind::Input => "input",
            LineageKind::Output => "output",
            LineageKind::Registered => "registered",
            LineageKind::Copied => "copied",
            LineageKind::Named => "named",
        }
    }
}

/// One step of a lineage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct LineageEdge {
    /// What was there before.
    pub from: LineageNode,
    /// What came of it.
    pub to: LineageNode,
    /// How.
    pub kind: LineageKind,
}

/// Which way a lineage is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineageDirection {
    /// To what it was made of.
    Upstream,
    /// To what was made of it.
    Downstream,
    /// Both ways from where it begins; not to what else was made of the same.
    #[default]
    Both,
}

/// Things and how they came of each other; each thing and each step stands once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineageGraph {
    /// The things with their names for people.
    pub nodes: BTreeMap<LineageNode, String>,
    /// The steps.
    pub edges: BTreeSet<LineageEdge>,
}

impl LineageGraph {
    /// The graph as a flowchart of Mermaid, as Markdown shows it.
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

    /// The graph in the language DOT of Graphviz.
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

    /// Visits the steps by the places of their nodes.
    fn each_edge(&self, mut visit: impl FnMut(usize, usize, LineageKind)) {
        let places: BTreeMap<&LineageNode, usize> = self.nodes.keys().zip(0..).collect();
        for LineageEdge { from, to, kind } in &self.edges {
            if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
                visit(*from, *to, *kind);
            }
        }
    }
}

/// The text on one line, with some characters written otherwise.
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

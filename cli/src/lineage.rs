//! `tracklite lineage`: the sources of a thing, and what was made from it.

use serde::Serialize;
use tracklite::lineage::{LineageDirection, LineageGraph, LineageNode};
use tracklite::registry::{ModelTarget, ModelUri};
use tracklite::{Database, Result};

use crate::args::LineageArgs;
use crate::json;
use crate::terminal::Terminal;
use crate::{Exit, Outcome, text};

#[derive(Serialize)]
struct GraphObject<'a> {
    nodes: Vec<NodeObject<'a>>,
    edges: Vec<EdgeObject>,
}

#[derive(Serialize)]
struct NodeObject<'a> {
    kind: &'static str,
    id: String,
    name: &'a str,
}

#[derive(Serialize)]
struct EdgeObject {
    from: String,
    kind: &'static str,
    to: String,
}

impl<'a> From<&'a LineageGraph> for GraphObject<'a> {
    fn from(graph: &'a LineageGraph) -> Self {
        let nodes = graph.nodes.iter().map(|(node, name)| NodeObject {
            kind: node.kind(),
            id: node.to_string(),
            name,
        });
        let edges = graph.edges.iter().map(|edge| EdgeObject {
            from: edge.from.to_string(),
            kind: edge.kind.as_str(),
            to: edge.to.to_string(),
        });
        GraphObject { nodes: nodes.collect(), edges: edges.collect() }
    }
}

/// Prints a lineage as steps, JSON, Mermaid or DOT.
pub(crate) fn lineage(args: &LineageArgs, terminal: &mut Terminal) -> Outcome {
    let database = Database::open_read_only(&args.file.path)?;
    let direction = match (args.upstream, args.downstream) {
        (true, false) => LineageDirection::Upstream,
        (false, true) => LineageDirection::Downstream,
        _ => LineageDirection::Both,
    };
    let graph = database.lineage(&node(&database, &args.of)?, direction)?;
    if args.output.json {
        json::print(terminal, &GraphObject::from(&graph))?;
    } else if args.mermaid {
        terminal.line(graph.to_mermaid().trim_end())?;
    } else if args.dot {
        terminal.line(graph.to_dot().trim_end())?;
    } else {
        print_steps(&graph, terminal)?;
    }
    Ok(Exit::Success)
}

fn print_steps(graph: &LineageGraph, terminal: &mut Terminal) -> Outcome {
    let label = |node: &LineageNode| {
        let name = graph.nodes.get(node).map_or("", String::as_str);
        format!("{} {}", node.kind(), text::printable(name))
    };
    for edge in &graph.edges {
        let (from, to) = (label(&edge.from), label(&edge.to));
        terminal.line(&format!("{from} --{}--> {to}", edge.kind.as_str()))?;
    }
    if graph.edges.is_empty() {
        terminal.line("no sources, and nothing was made from it")?;
    }
    Ok(Exit::Success)
}

/// Finds the node for an address, the id of a logged model, or the start of the id of a run.
fn node(database: &Database, word: &str) -> Result<LineageNode> {
    if let Ok(id) = word.parse() {
        return Ok(LineageNode::LoggedModel(id));
    }
    if let Some(name) = word.strip_prefix("tables:/") {
        return Ok(LineageNode::Table(name.to_owned()));
    }
    if let Some(name) = word.strip_prefix("endpoints:/") {
        return Ok(LineageNode::Endpoint(name.to_owned()));
    }
    if !ModelUri::is_claimed_by(word) {
        return database.run_by_prefix(word).map(|run| LineageNode::Run(run.id()));
    }
    let uri: ModelUri = word.parse()?;
    match uri.target {
        ModelTarget::Run(id) => Ok(LineageNode::Run(id)),
        ModelTarget::LoggedModel(id) => Ok(LineageNode::LoggedModel(id)),
        ModelTarget::Alias { name, alias } => Ok(LineageNode::Alias { name, alias }),
        ModelTarget::Version { name, version } => Ok(LineageNode::ModelVersion { name, version }),
        ref target => {
            let found = database.registry().resolve(&target.to_string())?.version;
            let (name, version) =
                found.map(|found| (found.name, found.version)).unwrap_or_default();
            Ok(LineageNode::ModelVersion { name, version })
        }
    }
}

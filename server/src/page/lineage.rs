//! Lineage: the graph around a thing, with a place for each node.

use serde::Serialize;
use tracklite::lineage::{LineageDirection, LineageNode};
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, text, whole};
use crate::mlflow::queries;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[Route {
    method: Verb::Get,
    path: "/lineage",
    needs: Scope::Read,
    takes: &[text("kind").required(), text("id").required(), text("direction"), whole("depth")],
    returns: shape::<Graph>(),
    handler: graph,
}];

/// A graph whose nodes have places.
#[derive(Serialize, ToSchema)]
#[schema(as = PageLineage)]
struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// A node.
#[derive(Serialize, ToSchema)]
#[schema(as = PageLineageNode)]
struct Node {
    /// The id, which the call takes again.
    id: String,
    kind: &'static str,
    label: String,
    layer: usize,
    row: usize,
}

/// An edge from an origin to a result.
#[derive(Serialize, ToSchema)]
#[schema(as = PageLineageEdge)]
struct Edge {
    from: String,
    to: String,
    label: &'static str,
}

/// The prefix of the addresses of versions and aliases.
const REGISTRY: &str = "models:/";
const TABLES: &str = "tables:/";
const ENDPOINTS: &str = "endpoints:/";

fn graph(call: &Call) -> Outcome<Reply> {
    let args = &call.args;
    let start = node(args.need("kind")?, args.need("id")?)?;
    let direction = match args.text("direction") {
        None | Some("both") => LineageDirection::Both,
        Some("up") => LineageDirection::Upstream,
        Some("down") => LineageDirection::Downstream,
        Some(other) => {
            return Err(Failure::invalid(format!(
                "unknown direction {other:?}: expected \"both\", \"up\" or \"down\""
            )));
        }
    };
    let mut graph = call.database().lineage(&start, direction)?;
    if let Some(depth) = args.whole("depth") {
        let depth = usize::try_from(depth).map_err(|_| {
            Failure::invalid(format!("depth is {depth}: expected a number of steps, from 0"))
        })?;
        graph = graph.within(&start, depth);
    }
    let layout = graph.layout();
    let nodes = graph.nodes.iter().filter_map(|(node, label)| {
        let place = layout.get(node)?;
        let (id, label) = (node.to_string(), label.clone());
        Some(Node { id, kind: kind_of(node), label, layer: place.layer, row: place.row })
    });
    let edges = graph.edges.iter().map(|edge| Edge {
        from: edge.from.to_string(),
        to: edge.to.to_string(),
        label: edge.kind.as_str(),
    });
    Ok(Reply::json(&Graph { nodes: nodes.collect(), edges: edges.collect() }))
}

/// Returns the word of this API for the kind of a node.
fn kind_of(node: &LineageNode) -> &'static str {
    match node {
        LineageNode::LoggedModel(_) => "model",
        LineageNode::ModelVersion { .. } => "version",
        other => other.kind(),
    }
}

/// Returns the node with this id, which has the form that the answers have.
fn node(kind: &str, id: &str) -> Outcome<LineageNode> {
    let malformed = |expected: &str| {
        Failure::invalid(format!("{id:?} is not the id of a {kind}: expected {expected}"))
    };
    let address = id.strip_prefix(REGISTRY).unwrap_or(id);
    match kind {
        "run" => Ok(LineageNode::Run(queries::run_id(id)?)),
        "model" => Ok(LineageNode::LoggedModel(queries::logged_model_id(id)?)),
        "dataset" => {
            let parts = id.split_once('/').and_then(|(experiment, rest)| {
                let (name, digest) = rest.rsplit_once('@')?;
                Some((experiment, name.to_owned(), digest.to_owned()))
            });
            let (experiment, name, digest) =
                parts.ok_or_else(|| malformed("EXPERIMENT/NAME@DIGEST"))?;
            let experiment = queries::experiment_id(experiment)?;
            Ok(LineageNode::Dataset { experiment, name, digest })
        }
        "version" => {
            let parts = address.rsplit_once('/');
            let parts = parts.and_then(|(name, version)| Some((name, version.parse().ok()?)));
            let (name, version) = parts.ok_or_else(|| malformed("models:/NAME/VERSION"))?;
            Ok(LineageNode::ModelVersion { name: name.to_owned(), version })
        }
        "table" => Ok(LineageNode::Table(id.strip_prefix(TABLES).unwrap_or(id).to_owned())),
        "endpoint" => {
            Ok(LineageNode::Endpoint(id.strip_prefix(ENDPOINTS).unwrap_or(id).to_owned()))
        }
        "alias" => {
            let parts = address.rsplit_once('@');
            let (name, alias) = parts.ok_or_else(|| malformed("models:/NAME@ALIAS"))?;
            Ok(LineageNode::Alias { name: name.to_owned(), alias: alias.to_owned() })
        }
        other => Err(Failure::invalid(format!(
            "unknown kind {other:?}: expected run, dataset, table, model, version, alias or \
             endpoint"
        ))),
    }
}

//! Lineage, both ways, and as text.

use tracklite::{Dataset, ErrorKind, LineageDirection, LineageGraph, LineageKind, LineageNode};

use super::{kind, new};

fn steps(graph: &LineageGraph) -> Vec<(&str, &str, &str)> {
    let name = |node: &LineageNode| graph.nodes[node].as_str();
    let step = |edge: &tracklite::LineageEdge| (edge.from.clone(), edge.kind, edge.to.clone());
    let steps = graph.edges.iter().map(step);
    let mut steps: Vec<_> = steps
        .map(|(from, kind, to)| {
            let (from, _) = graph.nodes.get_key_value(&from).unwrap();
            let (to, _) = graph.nodes.get_key_value(&to).unwrap();
            (name(from), kind.as_str(), name(to))
        })
        .collect();
    steps.sort_unstable();
    steps
}

#[test]
fn a_lineage_is_followed_both_ways() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("training").unwrap();
    let iris = Dataset::new("iris", "5f2c", "local", "x");
    run.log_dataset(iris.clone(), "train").unwrap();
    let model = experiment.new_logged_model().name("model").source_run(run.id()).create().unwrap();
    run.log_outputs([(model.id().to_string(), 3)]).unwrap();
    run.log_inputs(&[], &["an id of somebody else"]).unwrap();
    let check = experiment.start_run("evaluation").unwrap();
    check.log_inputs(&[], &[&model.id().to_string()]).unwrap();
    check.log_dataset(iris, "eval").unwrap();
    let registry = database.registry();
    let dev = registry.create_model("dev").unwrap();
    let first = dev.new_version(&format!("models:/{}", model.id())).create().unwrap();
    dev.new_version(&format!("runs:/{}/x", check.id())).create().unwrap();
    let second = first.copy_to("prod").unwrap();
    registry.model("prod").unwrap().set_alias("champion", 1).unwrap();

    let node = LineageNode::Alias { name: "prod".to_owned(), alias: "champion".to_owned() };
    let graph = database.lineage(&node, LineageDirection::Upstream).unwrap();
    let upstream = [
        ("dev version 1", "copied", "prod version 1"),
        ("iris (5f2c)", "input", "training"),
        ("model", "registered", "dev version 1"),
        ("prod version 1", "named", "prod@champion"),
        ("training", "output", "model"),
    ];
    assert_eq!(steps(&graph), upstream);
    let down = database.lineage(&node, LineageDirection::Downstream).unwrap();
    assert_eq!((down.nodes.len(), down.edges.len()), (1, 0));

    let of_model = LineageNode::LoggedModel(model.id());
    let both = database.lineage(&of_model, LineageDirection::Both).unwrap();
    let more = [("evaluation", "registered", "dev version 2"), ("model", "input", "evaluation")];
    let mut wanted: Vec<_> = upstream.into_iter().chain(more).collect();
    wanted.sort_unstable();
    assert_eq!(steps(&both), wanted);
    let dataset = both.nodes.keys().find(|node| node.kind() == "dataset").unwrap();
    // From the dataset everything is downstream, also the evaluation that was given it.
    let all = database.lineage(dataset, LineageDirection::Downstream).unwrap();
    assert_eq!(all.edges.len(), wanted.len() + 1);

    // What it was copied from is deleted: what that was made of is known still.
    first.delete().unwrap();
    let graph = database.lineage(&node, LineageDirection::Upstream).unwrap();
    assert!(steps(&graph).contains(&("model", "registered", "prod version 1")));
    assert!(!graph.edges.iter().any(|edge| edge.kind == LineageKind::Copied));
    second.delete().unwrap();
    let gone = database.lineage(&node, LineageDirection::Both);
    assert_eq!(kind(gone), ErrorKind::NotFound);
}

#[test]
fn a_circle_of_runs_has_an_end() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("r").unwrap();
    let model = experiment.new_logged_model().name("m").source_run(run.id()).create().unwrap();
    run.log_inputs(&[], &[&model.id().to_string()]).unwrap();
    let graph = database.lineage(&LineageNode::Run(run.id()), LineageDirection::Both).unwrap();
    assert_eq!(steps(&graph), [("m", "input", "r"), ("r", "output", "m")]);
}

#[test]
fn a_lineage_is_told_as_text() {
    let (_folder, database) = new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("a \"b\" \\ #1 <x>").unwrap();
    experiment.new_logged_model().name("m").source_run(run.id()).create().unwrap();
    let graph = database.lineage(&LineageNode::Run(run.id()), LineageDirection::Both).unwrap();
    assert_eq!(
        graph.to_mermaid(),
        "flowchart LR\n    n0[\"run: a #quot;b#quot; \\ #35;1 #lt;x#gt;\"]\n    \
         n1[\"logged model: m\"]\n    n0 -->|output| n1\n"
    );
    assert_eq!(
        graph.to_dot(),
        "digraph lineage {\n    rankdir=LR;\n    node [shape=box];\n    \
         n0 [label=\"run: a \\\"b\\\" \\\\ #1 <x>\"];\n    n1 [label=\"logged model: m\"];\n    \
         n0 -> n1 [label=\"output\"];\n}\n"
    );
}

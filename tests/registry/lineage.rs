//! Lineage upstream and downstream, and its Mermaid and DOT forms.

use tracklite::endpoint::{EndpointCapture, EndpointSettings, EndpointSpec, ServedModel};
use tracklite::inputs::Dataset;
use tracklite::lineage::{LineageDirection, LineageGraph, LineageKind, LineageNode};
use tracklite::table::{ColumnType, TableSpec};
use tracklite::{ErrorKind, LoggedModelId};

use crate::common::{TestDatabase, error_kind};

/// Returns the edges as (from, kind, to), sorted, with nodes as their names.
fn steps(graph: &LineageGraph) -> Vec<(&str, &str, &str)> {
    let name = |node: &LineageNode| graph.nodes[node].as_str();
    let edges = graph.edges.iter();
    let mut steps: Vec<_> =
        edges.map(|edge| (name(&edge.from), edge.kind.as_str(), name(&edge.to))).collect();
    steps.sort_unstable();
    steps
}

/// The steps upstream of the alias `champion` of [`Lineage::create`].
const UPSTREAM: [(&str, &str, &str); 5] = [
    ("dev version 1", "copied", "prod version 1"),
    ("iris (5f2c)", "input", "training"),
    ("model", "registered", "dev version 1"),
    ("prod version 1", "named", "prod@champion"),
    ("training", "output", "model"),
];

/// A database with a lineage from a dataset to an alias.
struct Lineage {
    database: TestDatabase,
    model: LoggedModelId,
    alias: LineageNode,
}

impl Lineage {
    /// Trains a model on a dataset, evaluates and registers it, and copies a version to `prod`.
    fn create() -> Lineage {
        let database = TestDatabase::new();
        let experiment = database.default_experiment().unwrap();
        let run = experiment.start_run("training").unwrap();
        let iris = Dataset::new("iris", "5f2c", "local", "x");
        run.log_dataset(iris.clone(), "train").unwrap();
        let model = experiment.new_logged_model().name("model").source_run(run.id());
        let model = model.create().unwrap().id();
        run.log_outputs([(model.to_string(), 3)]).unwrap();
        run.log_inputs(&[], &["an unknown id"]).unwrap();
        let check = experiment.start_run("evaluation").unwrap();
        check.log_inputs(&[], &[&model.to_string()]).unwrap();
        check.log_dataset(iris, "eval").unwrap();

        let registry = database.registry();
        let dev = registry.create_model("dev").unwrap();
        let first = dev.new_version(&format!("models:/{model}")).create().unwrap();
        dev.new_version(&format!("runs:/{}/x", check.id())).create().unwrap();
        first.copy_to("prod").unwrap();
        registry.model("prod").unwrap().set_alias("champion", 1).unwrap();
        let alias = LineageNode::Alias { name: "prod".to_owned(), alias: "champion".to_owned() };
        Lineage { database, model, alias }
    }

    fn delete_version(&self, model: &str) {
        self.database.registry().model(model).unwrap().version(1).unwrap().delete().unwrap();
    }
}

#[test]
fn an_alias_has_upstream_steps_only() {
    let Lineage { database, alias, .. } = Lineage::create();
    let upstream = database.lineage(&alias, LineageDirection::Upstream).unwrap();
    assert_eq!(steps(&upstream), UPSTREAM);
    let downstream = database.lineage(&alias, LineageDirection::Downstream).unwrap();
    assert_eq!((downstream.nodes.len(), downstream.edges.len()), (1, 0));
}

#[test]
fn a_logged_model_has_steps_in_both_directions() {
    let Lineage { database, model, .. } = Lineage::create();
    let of_model = LineageNode::LoggedModel(model);
    let both = database.lineage(&of_model, LineageDirection::Both).unwrap();
    let more = [("evaluation", "registered", "dev version 2"), ("model", "input", "evaluation")];
    let mut wanted: Vec<_> = UPSTREAM.into_iter().chain(more).collect();
    wanted.sort_unstable();
    assert_eq!(steps(&both), wanted);

    // Everything is downstream of the dataset, including the evaluation that read it.
    let dataset = both.nodes.keys().find(|node| node.kind() == "dataset").unwrap();
    let all = database.lineage(dataset, LineageDirection::Downstream).unwrap();
    assert_eq!(all.edges.len(), wanted.len() + 1);
}

#[test]
fn a_copy_keeps_its_lineage_when_the_original_is_deleted() {
    let lineage = Lineage::create();
    lineage.delete_version("dev");
    let Lineage { database, alias, .. } = &lineage;
    let graph = database.lineage(alias, LineageDirection::Upstream).unwrap();
    assert!(steps(&graph).contains(&("model", "registered", "prod version 1")));
    assert!(!graph.edges.iter().any(|edge| edge.kind == LineageKind::Copied));

    lineage.delete_version("prod");
    let missing = database.lineage(alias, LineageDirection::Both);
    assert_eq!(error_kind(missing), ErrorKind::NotFound);
}

#[test]
fn tables_and_endpoints_are_the_ends_of_a_lineage() {
    let Lineage { database, alias, .. } = Lineage::create();
    let columns = TableSpec::new().column("user", ColumnType::Long);
    database.tables().create("ml.live.requests_payload", &columns).unwrap();
    let both = EndpointSpec::new()
        .serve(ServedModel::alias("prod", "champion").name("a"))
        .serve(ServedModel::version("dev", 2).name("b"))
        .route("a", 50)
        .route("b", 50);
    let capture = EndpointCapture {
        catalog: "ml".to_owned(),
        schema: "live".to_owned(),
        prefix: Some("requests".to_owned()),
        is_enabled: true,
        percent: 100,
        is_durable: false,
        is_legacy: false,
    };
    let settings = EndpointSettings::new().capture(Some(capture));
    database.endpoints().create("live", &both.settings(settings)).unwrap();
    // The table of requests is read again, for training.
    let later = database.default_experiment().unwrap().start_run("later").unwrap();
    let of = |source| Dataset::new("ml.live.requests_payload", "version-1", source, "{}");
    later.log_dataset(of("tracklite_table"), "train").unwrap();

    let down = database.lineage(&alias, LineageDirection::Downstream).unwrap();
    assert_eq!(
        steps(&down),
        [
            ("live", "recorded", "ml.live.requests_payload"),
            ("ml.live.requests_payload", "read", "ml.live.requests_payload (version-1)"),
            ("ml.live.requests_payload (version-1)", "input", "later"),
            ("prod@champion", "served", "live"),
        ]
    );
    let up = database.lineage(&LineageNode::Run(later.id()), LineageDirection::Upstream).unwrap();
    let served = [("dev version 2", "served", "live"), ("prod@champion", "served", "live")];
    assert!(served.iter().all(|step| steps(&up).contains(step)), "{:?}", steps(&up));

    // Without its alias, the endpoint still serves the version.
    database.registry().model("prod").unwrap().delete_alias("champion").unwrap();
    let live = LineageNode::Endpoint("live".to_owned());
    let up = database.lineage(&live, LineageDirection::Upstream).unwrap();
    assert!(steps(&up).contains(&("prod version 1", "served", "live")));
    database.endpoints().delete("live", None).unwrap();
    let gone = database.lineage(&live, LineageDirection::Both);
    assert_eq!(error_kind(gone), ErrorKind::NotFound);
}

#[test]
fn a_dataset_with_the_name_of_a_table_is_not_the_table() {
    let database = TestDatabase::new();
    let columns = TableSpec::new().column("user", ColumnType::Long);
    database.tables().create("ml.a.users", &columns).unwrap();
    let run = database.default_experiment().unwrap().start_run("r").unwrap();
    run.log_dataset(Dataset::new("ml.a.users", "1", "local", "{}"), "train").unwrap();
    let graph = database.lineage(&LineageNode::Run(run.id()), LineageDirection::Both).unwrap();
    assert_eq!(steps(&graph), [("ml.a.users (1)", "input", "r")]);
    let table = LineageNode::Table("ml.a.users".to_owned());
    assert_eq!(database.lineage(&table, LineageDirection::Both).unwrap().edges.len(), 0);
}

#[test]
fn a_cycle_of_runs_is_followed_once() {
    let database = TestDatabase::new();
    let experiment = database.default_experiment().unwrap();
    let run = experiment.start_run("r").unwrap();
    let model = experiment.new_logged_model().name("m").source_run(run.id()).create().unwrap();
    run.log_inputs(&[], &[&model.id().to_string()]).unwrap();
    let graph = database.lineage(&LineageNode::Run(run.id()), LineageDirection::Both).unwrap();
    assert_eq!(steps(&graph), [("m", "input", "r"), ("r", "output", "m")]);
}

#[test]
fn a_lineage_can_be_written_as_mermaid_and_dot() {
    let database = TestDatabase::new();
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

//! Registered models and lineage of the page's API.

use serde_json::{Value, json};
use tracklite::endpoint::{EndpointSpec, ServedModel};
use tracklite::inputs::Dataset;
use tracklite::table::{ColumnType, TableSpec};

use crate::client::Served;

#[test]
fn models_are_listed_with_their_versions() {
    let served = Served::new();
    let run = served.database.default_experiment().unwrap().start_run("training").unwrap();
    run.log_param("rate", "0.1").unwrap();
    run.log_metric("loss", f64::NAN, 0).unwrap();
    let registry = served.database.registry();
    let churn = registry.new_model("churn <b>").description("who leaves").create().unwrap();
    churn.new_version("s3://one").create().unwrap();
    churn.new_version("s3://two").run(run.id()).create().unwrap();
    churn.set_alias("champion", 2).unwrap();
    registry.create_model("empty").unwrap();
    let listed = served.get("/api/v1/models").expect(200);
    let models = listed["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    assert_eq!((&models[0]["name"], &models[0]["versions"]), (&json!("churn <b>"), &json!(2)));
    assert_eq!((&models[0]["latest"], &models[0]["aliases"]), (&json!(2), &json!({"champion": 2})));
    assert_eq!((&models[1]["versions"], &models[1]["latest"]), (&json!(0), &Value::Null));

    let found = served.get("/api/v1/models/churn%20%3Cb%3E").expect(200);
    assert_eq!(found["model"], models[0]);
    let versions = found["versions"].as_array().unwrap();
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!(2), &json!(1)));
    assert_eq!(
        (&versions[0]["run_name"], &versions[0]["aliases"]),
        (&json!("training"), &json!(["champion"]))
    );
    assert_eq!(
        (&versions[0]["metrics"], &versions[0]["params"]),
        (&json!({"loss": "NaN"}), &json!({"rate": "0.1"}))
    );
    assert_eq!((&versions[1]["run"], &versions[1]["metrics"]), (&Value::Null, &json!({})));
    served.get("/api/v1/models/other").fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn an_alias_moves_only_from_the_version_that_was_seen() {
    let served = Served::new();
    let churn = served.database.registry().create_model("churn").unwrap();
    (0..3).for_each(|_| drop(churn.new_version("s3://x").create().unwrap()));
    let target = "/api/v1/models/churn/aliases";
    let body = json!({"alias": "champion", "version": 1, "expects": null});
    let moved = served.post(target, &body).expect(200);
    assert_eq!(moved, json!({"alias": "champion", "version": 1}));
    let late = served.post(target, &json!({"alias": "champion", "version": 2})).expect(409);
    assert_eq!((&late["error_code"], &late["now"]), (&json!("RESOURCE_CONFLICT"), &json!(1)));
    let body = json!({"alias": "champion", "version": 3, "expects": 1});
    served.post(target, &body).expect(200);
    assert_eq!(churn.info().unwrap().aliases["champion"], 3);
    let late = json!({"alias": "champion", "version": null, "expects": 1});
    assert_eq!(served.post(target, &late).expect(409)["now"], 3);
    let body = json!({"alias": "champion", "version": null, "expects": 3});
    served.post(target, &body).expect(200);
    assert!(churn.info().unwrap().aliases.is_empty());
    for (body, status, code) in [
        (json!({"alias": "champion", "version": 9}), 404, "RESOURCE_DOES_NOT_EXIST"),
        (json!({"alias": "champion", "version": -1}), 400, "INVALID_PARAMETER_VALUE"),
        (json!({"alias": "a b", "version": 1}), 400, "INVALID_PARAMETER_VALUE"),
        (json!({"alias": "champion"}), 400, "INVALID_PARAMETER_VALUE"),
        (json!({"version": 1}), 400, "INVALID_PARAMETER_VALUE"),
    ] {
        served.post(target, &body).fails(status, code);
    }
}

#[test]
fn lineage_has_places() {
    let served = Served::new();
    let experiment = served.database.default_experiment().unwrap();
    let run = experiment.start_run("training").unwrap();
    run.log_dataset(Dataset::new("ml.a.iris", "version-1", "tracklite_table", "{}"), "train")
        .unwrap();
    let columns = TableSpec::new().column("user", ColumnType::Long);
    served.database.tables().create("ml.a.iris", &columns).unwrap();
    let model = experiment.new_logged_model().name("m").source_run(run.id()).create().unwrap();
    let churn = served.database.registry().create_model("churn").unwrap();
    churn.new_version(&format!("models:/{}", model.id())).create().unwrap();
    churn.set_alias("champion", 1).unwrap();
    let spec = EndpointSpec::new().serve(ServedModel::alias("churn", "champion"));
    served.database.endpoints().create("live", &spec).unwrap();
    let graph = served.get(&format!("/api/v1/lineage?kind=run&id={}", run.id())).expect(200);
    let nodes = graph["nodes"].as_array().unwrap();
    let placed = |kind: &str| {
        let node = nodes.iter().find(|node| node["kind"] == kind).unwrap();
        (node["id"].as_str().unwrap().to_owned(), node["layer"].as_u64().unwrap())
    };
    let chain = ["table", "dataset", "run", "model", "version", "alias", "endpoint"];
    for (layer, kind) in (0..).zip(chain) {
        let (id, found) = placed(kind);
        assert_eq!(found, layer, "{kind}");
        // Each id is taken again, and from each node the whole chain is found.
        let id = id.replace('@', "%40").replace(':', "%3A");
        let again = served.get(&format!("/api/v1/lineage?kind={kind}&id={id}")).expect(200);
        assert_eq!(again, graph, "{kind}");
    }
    assert_eq!(graph["edges"].as_array().unwrap().len(), 6);
    let target = format!("/api/v1/lineage?kind=run&id={}", run.id());
    let up = served.get(&format!("{target}&direction=up")).expect(200);
    assert_eq!(up["nodes"].as_array().unwrap().len(), 3);
    let near = served.get(&format!("{target}&depth=1")).expect(200);
    assert_eq!(near["nodes"].as_array().unwrap().len(), 3);
    for bad in ["direction=left", "depth=-1", "depth=x", "kind=other&id=1", "kind=version&id=churn"]
    {
        served.get(&format!("{target}&{bad}")).fails(400, "INVALID_PARAMETER_VALUE");
    }
    for missing in ["alias&id=churn@no", "table&id=ml.a.none", "endpoint&id=none"] {
        let target = format!("/api/v1/lineage?kind={missing}");
        served.get(&target).fails(404, "RESOURCE_DOES_NOT_EXIST");
    }
    run.log_dataset(Dataset::new("iris/a@b", "5f2c", "local", "x"), "train").unwrap();
    let odd = format!("/api/v1/lineage?kind=dataset&id={}/iris/a%40b%405f2c", experiment.id());
    assert_eq!(served.get(&odd).expect(200)["nodes"].as_array().unwrap().len(), 6);
}

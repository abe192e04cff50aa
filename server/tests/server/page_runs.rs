//! Runs, experiments and files of the page's API, compared with the library.

use serde_json::{Value, json};
use tracklite::importance::ImportanceQuery;
use tracklite::inputs::Dataset;
use tracklite::{Lifecycle, Run, RunSearch, RunStatus, Step};

use crate::client::{Answer, Served};

fn patch(served: &Served, target: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    served.send_with("PATCH", target, &headers, body.to_string().as_bytes())
}

fn path(run: &Run) -> String {
    format!("/api/v1/runs/{}", run.id())
}

#[test]
fn the_facts_of_the_file_are_those_of_the_library() {
    let served = Served::new();
    let run = served.database.experiment("/team/churn").unwrap().start_run("a").unwrap();
    (0..5_i32).try_for_each(|step| run.log_metric("loss", 0.5, step)).unwrap();
    let facts = served.get("/api/v1/file").expect(200);
    let info = served.database.info().unwrap();
    assert_eq!(facts["name"], "runs.tracklite");
    assert_eq!((&facts["runs"], &facts["points"]), (&json!(1), &json!(5)));
    assert_eq!((&facts["experiments"], &facts["bytes"]), (&json!(2), &json!(info.file_bytes)));
    assert_eq!((&facts["read_only"], &facts["writable"]), (&json!(false), &json!(true)));
    let cursor = served.database.changes(None).unwrap().cursor;
    assert_eq!(facts["position"], cursor.to_string());
}

#[test]
fn experiments_have_the_counts_of_their_runs() {
    let served = Served::new();
    let experiment = served.database.experiment("/team/churn").unwrap();
    experiment.set_tag("owner", "ana").unwrap();
    experiment.start_run("alive").unwrap();
    experiment.start_run("bad").unwrap().finish_as(RunStatus::Failed).unwrap();
    experiment.start_run("gone").unwrap().delete().unwrap();
    served.database.experiment("/old").unwrap().delete().unwrap();
    let listed = served.get("/api/v1/experiments").expect(200);
    let listed = listed["experiments"].as_array().unwrap();
    let paths: Vec<_> = listed.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["Default", "/team/churn"]);
    let churn = &listed[1];
    assert_eq!(
        (&churn["runs"], &churn["running"], &churn["failed"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(churn["tags"], json!({"owner": "ana"}));
    let newest = served.database.runs().unwrap();
    let last = newest.iter().map(|run| run.info.ended.unwrap_or(run.info.started).as_millis());
    assert_eq!(churn["last_activity"].as_i64(), last.max());
    assert_eq!(listed[0]["last_activity"], Value::Null);
    let all = served.get("/api/v1/experiments?deleted=true").expect(200);
    assert_eq!(all["experiments"].as_array().unwrap().len(), 3);
}

#[test]
fn an_experiment_is_changed_and_restored() {
    let served = Served::new();
    let experiment = served.database.experiment("/a").unwrap();
    experiment.set_tag("old", "1").unwrap();
    let target = format!("/api/v1/experiments/{}", experiment.id());
    let body =
        json!({"path": "/b", "note": "# why", "tags": {"new": "2", "old": null, "no": null}});
    let changed = patch(&served, &target, &body).expect(200);
    assert_eq!((&changed["path"], &changed["note"]), (&json!("/b"), &json!("# why")));
    assert_eq!(changed["tags"], json!({"new": "2"}));
    let deleted = patch(&served, &target, &json!({"lifecycle": "deleted"})).expect(200);
    assert_eq!(deleted["lifecycle"], "deleted");
    let body = json!({"lifecycle": "active", "note": null});
    let restored = patch(&served, &target, &body).expect(200);
    assert_eq!((&restored["lifecycle"], &restored["note"]), (&json!("active"), &Value::Null));
    for bad in [
        json!({"lifecycle": "gone"}),
        json!({"tags": ["a"]}),
        json!({"tags": {"a": 1}}),
        json!({"tags": {"tracklite.artifactLocation": "s3://other"}}),
        json!({"path": " "}),
    ] {
        patch(&served, &target, &bad).fails(400, "INVALID_PARAMETER_VALUE");
    }
    patch(&served, "/api/v1/experiments/77", &json!({})).fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn a_run_has_all_that_its_page_shows() {
    let served = Served::new();
    let experiment = served.database.experiment("/team/churn").unwrap();
    let parent = experiment.start_run("sweep").unwrap();
    let run = experiment.new_run().name("<b>\u{202e}x").parent(parent.id()).start().unwrap();
    let child = experiment.new_run().name("fold").parent(run.id()).start().unwrap();
    run.log_param("rate", "0.1").unwrap();
    run.set_tags([("mlflow.note.content", "see *this*"), ("team", "\u{1f600}")]).unwrap();
    for value in [2.0, f64::NAN, 1.0, f64::INFINITY] {
        run.log_metric("loss", value, Step::NEXT).unwrap();
    }
    run.log_dataset(Dataset::new("iris", "5f2c", "local", "/data/iris.csv"), "train").unwrap();
    let model = experiment.new_logged_model().name("m").source_run(run.id()).create().unwrap();
    let registered = served.database.registry().create_model("churn").unwrap();
    registered.new_version(&format!("runs:/{}/model", run.id())).run(run.id()).create().unwrap();

    let found = served.get(&path(&run)).expect(200);
    let info = &found["info"];
    assert_eq!((&info["name"], &info["status"]), (&json!("<b>\u{202e}x"), &json!("RUNNING")));
    assert_eq!((&info["health"], &info["end"]), (&json!("running"), &Value::Null));
    assert_eq!(info["experiment_path"], "/team/churn");
    assert_eq!(info["start"].as_i64(), Some(run.info().unwrap().started.as_millis()));
    assert_eq!(found["params"], json!({"rate": "0.1"}));
    assert_eq!(
        (&found["note"], &found["tags"]["team"]),
        (&json!("see *this*"), &json!("\u{1f600}"))
    );
    let loss = &found["metrics"][0];
    assert_eq!(
        (&loss["key"], &loss["value"], &loss["step"]),
        (&json!("loss"), &json!("Infinity"), &json!(3))
    );
    assert_eq!(
        (&loss["min"], &loss["max"], &loss["mean"]),
        (&json!(1.0), &json!("Infinity"), &json!("Infinity"))
    );
    assert_eq!((&loss["count"], &loss["nan"]), (&json!(4), &json!(1)));
    assert_eq!(found["parent"]["name"], "sweep");
    let named = json!([{"id": child.id().to_string(), "name": "fold", "status": "RUNNING"}]);
    assert_eq!(found["children"], named);
    assert_eq!(found["datasets"][0]["digest"], "5f2c");
    assert_eq!(found["models"][0]["id"], model.id().to_string());
    assert_eq!(found["versions"], json!([{"model": "churn", "version": 1}]));
}

#[test]
fn a_run_that_does_not_exist_is_missing() {
    let served = Served::new();
    for id in ["0123456789abcdef0123456789abcdef", "x", "%27%20OR%201=1", "..", "a%2Fb", "%00"] {
        let answer = served.get(&format!("/api/v1/runs/{id}"));
        assert_eq!(answer.status, 404, "{id}");
        let answer = served.get(&format!("/api/v1/runs/{id}/files"));
        assert_eq!(answer.status, 404, "{id}");
    }
}

#[test]
fn a_run_is_changed_deleted_and_restored() {
    let served = Served::new();
    let run = served.database.default_experiment().unwrap().start_run("a").unwrap();
    run.set_tag("old", "1").unwrap();
    let tags = json!({"new": "2", "old": null});
    let body = json!({"name": "b", "note": "n", "tags": tags, "lifecycle": "deleted"});
    let changed = patch(&served, &path(&run), &body).expect(200);
    assert_eq!((&changed["info"]["name"], &changed["note"]), (&json!("b"), &json!("n")));
    assert_eq!(changed["info"]["lifecycle"], "deleted");
    let tags = run.tags().unwrap();
    assert_eq!((tags.get("new").map(String::as_str), tags.get("old")), (Some("2"), None));
    let refused = patch(&served, &path(&run), &json!({"name": "c"}));
    let message = refused.fails(400, "INVALID_PARAMETER_VALUE");
    assert!(message.contains("deleted"), "{message}");
    patch(&served, &path(&run), &json!({"lifecycle": "active", "name": "c"})).expect(200);
    assert_eq!(run.name().unwrap(), "c");
}

#[test]
fn many_runs_are_changed_or_none() {
    let served = Served::new();
    let experiment = served.database.default_experiment().unwrap();
    let runs: Vec<Run> = (0..3).map(|_| experiment.start_run("").unwrap()).collect();
    let mut ids: Vec<String> = runs.iter().map(|run| run.id().to_string()).collect();
    let body = json!({"runs": ids, "tags": {"group": "x"}, "lifecycle": "deleted"});
    let changed = served.post("/api/v1/runs/bulk", &body).expect(200);
    assert_eq!((&changed["changed"], &changed["failed"]), (&json!(3), &json!([])));
    for run in &runs {
        assert_eq!(run.tags().unwrap()["group"], "x");
        assert_eq!(run.info().unwrap().lifecycle, Lifecycle::Deleted);
    }
    ids.push("0123456789abcdef0123456789abcdef".to_owned());
    let body = json!({"runs": ids, "lifecycle": "active"});
    served.post("/api/v1/runs/bulk", &body).fails(404, "RESOURCE_DOES_NOT_EXIST");
    assert_eq!(runs[0].info().unwrap().lifecycle, Lifecycle::Deleted);
}

#[test]
fn files_are_listed_and_shown_without_rights() {
    let served = Served::new();
    let run = served.database.default_experiment().unwrap().start_run("").unwrap();
    run.artifacts().log_text("<script>alert(1)</script>", "page/a.html").unwrap();
    run.artifacts().log_bytes(&[7; 3000], "b.bin").unwrap();
    let listed = served.get(&format!("{}/files", path(&run))).expect(200);
    let listed = listed["files"].as_array().unwrap();
    assert_eq!((&listed[0]["path"], &listed[0]["bytes"]), (&json!("b.bin"), &json!(3000)));
    assert_eq!((&listed[1]["name"], &listed[1]["directory"]), (&json!("page"), &json!(true)));
    let inner = served.get(&format!("{}/files?path=page", path(&run))).expect(200);
    assert_eq!(inner["files"][0]["path"], "page/a.html");
    let itself = served.get(&format!("{}/files?path=b.bin", path(&run))).expect(200);
    assert_eq!(itself["files"][0]["digest"], listed[0]["digest"]);

    let file = served.get(&format!("{}/file?path=page/a.html", path(&run)));
    assert_eq!(file.body, b"<script>alert(1)</script>");
    let policy = file.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox; default-src 'none';"), "{policy}");
    assert!(!policy.contains("allow-"), "{policy}");
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert!(file.header("content-disposition").unwrap().starts_with("inline; filename=\"a.html\""));
    let saved = served.get(&format!("{}/file?path=page/a.html&download=true", path(&run)));
    assert!(saved.header("content-disposition").unwrap().starts_with("attachment;"));
    let range = [("range", "bytes=10-19")];
    let part = served.send_with("GET", &format!("{}/file?path=b.bin", path(&run)), &range, b"");
    assert_eq!((part.status, part.body.as_slice()), (206, &[7; 10][..]));
    for bad in ["", "?path=", "?path=../b.bin", "?path=%2e%2e%2fb.bin", "?path=/etc/passwd"] {
        let answer = served.get(&format!("{}/file{bad}", path(&run)));
        answer.fails(400, "INVALID_PARAMETER_VALUE");
    }
    served.get(&format!("{}/file?path=no", path(&run))).fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn a_comparison_shows_what_differs() {
    let served = Served::new();
    let experiment = served.database.default_experiment().unwrap();
    let run = |rate: &str, loss: f64, digest: &str, packages: &str| {
        let run = experiment.new_run().name(rate).start().unwrap();
        run.log_params([("rate", rate), ("depth", "3")]).unwrap();
        run.log_metrics(&[("loss", loss), ("nan", f64::NAN)], 0).unwrap();
        run.log_dataset(Dataset::new("iris", digest, "local", "x"), "train").unwrap();
        run.artifacts().log_text(packages, "requirements.txt").unwrap();
        run.set_tag("mlflow.source.git.commit", "abc").unwrap();
        run.id().to_string()
    };
    let one = run("0.1", 0.5, "d1", "numpy==1\nscipy==2\n");
    let two = run("0.2", f64::NEG_INFINITY, "d2", "numpy==1\nscipy==3\n");
    let body = json!({"runs": [one, two, one]});
    let found = served.post("/api/v1/compare", &body).expect(200);
    assert_eq!(found["runs"], json!([{"id": one, "name": "0.1"}, {"id": two, "name": "0.2"}]));
    let rows = found["rows"].as_array().unwrap();
    let row = |section: &str, key: &str| {
        let found = rows.iter().find(|row| row["section"] == section && row["key"] == key);
        found.map(|row| row["values"].clone())
    };
    assert_eq!(row("params", "rate"), Some(json!(["0.1", "0.2"])));
    assert_eq!(row("params", "depth"), None);
    assert_eq!(row("metrics", "loss"), Some(json!([0.5, "-Infinity"])));
    assert_eq!(row("metrics", "nan"), None);
    assert_eq!(row("datasets", "iris"), Some(json!(["d1", "d2"])));
    assert_eq!(row("packages", "scipy"), Some(json!(["2", "3"])));
    assert!(rows.iter().all(|row| row["differs"] == true));
    let all = served.post("/api/v1/compare", &json!({"runs": [one, two], "all": true})).expect(200);
    let all = all["rows"].as_array().unwrap();
    assert_eq!(all.len(), rows.len() + found["same"].as_u64().unwrap() as usize);
    let code = all.iter().find(|row| row["section"] == "code").unwrap();
    assert_eq!((&code["values"], &code["differs"]), (&json!(["abc", "abc"]), &json!(false)));
    let packages = served.get(&format!("/api/v1/diff/packages?a={one}&b={two}")).expect(200);
    let changed = json!([{"name": "scipy", "before": "2", "after": "3"}]);
    let wanted = json!({"known": true, "added": [], "removed": [], "changed": changed, "same": 1});
    assert_eq!(packages, wanted);
    served.post("/api/v1/compare", &json!({"runs": ["x"]})).fails(404, "RESOURCE_DOES_NOT_EXIST");
    served.post("/api/v1/compare", &json!({"runs": 3})).fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn the_api_is_described() {
    let described = Served::new().get("/openapi.json").expect(200);
    for (path, method) in [
        ("/api/v1/file", "get"),
        ("/api/v1/changes", "get"),
        ("/api/v1/runs/{id}", "patch"),
        ("/api/v1/models/{name}/aliases", "post"),
    ] {
        assert!(described["paths"][path][method].is_object(), "{method} {path}");
    }
    assert_eq!(described["paths"]["/api/v1/runs/{id}"]["patch"]["x-scope"], "write");
}

#[test]
fn a_file_that_is_only_read_is_shown_and_not_changed() {
    let mut id = String::new();
    let served = Served::read_only(|database| {
        let run = database.default_experiment().unwrap().start_run("a").unwrap();
        run.log_metric("loss", 0.5, 0).unwrap();
        let churn = database.registry().create_model("churn").unwrap();
        churn.new_version("s3://x").create().unwrap();
        id = run.id().to_string();
    });
    let file = served.get("/api/v1/file").expect(200);
    assert_eq!((&file["read_only"], &file["writable"]), (&json!(true), &json!(false)));
    assert_eq!(served.get(&format!("/api/v1/runs/{id}")).expect(200)["metrics"][0]["value"], 0.5);
    served.get("/api/v1/changes").expect(200);
    let alias = json!({"alias": "champion", "version": 1});
    let bulk = json!({"runs": [id], "tags": {"a": "b"}});
    let note = json!({"note": "n"});
    for (method, target, body) in [
        ("PATCH", format!("/api/v1/runs/{id}"), &note),
        ("PATCH", "/api/v1/experiments/0".to_owned(), &note),
        ("POST", "/api/v1/runs/bulk".to_owned(), &bulk),
        ("POST", "/api/v1/models/churn/aliases".to_owned(), &alias),
    ] {
        let headers = [("content-type", "application/json")];
        let body = body.to_string();
        let answer = served.send_with(method, &target, &headers, body.as_bytes());
        let message = answer.fails(403, "PERMISSION_DENIED");
        assert_eq!(message, "the file was opened read-only", "{target}");
    }
}

#[test]
fn the_code_of_two_runs_is_compared_line_by_line() {
    let served = Served::new();
    let experiment = served.database.experiment("/code").unwrap();
    let run = |patch: Option<&str>, commit: &str| {
        let run = experiment.start_run("").unwrap();
        if let Some(patch) = patch {
            run.artifacts().log_text(patch, "git/dirty.patch").unwrap();
        }
        run.set_tag("mlflow.source.git.commit", commit).unwrap();
        run.id().to_string()
    };
    let one = run(Some("a\nb\n"), "abc");
    let two = run(Some("a\nc\n"), "abc");
    let none = run(None, "def");
    let diff = |a: &str, b: &str| served.get(&format!("/api/v1/diff/code?a={a}&b={b}")).expect(200);
    let wanted = json!({
        "same": false, "commits": ["abc", "abc"], "patches": [true, true], "left_out": 0,
        "hunks": [{"starts": [1, 1], "lines": [" a", "-b", "+c"]}],
    });
    assert_eq!(diff(&one, &two), wanted);
    assert_eq!(diff(&one, &one)["same"], true);
    let other = diff(&two, &none);
    assert_eq!(
        (&other["commits"], &other["patches"]),
        (&json!(["abc", "def"]), &json!([true, false]))
    );
    assert_eq!(other["hunks"][0]["lines"], json!(["-a", "-c"]));
    let packages = served.get(&format!("/api/v1/diff/packages?a={one}&b={two}")).expect(200);
    assert_eq!(packages["known"], false);
    served.get(&format!("/api/v1/diff/code?a={one}&b=x")).fails(404, "RESOURCE_DOES_NOT_EXIST");
    let missing = "0".repeat(32);
    let path = format!("/api/v1/diff/packages?a={one}&b={missing}");
    served.get(&path).fails(404, "RESOURCE_DOES_NOT_EXIST");
}

#[test]
fn the_importance_of_params_is_that_of_the_library() {
    let served = Served::new();
    for number in 0..40_u32 {
        let run = served.database.default_experiment().unwrap().start_run("").unwrap();
        run.log_params([("rate", number % 5), ("seed", number * 7 % 40)]).unwrap();
        run.log_metric("loss", f64::from(number % 5), 0).unwrap();
    }
    let body = json!({"objective": "metrics.loss", "dependence": "rate"});
    let found = served.post("/api/v1/importance", &body).expect(200);
    let query = ImportanceQuery::new("metrics.loss").dependence("rate");
    let wanted = served.database.importance(&RunSearch::new(), &query).unwrap();
    assert_eq!((&found["runs"], &found["params"][0]["key"]), (&json!(40), &json!("rate")));
    assert_eq!(found["params"][0]["importance"], json!(wanted.params[0].importance));
    assert_eq!(found["dependence"].as_array().map(Vec::len), Some(5));
    let body = json!({"objective": "metrics.none"});
    served.post("/api/v1/importance", &body).fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn a_change_of_many_runs_names_those_that_failed() {
    let served = Served::new();
    let experiment = served.database.default_experiment().unwrap();
    let runs: Vec<Run> = (0..3).map(|_| experiment.start_run("").unwrap()).collect();
    let ids: Vec<String> = runs.iter().map(|run| run.id().to_string()).collect();
    runs[1].delete().unwrap();
    let body = json!({"runs": ids, "tags": {"group": "x"}});
    let changed = served.post("/api/v1/runs/bulk", &body).expect(200);
    assert_eq!((&changed["changed"], &changed["done"]), (&json!(2), &json!([ids[0], ids[2]])));
    let failed = changed["failed"].as_array().unwrap();
    assert_eq!((failed.len(), &failed[0]["id"]), (1, &json!(ids[1])));
    assert_eq!(failed[0]["error_code"], "INVALID_PARAMETER_VALUE");
    // If all fail, the answer is an error.
    let body = json!({"runs": [ids[1]], "tags": {"group": "x"}});
    served.post("/api/v1/runs/bulk", &body).fails(400, "INVALID_PARAMETER_VALUE");
    // The error of a single run names what was done before the failure.
    let body = json!({"lifecycle": "active", "name": "new", "tags": {"": "x"}});
    let message = patch(&served, &path(&runs[1]), &body).fails(400, "INVALID_PARAMETER_VALUE");
    assert!(message.ends_with("before that, the run was restored and renamed"), "{message}");
    assert_eq!(runs[1].name().unwrap(), "new");
}

#[test]
fn a_change_of_many_runs_can_be_taken_back_and_made_again() {
    let served = Served::new();
    let experiment = served.database.default_experiment().unwrap();
    let runs: Vec<Run> = (0..3).map(|_| experiment.start_run("").unwrap()).collect();
    let ids: Vec<String> = runs.iter().map(|run| run.id().to_string()).collect();
    runs[0].set_tag("group", "old").unwrap();
    runs[0].set_tag("gone", "1").unwrap();
    let tags = |run: &Run| {
        let tags = run.tags().unwrap();
        ["group", "gone"].map(|key| tags.get(key).cloned().unwrap_or_default())
    };
    let undo = |word: &Value| served.post("/api/v1/runs/undo", &json!({"undo": word}));
    let edit = json!({"group": "x", "gone": null});
    let body = json!({"runs": ids, "tags": edit, "lifecycle": "deleted"});
    let changed = served.post("/api/v1/runs/bulk", &body).expect(200);
    assert_eq!(tags(&runs[0]), ["x", ""]);
    let back = undo(&changed["undo"]).expect(200);
    assert_eq!(back["changed"], 3);
    assert_eq!(
        (tags(&runs[0]), tags(&runs[1])),
        (["old", "1"].map(str::to_owned), [const { String::new() }; 2])
    );
    assert_eq!(runs[2].info().unwrap().lifecycle, Lifecycle::Active);
    undo(&changed["undo"]).fails(410, "UNDO_GONE");
    // The way back of the way back makes the change again.
    let again = undo(&back["undo"]).expect(200);
    assert_eq!(tags(&runs[0]), ["x", ""]);
    // A tag that somebody else has changed since is left as it is.
    runs[1].restore().unwrap();
    runs[1].set_tag("group", "theirs").unwrap();
    let back = undo(&again["undo"]).expect(200);
    assert_eq!((&back["changed"], &back["failed"][0]["id"]), (&json!(2), &json!(ids[1])));
    assert_eq!(back["failed"][0]["error_code"], "RESOURCE_CONFLICT");
    assert_eq!(tags(&runs[1])[0], "theirs");
}

#[test]
fn metrics_of_a_run_have_the_steps_of_their_extremes() {
    let served = Served::new();
    let run = served.database.default_experiment().unwrap().start_run("").unwrap();
    for (step, value) in [(3_i32, 2.0), (4, f64::NAN), (5, -1.0), (6, 7.0)] {
        run.log_metric("loss", value, step).unwrap();
    }
    let metric = |query: &str| {
        served.get(&format!("{}{query}", path(&run))).expect(200)["metrics"][0].clone()
    };
    let found = metric("");
    assert_eq!((&found["min_step"], &found["max_step"]), (&json!(5), &json!(6)));
    assert_eq!(found["first_nan_step"], 4);
    assert_eq!(metric("?extremes=false")["min_step"], Value::Null);
}

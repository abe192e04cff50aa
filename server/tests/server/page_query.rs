//! Queries of runs, the catalogue of keys, completions and exports of the page's API.

use serde_json::{Value, json};
use tracklite::{Run, RunSearch, RunStatus};

use crate::client::Served;
use crate::frame::Frame;

fn query(served: &Served, body: &Value) -> Frame {
    Frame::of(served.post("/api/v1/runs/query", body))
}

fn window(served: &Served, frame: &Frame, more: &str) -> Frame {
    let handle = frame.header["handle"].as_str().unwrap();
    Frame::of(served.get(&format!("/api/v1/runs/query/{handle}?{more}")))
}

/// Starts twelve runs: four rates with three seeds. The loss of a run falls to `rate * 10 + seed`.
fn sweep(served: &Served) -> Vec<Run> {
    let experiment = served.database.experiment("/team/churn").unwrap();
    let runs = (0..12_u32).map(|number| {
        let (rate, seed) = (number / 3, number % 3);
        let run = experiment.new_run().name(&format!("run {number}")).start().unwrap();
        run.log_params([("rate", rate), ("seed", seed)]).unwrap();
        let last = f64::from(rate * 10 + seed);
        for (step, value) in (0..).zip([last + 5.0, last - 1.0, f64::NAN, last]) {
            run.log_metric("train/loss", value, step).unwrap();
        }
        run
    });
    runs.collect()
}

#[test]
fn a_window_has_the_rows_of_the_library() {
    let served = Served::new();
    let runs = sweep(&served);
    runs[3].log_metric("rare", f64::NAN, 0).unwrap();
    runs[4].clone().finish_as(RunStatus::Failed).unwrap();
    let columns = [
        "params.rate",
        "metrics.train/loss",
        "min.train/loss",
        "nan_count.train/loss",
        "metrics.rare",
        "tags.no",
    ];
    let body = json!({
        "filter": "params.seed != '2'", "order": ["max.`train/loss` DESC"],
        "columns": columns, "limit": 5,
    });
    let frame = query(&served, &body);
    let search = RunSearch::new().filter("params.seed != '2'").order_by("max.`train/loss` DESC");
    let known = served.database.search_run_ids(&search).unwrap();
    assert_eq!((&frame.header["total"], &frame.header["rows"]), (&json!(8), &json!(5)));
    let mut rest = window(&served, &frame, "offset=5");
    assert_eq!((&rest.header["rows"], &rest.header["offset"]), (&json!(3), &json!(5)));
    let ids = [frame.texts("id"), rest.texts("id")].concat();
    assert_eq!(ids, known.iter().map(ToString::to_string).collect::<Vec<_>>());

    rest = window(&served, &frame, "offset=0&limit=100");
    assert_eq!(rest.texts("id"), ids);
    for (row, id) in known.iter().enumerate() {
        let record = served.database.run(*id).unwrap().record().unwrap();
        let info = &record.info;
        assert_eq!(rest.texts("name")[row], info.name);
        assert_eq!(rest.dict("status")[row].as_deref(), Some(info.status.as_str()));
        assert_eq!(rest.dict("experiment")[row], Some(info.experiment.to_string()));
        assert_eq!(rest.dict("params.rate")[row].as_ref(), record.params.get("rate"));
        assert_eq!(rest.f64("start")[row], info.started.as_millis() as f64);
        let ended = info.ended.map(|ended| ended.as_millis() as f64);
        assert_eq!(rest.f64_or_missing("end")[row], ended);
        let last = record.metrics["train/loss"].value;
        assert_eq!(rest.f64("metrics.train/loss")[row], last);
        assert_eq!(rest.f64("min.train/loss")[row], last - 1.0);
        assert_eq!(rest.f64("nan_count.train/loss")[row], 1.0);
        let health = if info.status == RunStatus::Failed { "failed" } else { "running" };
        assert_eq!(rest.dict("health")[row].as_deref(), Some(health));
        // A NaN that was logged is not a missing value.
        let rare = rest.f64_or_missing("metrics.rare")[row];
        let is_logged = info.name == "run 3";
        assert!(rare.is_some_and(f64::is_nan) == is_logged && rare.is_some() == is_logged);
        assert_eq!(rest.dict("tags.no")[row], None);
    }
    let target = format!(
        "/api/v1/runs/query/{}/position?run={}",
        frame.header["handle"].as_str().unwrap(),
        known[6]
    );
    assert_eq!(served.get(&target).expect(200), json!({"row": 6}));
    let other = target.replace(&known[6].to_string(), &runs[2].id().to_string());
    assert_eq!(served.get(&other).expect(200), json!({"row": null}));
}

#[test]
fn a_question_has_one_list_until_the_file_changes() {
    let served = Served::new();
    let runs = sweep(&served);
    let body = json!({"filter": "metrics.`train/loss` < 3", "columns": []});
    let handle = |frame: &Frame| frame.header["handle"].clone();
    let first = query(&served, &body);
    let again =
        query(&served, &json!({"filter": "metrics.`train/loss` < 3", "columns": [], "offset": 1}));
    assert_eq!(handle(&first), handle(&again));
    assert_eq!((&again.header["rows"], &again.header["total"]), (&json!(2), &json!(3)));
    runs[11].log_metric("train/loss", 0.5, 9).unwrap();
    let later = query(&served, &body);
    assert_ne!(handle(&first), handle(&later));
    assert_eq!(later.header["total"], 4);
    // The old list is still the old one.
    assert_eq!(window(&served, &first, "").header["total"], 3);
}

#[test]
fn runs_are_those_of_the_experiments() {
    let served = Served::new();
    sweep(&served);
    let other = served.database.experiment("/team/churning").unwrap();
    other.start_run("").unwrap();
    other.start_run("").unwrap().delete().unwrap();
    let total = |body: Value| query(&served, &body).header["total"].clone();
    assert_eq!(total(json!({})), 13);
    assert_eq!(total(json!({"under": "/team"})), 13);
    assert_eq!(total(json!({"under": "/team/churn"})), 12);
    assert_eq!(total(json!({"under": "/"})), 13);
    assert_eq!(total(json!({"under": "/tea"})), 0);
    assert_eq!(total(json!({"experiments": [other.id().to_string()]})), 1);
    assert_eq!(total(json!({"experiments": [other.id().to_string()], "view": "all"})), 2);
    assert_eq!(total(json!({"experiments": [other.id().to_string()], "view": "deleted"})), 1);
    assert_eq!(total(json!({"experiments": []})), 0);
    assert_eq!(total(json!({"experiments": [other.id().to_string()], "under": "/team/churn"})), 0);
}

#[test]
fn groups_have_their_spread() {
    let served = Served::new();
    let runs = sweep(&served);
    runs[1].clone().finish_as(RunStatus::Failed).unwrap();
    runs[2].clone().finish().unwrap();
    let body = json!({
        "group": "auto", "order": ["min.`train/loss` DESC"],
        "columns": ["metrics.train/loss", "params.seed", "params.rate"],
    });
    let frame = query(&served, &body);
    assert_eq!(
        (&frame.header["group"], &frame.header["groups"]),
        (&json!(["params.rate"]), &json!(4))
    );
    assert_eq!((&frame.header["total"], &frame.header["rows"]), (&json!(12), &json!(4)));
    let rates: Vec<_> = frame.dict("key0").into_iter().flatten().collect();
    assert_eq!(rates, ["3", "2", "1", "0"]);
    assert_eq!(frame.u32("runs"), [3; 4]);
    assert_eq!((frame.u32("running"), frame.u32("failed")), (vec![3, 3, 3, 1], vec![0, 0, 0, 1]));
    assert_eq!(frame.f64("metrics.train/loss|mean"), [31.0, 21.0, 11.0, 1.0]);
    assert_eq!(frame.f64("metrics.train/loss|std"), [1.0; 4]);
    assert_eq!(frame.f64("metrics.train/loss|min"), [30.0, 20.0, 10.0, 0.0]);
    assert_eq!(frame.f64("metrics.train/loss|max"), [32.0, 22.0, 12.0, 2.0]);
    assert_eq!(frame.dict("params.seed"), [const { None::<String> }; 4]);
    assert_eq!(frame.dict("params.rate"), frame.dict("key0"));

    let members = window(&served, &frame, "group=3");
    assert_eq!((&members.header["total"], members.texts("id").len()), (&json!(3), 3));
    assert!(members.texts("id").contains(&runs[0].id().to_string()));
    assert_eq!(window(&served, &frame, "group=3&offset=2&limit=5").header["rows"], 1);
    let handle = frame.header["handle"].as_str().unwrap();
    let target = format!("/api/v1/runs/query/{handle}/position?run={}", runs[3].id());
    assert_eq!(served.get(&target).expect(200), json!({"row": 2}));
    let bad = served.get(&format!("/api/v1/runs/query/{handle}?group=4"));
    bad.fails(400, "INVALID_PARAMETER_VALUE");

    // Curves are of the same groups, by their numbers.
    let body = json!({"handle": handle, "group": true, "groups": [3, 0], "keys": ["train/loss"]});
    let bands = Frame::of(served.post("/api/v1/curves", &body));
    assert_eq!(bands.f64("series.group"), [3.0, 0.0]);
    assert_eq!(bands.f64("series.last_value"), [1.0, 31.0]);
    let body = json!({"handle": handle, "group": true, "groups": [9], "keys": ["train/loss"]});
    served.post("/api/v1/curves", &body).fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn curves_are_of_the_first_runs_of_a_list() {
    let served = Served::new();
    let runs = sweep(&served);
    let frame = query(&served, &json!({"order": ["metrics.`train/loss` ASC"]}));
    let handle = &frame.header["handle"];
    let body = json!({"handle": handle, "first": 2, "keys": ["train/loss"], "x": "time"});
    let curves = Frame::of(served.post("/api/v1/curves", &body));
    let names = ["run 0", "run 1"].map(|name| Some(name.to_owned()));
    assert_eq!(curves.dict("series.name"), names);
    let best = runs[1].history("train/loss").unwrap();
    let second = |name: &str| curves.f64(&format!("series.{name}"))[1];
    assert_eq!((second("best_value"), second("best_step")), (0.0, 1.0));
    let place = second("best_x");
    assert!((place - best.times[1] as f64 / 1e6).abs() < 0.01, "{place}");
    served.post("/api/v1/curves", &json!({"handle": "x", "keys": ["a"]})).fails(410, "HANDLE_GONE");
}

#[test]
fn bad_queries_are_refused_with_the_texts_of_the_library() {
    let served = Served::new();
    sweep(&served);
    let refused = |body: Value| {
        served.post("/api/v1/runs/query", &body).fails(400, "INVALID_PARAMETER_VALUE")
    };
    let message = refused(json!({"filter": "metrcs.loss < 1"}));
    assert!(
        message.contains("\n    ^^^^^^\n") && message.ends_with("did you mean `metrics.loss`?")
    );
    let message = refused(json!({"columns": ["metrcs.loss"]}));
    assert!(message.contains("did you mean \"metrics.loss\"?"), "{message}");
    for bad in [
        json!({"order": ["loss"]}),
        json!({"order": "loss"}),
        json!({"view": "gone"}),
        json!({"columns": ["metrics.*"]}),
        json!({"columns": vec!["metrics.a"; 501]}),
        json!({"group": "all"}),
        json!({"group": ["nothing"]}),
        json!({"group": [1]}),
        json!({"limit": -1}),
        json!({"offset": "x"}),
        json!({"experiments": ["x"]}),
    ] {
        refused(bad);
    }
    let frame = query(
        &served,
        &json!({"offset": 1_000_000_000_000_000_i64, "columns": ["params.\u{202e}<b>"]}),
    );
    assert_eq!((&frame.header["rows"], &frame.header["total"]), (&json!(0), &json!(12)));
    for target in ["runs/query/x", "runs/query/%27?offset=1", "keys?handle=x", "export?handle=x"] {
        served.get(&format!("/api/v1/{target}")).fails(410, "HANDLE_GONE");
    }
    let body = json!({"handle": "x", "tags": {"a": "b"}});
    served.post("/api/v1/runs/bulk", &body).fails(410, "HANDLE_GONE");
}

#[test]
fn many_runs_are_changed_by_their_list() {
    let served = Served::new();
    sweep(&served);
    let frame = query(&served, &json!({"filter": "params.rate = '3'"}));
    let body = json!({"handle": frame.header["handle"], "tags": {"kept": "yes"}});
    assert_eq!(served.post("/api/v1/runs/bulk", &body).expect(200)["changed"], 3);
    let search = RunSearch::new().filter("tags.kept = 'yes'");
    assert_eq!(served.database.search_run_ids(&search).unwrap().len(), 3);
}

#[test]
fn keys_are_those_of_the_library() {
    let served = Served::new();
    let runs = sweep(&served);
    runs[0].log_metrics(&[("train/accuracy", 1.0), ("z", f64::NAN), ("a/b", 2.0)], 0).unwrap();
    runs[0].set_tag("team", "x").unwrap();
    let listed = served.get("/api/v1/keys?kind=metric").expect(200);
    let keys = listed["keys"].as_array().unwrap();
    let names: Vec<_> = keys.iter().map(|key| key["key"].as_str().unwrap()).collect();
    assert_eq!(names, ["z", "a/b", "train/accuracy", "train/loss"]);
    let sections = json!([
        {"prefix": "", "keys": 1}, {"prefix": "a", "keys": 1}, {"prefix": "train", "keys": 2},
    ]);
    assert_eq!(listed["sections"], sections);
    assert_eq!((&keys[2]["direction"], &keys[3]["direction"]), (&json!("max"), &json!("min")));
    assert_eq!(keys[0]["direction"], Value::Null);
    assert_eq!((&keys[0]["min"], &keys[0]["runs"]), (&Value::Null, &json!(1)));
    let known = served.database.run_keys(&RunSearch::new()).unwrap();
    let all = served.get("/api/v1/keys?limit=1000").expect(200);
    assert_eq!(all["total"], known.len());
    for key in all["keys"].as_array().unwrap() {
        let found = known.iter().find(|found| {
            found.key == key["key"] && key["kind"] == format!("{:?}", found.kind).to_lowercase()
        });
        let found = found.unwrap();
        assert_eq!((&key["runs"], &key["distinct"]), (&json!(found.runs), &json!(found.distinct)));
        assert_eq!(key["constant"], found.is_constant);
        assert_eq!(key["max"].as_f64(), found.range.map(|range| range.1));
    }
    let some = served.get("/api/v1/keys?search=TRAIN/(loss%7Cno)%24").expect(200);
    assert_eq!((&some["total"], &some["keys"][0]["key"]), (&json!(1), &json!("train/loss")));
    let page = served.get("/api/v1/keys?kind=metric&offset=2&limit=1").expect(200);
    assert_eq!((&page["total"], &page["keys"][0]), (&json!(4), &keys[2]));
    let frame = query(&served, &json!({"filter": "params.rate = '1'"}));
    let handle = frame.header["handle"].as_str().unwrap();
    let rate =
        served.get(&format!("/api/v1/keys?handle={handle}&kind=param&search=rate")).expect(200);
    assert_eq!((&rate["keys"][0]["runs"], &rate["keys"][0]["constant"]), (&json!(3), &json!(true)));
    for bad in ["search=(", "search=%28%3F%3Aa%7B1000%7D%29%7B1000%7D", "kind=metrics"] {
        served.get(&format!("/api/v1/keys?{bad}")).fails(400, "INVALID_PARAMETER_VALUE");
    }
}

#[test]
fn a_filter_is_completed_and_checked() {
    let served = Served::new();
    let runs = sweep(&served);
    runs[0].log_metric("val loss \u{1f600}", 1.0, 0).ok();
    let ask = |text: &str, at: usize| {
        let mut escaped = String::new();
        text.bytes().for_each(|byte| escaped.push_str(&format!("%{byte:02X}")));
        served.get(&format!("/api/v1/complete?text={escaped}&at={at}")).expect(200)
    };
    let texts = |found: &Value| -> Vec<String> {
        let items = found["items"].as_array().unwrap().iter();
        items.map(|item| item["text"].as_str().unwrap().to_owned()).collect()
    };
    let found = ask("tr", 2);
    assert_eq!(
        (texts(&found), &found["from"]),
        (vec!["metrics.`train/loss`".to_owned()], &json!(0))
    );
    assert_eq!(found["items"][0]["detail"], "12 runs, 0 to 32");
    // The text of the error is that of the command line, with the place of its carets.
    let error = RunSearch::new().filter("tr").check().unwrap_err();
    assert_eq!(found["error"]["message"], error.message());
    assert_eq!((&found["error"]["at"], &found["error"]["length"]), (&json!(2), &json!(1)));

    let text = "params.rate = '\u{1f600}' AND status ";
    let found = ask(text, text.encode_utf16().count());
    assert_eq!(found["from"], text.encode_utf16().count());
    assert!(texts(&found).contains(&"LIKE".to_owned()));
    let found = ask("status = ", 9);
    assert!(texts(&found).contains(&"'FINISHED'".to_owned()), "{found}");
    let found = ask("metrics.`train/loss` ", 21);
    assert_eq!(texts(&found)[0], "<");
    let found = ask("params.rate = '1' ", 18);
    assert_eq!((texts(&found), &found["error"]), (vec!["AND".to_owned()], &Value::Null));
    let found = ask("metrcs.loss < 1", 15);
    assert_eq!(found["error"]["hint"], "did you mean `metrics.loss`?");
    assert_eq!((&found["error"]["at"], &found["error"]["length"]), (&json!(0), &json!(6)));
    assert!(texts(&ask("", 0)).contains(&"start_time".to_owned()));
    assert_eq!(ask("a", 99)["from"], 0);
    served.get("/api/v1/complete?text=a&at=-1").fails(400, "INVALID_PARAMETER_VALUE");
}

#[test]
fn lists_and_series_are_exported() {
    let served = Served::new();
    let runs = sweep(&served);
    runs[0].set_tag("mlflow.runName", "a,\"b\"").unwrap();
    let columns = json!(["best.train/loss"]);
    let body = json!({"order": ["metrics.`train/loss` ASC"], "columns": columns, "limit": 1});
    let frame = query(&served, &body);
    let handle = frame.header["handle"].as_str().unwrap();
    let csv = served.get(&format!("/api/v1/export?handle={handle}&format=csv"));
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"runs.csv\""));
    let text = String::from_utf8(csv.body).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 13);
    assert!(lines[0].ends_with(",user_id,best.train/loss"), "{}", lines[0]);
    assert!(lines[1].contains(",\"a,\"\"b\"\"\",") && lines[1].ends_with(",-1"), "{}", lines[1]);
    let latex = served.get(&format!("/api/v1/export?handle={handle}&format=latex"));
    assert!(latex.body.starts_with(b"\\begin{tabular}"));
    let bad = served.get(&format!("/api/v1/export?handle={handle}&format=pdf"));
    bad.fails(400, "INVALID_PARAMETER_VALUE");

    let target = format!("/api/v1/series.csv?run={}&key=train/loss", runs[0].id());
    let series = String::from_utf8(served.get(&target).body).unwrap();
    let history = runs[0].history("train/loss").unwrap();
    let known: Vec<String> = history
        .iter()
        .map(|point| format!("{},{},{}", point.step, point.time.as_millis(), point.value))
        .collect();
    assert_eq!(series.lines().skip(1).collect::<Vec<_>>(), known);
    served.get("/api/v1/series.csv?run=x&key=a").fails(404, "RESOURCE_DOES_NOT_EXIST");
}

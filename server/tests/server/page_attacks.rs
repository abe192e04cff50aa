//! Attacks on the API of the page: requests that are much work, and pages of other sites.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::{Batch, MetricPoint, Run, Timestamp};

use crate::client::Served;
use crate::frame::Frame;

fn start(served: &Served) -> Run {
    served.database.default_experiment().unwrap().start_run("").unwrap()
}

fn point(step: i64, value: f64) -> MetricPoint {
    MetricPoint { step, time: Timestamp::now(), value }
}

#[test]
fn smoothing_of_any_width_is_answered() {
    let served = Served::new();
    let run = start(&served);
    for step in 0..2500_i64 {
        run.log_metric("falling", 1.0 / (step + 1) as f64, step).unwrap();
        run.log_metric("same", 2.0, 0).unwrap();
    }
    run.log_metric("falling", 9.0, 1_000_000_000_000_000_i64).unwrap();
    for amount in [1e-300, 1.0, 1e15, 1e300] {
        let body = json!({
            "runs": [run.id().to_string()], "keys": ["falling", "same"],
            "smooth": {"kind": "gaussian", "amount": amount},
        });
        let frame = Frame::of(served.post("/api/v1/curves", &body));
        assert!(frame.f64("smooth").iter().all(|value| value.is_finite()), "{amount}");
    }
}

#[test]
fn a_batch_is_a_change() {
    let served = Served::new();
    let run = start(&served);
    let log = |value: f64| {
        let mut batch = Batch::new();
        batch.point("loss", point(1, value));
        run.log_batch(&batch).unwrap();
    };
    log(1.0);
    let question = json!({"filter": "max.loss > 5"});
    let found = |question: &Value| {
        Frame::of(served.post("/api/v1/runs/query", question)).header["total"].clone()
    };
    assert_eq!(found(&question), 0);
    let before = served.get("/api/v1/file").json()["position"].as_str().unwrap().to_owned();
    log(9.0);
    let changes = served.get(&format!("/api/v1/changes?since={before}")).json();
    assert_eq!(changes["points"], true, "{changes}");
    assert_eq!(found(&question), 1);
}

#[test]
fn requests_that_are_too_much_work_are_refused() {
    let served = Served::new();
    let run = start(&served).id().to_string();
    let long = "a?".repeat(101);
    for search in [long.as_str(), "(a{0,90}){0,30}b$"] {
        let answer = served.get(&format!("/api/v1/keys?search={search}"));
        assert_eq!(answer.status, 400, "{search}");
    }
    let keys: Vec<String> = (0..5001).map(|key| format!("m{key}")).collect();
    for body in [
        json!({"runs": [run], "keys": keys}),
        json!({"runs": [run], "keys": keys, "group": true}),
        json!({"runs": [run], "keys": keys[..5000], "px": 20_000}),
    ] {
        let answer = served.post("/api/v1/curves", &body);
        let message = answer.fails(400, "INVALID_PARAMETER_VALUE");
        assert!(message.contains("ask for at most 5000 curves"), "{message}");
    }
}

#[test]
fn a_group_that_is_named_often_is_drawn_once() {
    let served = Served::new();
    let run = start(&served);
    run.log_param("rate", 1).unwrap();
    run.log_metric("loss", 1.0, 0).unwrap();
    let query = json!({"group": ["params.rate"]});
    let frame = Frame::of(served.post("/api/v1/runs/query", &query));
    let body = json!({
        "handle": frame.header["handle"], "group": true, "groups": vec![0; 4000], "keys": ["loss"],
    });
    let began = Instant::now();
    let frame = Frame::of(served.post("/api/v1/curves", &body));
    assert_eq!(frame.dict("series.key").len(), 1);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_purged_run_leaves_the_charts_of_its_list() {
    let served = Served::new();
    let (gone, kept) = (start(&served), start(&served));
    [&gone, &kept].iter().for_each(|run| run.log_metric("loss", 1.0, 0).unwrap());
    let frame = Frame::of(served.post("/api/v1/runs/query", &json!({})));
    gone.delete().unwrap();
    served.database.gc().unwrap();
    let body = json!({"handle": frame.header["handle"], "keys": ["loss"]});
    let frame = Frame::of(served.post("/api/v1/curves", &body));
    assert_eq!(frame.dict("series.run"), [Some(kept.id().to_string())]);
}

#[test]
fn pages_of_other_sites_cannot_use_the_api() {
    let served = Served::new();
    for (from, status) in
        [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
    {
        let headers = [("sec-fetch-site", from)];
        let answer = served.send_with("GET", "/api/v1/file", &headers, b"");
        assert_eq!(answer.status, status, "{from}");
    }
    let page = served.get("/ui/runs");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[test]
fn a_script_of_a_run_is_shown_as_text() {
    let served = Served::new();
    let run = start(&served);
    run.artifacts().log_bytes(b"alert(1)", "a.js").unwrap();
    let path = format!("/api/v1/runs/{}/file?path=a.js", run.id());
    let answer = served.get(&path);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn the_ends_of_a_curve_are_those_of_its_points() {
    let served = Served::new();
    let run = start(&served);
    // The last points by time are not those with the largest steps.
    for step in (1000..3000).chain(-50..1000_i64) {
        run.log_metric("loss", step as f64, step).unwrap();
    }
    let body = json!({"runs": [run.id().to_string()], "keys": ["loss"], "px": 5});
    let frame = Frame::of(served.post("/api/v1/curves", &body));
    let fact = |name: &str| frame.f64(&format!("series.{name}"));
    assert_eq!((fact("x_min"), fact("x_max")), (vec![-50.0], vec![2999.0]));
    assert_eq!((fact("last_x"), fact("last_value")), (vec![999.0], vec![999.0]));
}

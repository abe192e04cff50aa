//! Curves and bands of the page's API, compared with the library and with plain code.

use serde_json::{Value, json};
use tracklite::curve::{BandKind, CurveQuery, Smoothing};
use tracklite::{Run, Step};

use crate::client::Served;
use crate::frame::Frame;

fn curves(served: &Served, body: &Value) -> Frame {
    Frame::of(served.post("/api/v1/curves", body))
}

/// Returns a part of a column: the rows of a series.
fn part(frame: &Frame, name: &str, series: usize) -> Vec<f64> {
    let counts = frame.f64("series.count");
    let start: f64 = counts[..series].iter().sum();
    frame.f64(name)[start as usize..][..counts[series] as usize].to_vec()
}

fn run(served: &Served, values: impl IntoIterator<Item = f64>) -> Run {
    let run = served.database.default_experiment().unwrap().start_run("").unwrap();
    let loss = run.metric("loss").unwrap();
    values.into_iter().for_each(|value| loss.log(value, Step::NEXT).unwrap());
    run
}

#[test]
fn a_short_curve_has_its_points() {
    let served = Served::new();
    let values = [3.0, f64::NAN, 1.0, f64::INFINITY];
    let run = run(&served, values);
    let frame = curves(&served, &json!({"runs": [run.id().to_string()], "keys": ["loss", "no"]}));
    let fact = |name: &str| frame.f64(&format!("series.{name}"));
    assert_eq!((fact("exact"), fact("points"), fact("nan")), (vec![1.0], vec![4.0], vec![1.0]));
    assert_eq!((fact("first_nan_step"), fact("last_value")), (vec![1.0], vec![f64::INFINITY]));
    assert_eq!((fact("min_value"), fact("min_step")), (vec![1.0], vec![2.0]));
    assert_eq!(frame.f64("x"), [0.0, 1.0, 2.0, 3.0]);
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&frame.f64("last")), bits(&values));
    assert_eq!((frame.f64("n"), frame.f64("nan")), (vec![1.0; 4], vec![0.0, 1.0, 0.0, 0.0]));
    assert!(!frame.has("smooth"));
    let cursor = served.database.changes(None).unwrap().cursor;
    assert_eq!(frame.header["position"], cursor.to_string());
}

#[test]
fn a_long_curve_is_that_of_the_library() {
    let served = Served::new();
    let waves =
        |shift: f64| (0..20_000_i32).map(move |step| (f64::from(step) * 0.01 + shift).sin());
    let (one, two) = (run(&served, waves(0.0)), run(&served, waves(1.0)));
    let body = json!({
        "runs": [two.id().to_string(), one.id().to_string()], "keys": ["loss"], "px": 250,
        "range": [100, 15_000], "smooth": {"kind": "ema", "amount": 0.9},
    });
    let frame = curves(&served, &body);
    let query = CurveQuery::new(250).range(100.0, 15_000.0);
    let query = query.smoothing(Smoothing::Average { weight: 0.9 });
    let known = served.database.curves(&[two.id(), one.id()], &["loss"], &query).unwrap();
    let ids = known.iter().map(|curve| Some(curve.run.to_string()));
    assert_eq!(frame.dict("series.run"), ids.collect::<Vec<_>>());
    for (index, curve) in known.iter().enumerate() {
        for (name, values) in [("x", &curve.places), ("x_first", &curve.from_places)] {
            assert_eq!(&part(&frame, name, index), values, "{name}");
        }
        for (name, values) in [
            ("min", &curve.min_values),
            ("max", &curve.max_values),
            ("mean", &curve.mean_values),
            ("last", &curve.last_values),
            ("smooth", &curve.smooth_values),
        ] {
            let found = part(&frame, name, index);
            let single: Vec<f64> = values.iter().map(|value| f64::from(*value as f32)).collect();
            assert_eq!(found, single, "{name}");
        }
    }
    assert_eq!(known[0].places.len(), 250);
    let rows = frame.f64("x").len();
    assert!(frame.size() < 40 * rows, "{} bytes for {rows} rows", frame.size());
}

#[test]
fn values_that_hardly_differ_keep_all_their_bits() {
    let served = Served::new();
    let near = |step: i32| 1e9 + f64::from(step % 7) * 1e-3;
    let run = run(&served, (0..5000_i32).map(near));
    let frame = curves(&served, &json!({"runs": [run.id().to_string()], "keys": ["loss"]}));
    let known = served.database.curves(&[run.id()], &["loss"], &CurveQuery::new(300)).unwrap();
    assert_eq!(frame.f64("max"), known[0].max_values);
    assert_ne!(known[0].max_values, known[0].min_values);
}

#[test]
fn new_points_come_in_rows_of_the_width_that_is_asked_for() {
    let served = Served::new();
    let run = run(&served, (0..10_000_i32).map(f64::from));
    let ask = |from: f64, px: usize, width: f64| {
        let id = run.id().to_string();
        let body = json!({
            "runs": [id], "keys": ["loss"], "range": [from, 1e300], "px": px, "width": width,
        });
        curves(&served, &body)
    };
    let frame = ask(9000.0, 150, 100.0);
    assert_eq!(
        frame.f64("x_first"),
        (0..10).map(|at| 9000.0 + 99.9 * f64::from(at)).map(f64::ceil).collect::<Vec<f64>>()
    );
    assert_eq!(
        (frame.f64("n").iter().sum::<f64>(), frame.f64("series.x_max")),
        (1000.0, vec![9999.0])
    );
    // At most as many rows as pixels, and few points as they are.
    assert_eq!(ask(0.0, 20, 100.0).f64("x").len(), 20);
    assert_eq!(ask(9997.0, 150, 100.0).f64("x"), [9997.0, 9998.0, 9999.0]);
    assert!(ask(10_000.0, 150, 100.0).f64("x").is_empty());
}

#[test]
fn seeds_are_a_band() {
    let served = Served::new();
    let ids: Vec<String> =
        [1.0, 2.0, 6.0].map(|value| run(&served, [value, value + 1.0]).id().to_string()).to_vec();
    let body = json!({"runs": ids, "keys": ["loss"], "group": true, "band": "minmax"});
    let frame = curves(&served, &body);
    assert_eq!(frame.f64("series.group"), [0.0]);
    assert_eq!((frame.f64("x"), frame.f64("mean")), (vec![0.0, 1.0], vec![3.0, 4.0]));
    assert_eq!((frame.f64("low"), frame.f64("high")), (vec![1.0, 2.0], vec![6.0, 7.0]));
    assert_eq!(frame.f64("n"), [3.0, 3.0]);
    let ids: Vec<_> = served.database.runs().unwrap().iter().map(|run| run.info.id).collect();
    for (name, kind) in [
        ("std", BandKind::Deviation),
        ("stderr", BandKind::StandardError),
        ("ci", BandKind::Confidence),
        ("quartiles", BandKind::Quartiles),
    ] {
        let mut body = body.clone();
        body["band"] = name.into();
        let query = CurveQuery::new(300);
        let known =
            served.database.bands(std::slice::from_ref(&ids), &["loss"], &query, kind).unwrap();
        assert_eq!(curves(&served, &body).f64("low"), known[0].lows, "{name}");
    }
    let mut body = body;
    body["smooth"] = json!({"kind": "ema", "amount": 0.5});
    let frame = curves(&served, &body);
    // Each run is smoothed first: the mean of v and v + 1, of which the second counts twice.
    let means: Vec<f64> = frame.f64("mean").iter().map(|mean| (mean * 1e9).round() / 1e9).collect();
    assert_eq!(means, [3.0, 3.666_666_667]);
}

#[test]
fn an_answer_may_have_no_curve() {
    let served = Served::new();
    for body in [json!({}), json!({"runs": [], "keys": ["loss"]})] {
        let frame = curves(&served, &body);
        assert_eq!(frame.header["rows"], 0);
        assert!(frame.dict("series.run").is_empty() && frame.f64("x").is_empty());
    }
}

#[test]
fn questions_without_sense_are_refused() {
    let served = Served::new();
    let id = run(&served, [1.0]).id().to_string();
    for bad in [
        json!({"x": "steps"}),
        json!({"px": 0}),
        json!({"px": -1}),
        json!({"px": 1_000_000}),
        json!({"width": 0}),
        json!({"width": "Infinity"}),
        json!({"range": [1]}),
        json!({"range": [2, 1]}),
        json!({"range": ["NaN", 1]}),
        json!({"range": "all"}),
        json!({"smooth": {"kind": "ema", "amount": 1.5}}),
        json!({"smooth": {"kind": "ema", "amount": "NaN"}}),
        json!({"smooth": {"kind": "window", "amount": "NaN"}}),
        json!({"smooth": {"kind": "magic", "amount": 1}}),
        json!({"smooth": {"kind": "ema"}}),
        json!({"group": true, "band": "wide"}),
        json!({"keys": vec!["loss"; 6000]}),
    ] {
        let mut body = json!({"runs": [id], "keys": ["loss"]});
        body.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        served.post("/api/v1/curves", &body).fails(400, "INVALID_PARAMETER_VALUE");
    }
    let body = json!({"runs": ["0123456789abcdef0123456789abcdef"], "keys": ["loss"]});
    served.post("/api/v1/curves", &body).fails(404, "RESOURCE_DOES_NOT_EXIST");
}

//! Native answers: without a process, compared with one, and refused if they cannot be checked.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::endpoint::{EndpointLimits, EndpointSpec, ServedModel, ServingLane};
use tracklite_serve::{Measures, Observer};

use crate::serving::{ENDPOINT, Served, add_version, ask};

/// How many requests are tried both ways.
const TRIALS: u64 = 8;

/// Returns the description of a model that predicts `1` up to 100 and `7` above it. The process of
/// the substitute predicts the number of columns, which is always `1`.
fn description(answer: &str) -> Vec<u8> {
    let head = json!({
        "columns": [["x", "double"]], "is_single": false, "takes_nan": false,
        "takes_infinite": false, "scores": "linear", "decision": "positive",
        "labels": ["1", "7"], "answers": [answer], "examples": [],
    });
    let float = |number: f64| number.to_le_bytes().to_vec();
    let arrays = [
        ("head", head.to_string().into_bytes()),
        ("coefficients", float(1.0)),
        ("intercepts", float(-100.0)),
        ("margin", float(0.0)),
        ("samples", float(5.0)),
    ];
    let mut bytes = Vec::new();
    for (name, array) in arrays {
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.extend((array.len() as u64).to_le_bytes());
        bytes.extend(array);
    }
    bytes
}

/// Serves a version with a description, whose worker ends after a short time if it may.
async fn described(served: &Served, description: &[u8], idle_ms: Option<u32>) {
    let version = add_version(&served.database, &json!({"label": "1", "description": description}));
    let limits = EndpointLimits { workers: 1, ..EndpointLimits::default() };
    let limits = EndpointLimits { idle_ms: idle_ms.unwrap_or(limits.idle_ms), ..limits };
    let model = ServedModel::version(crate::serving::MODEL, version).name("m");
    let model = model.lane(ServingLane::Native).scale_to_zero(idle_ms.is_some());
    served.create(&EndpointSpec::new().serve(model).limits(limits)).await;
}

async fn predicted(served: &Served, number: f64) -> Value {
    let answer = ask(&served.serving, "", &json!({"dataframe_records": [{"x": number}]})).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    body["predictions"][0].clone()
}

fn measured(served: &Served) -> Measures {
    served.serving.measures(ENDPOINT).remove(0)
}

async fn until(served: &Served, is_so: impl Fn(&Measures) -> bool) {
    let began = Instant::now();
    while !is_so(&measured(served)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", measured(served));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn native_answers_need_no_process_and_are_counted() {
    let seen = Arc::new(Mutex::new(0_u64));
    let counted = Arc::clone(&seen);
    let observer = Observer(Arc::new(move |exchange| {
        assert_eq!((exchange.status(), exchange.entity), (200, "m"));
        *counted.lock().unwrap() += 1;
        None
    }));
    let served = Served::with(|mut settings| {
        settings.observer = Some(observer);
        settings
    });
    described(&served, &description("1"), Some(100)).await;
    for number in 0..TRIALS {
        assert_eq!(measured(&served).native, 0, "the worker answers the trials");
        assert_eq!(predicted(&served, number as f64).await, 1);
    }
    until(&served, |measures| measures.workers == 0).await;
    let before = measured(&served).cold_starts;
    // More than one of them would be compared.
    for number in 0..600 {
        assert_eq!(predicted(&served, f64::from(number) / 10.0).await, 1);
    }
    let after = measured(&served);
    assert_eq!((after.native, after.is_native_off), (600, false));
    assert_eq!((after.workers, after.cold_starts), (0, before), "no process was started");
    assert_eq!((after.statuses[&200], *seen.lock().unwrap()), (TRIALS + 600, TRIALS + 600));
    // A body of another form has the worker started.
    assert_eq!(served.answer("echo", json!(5)).await.1, json!(5));
    assert_eq!(measured(&served).cold_starts, before + 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_in_the_trials_turns_native_answers_off() {
    let served = Served::new();
    described(&served, &description("1"), None).await;
    assert_eq!(predicted(&served, 5.0).await, 1);
    assert_eq!(predicted(&served, 200.0).await, 1, "the worker answers");
    assert!(measured(&served).is_native_off);
    for _ in 0..2 * TRIALS {
        assert_eq!(predicted(&served, 200.0).await, 1);
    }
    assert_eq!(measured(&served).native, 0);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_difference_is_found_and_turns_native_answers_off() {
    let served = Served::new();
    described(&served, &description("1"), None).await;
    for _ in 0..TRIALS {
        assert_eq!(predicted(&served, 5.0).await, 1);
    }
    for _ in 0..255 {
        assert_eq!(predicted(&served, 200.0).await, 7);
    }
    assert!(!measured(&served).is_native_off);
    predicted(&served, 200.0).await;
    until(&served, |measures| measures.is_native_off).await;
    assert_eq!(predicted(&served, 200.0).await, 1);
    assert_eq!(measured(&served).native, 256);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_that_cannot_be_checked_is_refused_with_a_reason() {
    for (bytes, reason) in [
        (description("7"), "it predicts 1 in place of 7"),
        (description("1")[..30].to_vec(), "an array is truncated"),
        (Vec::new(), "the array \"head\" is missing"),
    ] {
        let served = Served::new();
        described(&served, &bytes, None).await;
        for _ in 0..2 * TRIALS {
            assert_eq!(predicted(&served, 5.0).await, 1);
        }
        let (built, _) = served.serving.logs(ENDPOINT, "m").unwrap();
        assert!(
            built.contains("is not computed without Python") && built.contains(reason),
            "{built}"
        );
        assert_eq!(measured(&served).native, 0);
        served.stop().await;
    }
}

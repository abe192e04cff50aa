//! Deadlines, and requests that wait.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::endpoint::{EndpointLimits, EndpointSpec, ServedModel};
use tracklite_serve::Refusal;

use crate::serving::{MODEL, Served, ask, ended, is_running};

fn limited(timeout_ms: u32, waiting: u32) -> EndpointSpec {
    let limits = EndpointLimits { timeout_ms, waiting, workers: 1, ..EndpointLimits::default() };
    EndpointSpec::new().serve(ServedModel::version(MODEL, 1)).limits(limits)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_request_and_not_the_worker() {
    let served = Served::new();
    served.create(&limited(300, 8)).await;
    let process = served.answer("process", Value::Null).await.1;
    let began = Instant::now();
    let late = served.ask("sleep", json!(30)).await;
    assert!(matches!(&late, Err(Refusal::Late(text)) if text.contains("0.3 s")), "{late:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(served.answer("process", Value::Null).await.1, process);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ignores_its_deadline_is_killed() {
    let served = Served::new();
    served.create(&limited(2000, 8)).await;
    let process = served.answer("process", Value::Null).await.1.as_i64().unwrap();
    assert!(is_running(process));
    let late = served.ask("hang", json!(600)).await;
    assert!(matches!(late, Err(Refusal::Late(_))), "{late:?}");
    ended(process).await;
    assert_ne!(served.answer("process", Value::Null).await.1, json!(process));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_wait_are_refused_at_once() {
    let served = Served::new();
    served.create(&limited(60_000, 2)).await;
    let asks = (0..20).map(|number| {
        let serving = served.serving.clone();
        tokio::spawn(async move {
            let (began, order) = (Instant::now(), json!(["sleep", 0.5]));
            (ask(&serving, &number.to_string(), &order).await, began.elapsed())
        })
    });
    let asks: Vec<_> = asks.collect();
    let (mut answered, mut refused) = (0, 0);
    for asked in asks {
        match asked.await.unwrap() {
            (Ok(_), _) => answered += 1,
            (Err(Refusal::Busy(text)), took) => {
                assert!(text.contains("at most 2"), "{text}");
                assert!(took < Duration::from_millis(400), "{took:?}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    // One is with the worker, two wait, and one may have come when the first was taken.
    assert!((3..=4).contains(&answered), "{answered} answered, {refused} refused");
    served.stop().await;
}

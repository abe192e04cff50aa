//! Scale to zero: workers that end while there are no requests, and start for the next one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::endpoint::{EndpointLimits, EndpointSpec, ServedModel};
use tracklite_serve::{Deployment, Refusal};

use crate::serving::{ENDPOINT, MODEL, Served, add_version, ask, ended, parse};

/// Serves a version whose worker ends after a short time.
fn idle(version: u64, idle_ms: u32, held: u32) -> EndpointSpec {
    let limits = EndpointLimits { workers: 1, idle_ms, held, ..EndpointLimits::default() };
    let model = ServedModel::version(MODEL, version).scale_to_zero(true);
    EndpointSpec::new().serve(model).limits(limits)
}

/// Waits until the worker has ended.
async fn asleep(served: &Served) {
    let began = Instant::now();
    let info = served.database.endpoints().get(ENDPOINT).unwrap();
    while served.serving.status(&info).deployments != [Deployment::Asleep] {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", served.serving.status(&info));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_ends_and_twenty_requests_at_once_start_it_again() {
    let served = Served::new();
    served.create(&idle(1, 200, 100)).await;
    let first = served.answer("process", Value::Null).await.1;
    for round in 1..=2 {
        asleep(&served).await;
        ended(first.as_i64().unwrap()).await;
        let began = Instant::now();
        let asks = (0..20).map(|number| {
            let serving = served.serving.clone();
            tokio::spawn(async move {
                ask(&serving, &number.to_string(), &json!(["echo", number])).await
            })
        });
        let asks: Vec<_> = asks.collect();
        for (number, asked) in asks.into_iter().enumerate() {
            assert_eq!(parse(&asked.await.unwrap().unwrap()), ("1".to_owned(), json!(number)));
        }
        println!("20 requests at once started a worker and were answered in {:?}", began.elapsed());
        let measures = served.serving.measures(ENDPOINT);
        assert_eq!((measures[0].cold_starts, measures[0].deaths), (round, 0));
        assert_eq!(measures[0].statuses[&200], 1 + 20 * round);
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_held_ones_are_refused_at_once() {
    let served = Served::new();
    // It takes a second to load.
    let slow = add_version(&served.database, &json!({"label": "slow", "load": "slow"}));
    served.create(&idle(slow, 50, 5)).await;
    asleep(&served).await;
    let asks = (0..12).map(|number| {
        let serving = served.serving.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            (ask(&serving, &number.to_string(), &json!(["echo", 1])).await, began.elapsed())
        })
    });
    let asks: Vec<_> = asks.collect();
    let (mut answered, mut refused) = (0, 0);
    for asked in asks {
        match asked.await.unwrap() {
            (Ok(_), _) => answered += 1,
            (Err(Refusal::Busy(text)), took) => {
                assert!(text.contains("at most 5") && took < Duration::from_millis(500), "{text}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((answered, refused), (5, 7));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_scale_to_zero_stays() {
    let served = Served::new();
    let limits = EndpointLimits { workers: 1, idle_ms: 50, ..EndpointLimits::default() };
    let model = ServedModel::version(MODEL, 1);
    served.create(&EndpointSpec::new().serve(model).limits(limits)).await;
    let first = served.answer("process", Value::Null).await.1;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(served.answer("process", Value::Null).await.1, first);
    assert_eq!(served.serving.measures(ENDPOINT)[0].cold_starts, 0);
    served.stop().await;
}

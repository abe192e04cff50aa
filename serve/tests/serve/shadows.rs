//! Copies for shadows, the split of requests, limits of the rate, and the time until an alias is
//! followed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracklite::endpoint::{
    EndpointLimits, EndpointRateLimit, EndpointSettings, EndpointSpec, RateScope, ServedModel,
};
use tracklite_serve::{Observer, Refusal, Request};

use crate::serving::{ENDPOINT, MODEL, Served, parse};

fn limits() -> EndpointLimits {
    EndpointLimits { workers: 1, ..EndpointLimits::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_gets_a_copy_and_its_answer_is_only_observed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let collected = Arc::clone(&seen);
    let observer = Observer(Arc::new(move |exchange| {
        let facts = (
            exchange.request.id.clone(),
            exchange.entity.to_owned(),
            exchange.version,
            exchange.is_shadow,
            exchange.status(),
        );
        collected.lock().unwrap().push(facts);
        None
    }));
    let served = Served::with(|mut settings| {
        settings.observer = Some(observer);
        settings
    });
    let spec = EndpointSpec::new()
        .serve(ServedModel::version(MODEL, 1).name("live"))
        .serve(ServedModel::version(MODEL, 2).name("quiet").shadow(true))
        .limits(limits());
    served.create(&spec).await;
    for number in 0..10 {
        let request = Request {
            id: format!("r{number}"),
            user: "ada".to_owned(),
            body: json!(["echo", number]).to_string().into_bytes().into(),
            content_type: "application/json".to_owned(),
            key: format!("r{number}"),
        };
        let answer = served.serving.answer(ENDPOINT, request).await.unwrap();
        assert_eq!(parse(&answer), ("1".to_owned(), json!(number)));
    }
    let began = Instant::now();
    while seen.lock().unwrap().len() < 20 {
        assert!(began.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut found = seen.lock().unwrap().clone();
    found.sort_by_key(|(id, _, version, ..)| (id.clone(), *version));
    for (number, pair) in found.chunks(2).enumerate() {
        let id = format!("r{number}");
        let live = (id.clone(), "live".to_owned(), 1, false, 200);
        assert_eq!(pair, [live, (id, "quiet".to_owned(), 2, true, 200)]);
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_that_hangs_drops_copies_and_slows_nobody() {
    let served = Served::new();
    // One copy is with the shadow, one waits, and the others are dropped.
    let limits = EndpointLimits { waiting: 1, ..limits() };
    let spec = EndpointSpec::new()
        .serve(ServedModel::version(MODEL, 1).name("live"))
        .serve(ServedModel::version(MODEL, 2).name("quiet").shadow(true).variable("SLOW", "1"))
        .limits(limits);
    served.create(&spec).await;
    let began = Instant::now();
    for number in 0..20 {
        assert_eq!(served.answer("slow", json!(number)).await.1, json!(number));
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let measures = served.serving.measures(ENDPOINT);
    assert_eq!((measures[0].entity.as_str(), measures[0].statuses[&200]), ("live", 20));
    assert!((15..20).contains(&measures[1].dropped), "{measures:?}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_split_has_its_shares_and_a_replay_repeats_it() {
    const REQUESTS: usize = 1500;
    let served = Served::new();
    let shares = [("a", 1, 50_u32), ("b", 2, 30), ("c", 1, 20)];
    let mut spec = EndpointSpec::new().limits(limits());
    for (name, version, percent) in shares {
        spec = spec.serve(ServedModel::version(MODEL, version).name(name)).route(name, percent);
    }
    served.create(&spec).await;
    let round = async || {
        let mut names = Vec::new();
        for number in 0..REQUESTS {
            let key = format!("request {number}");
            let body = json!(["echo", null]);
            names.push(crate::serving::ask(&served.serving, &key, &body).await.unwrap().entity);
        }
        names
    };
    let names = round().await;
    assert_eq!(names, round().await);
    let square = |(name, _, percent): (&str, u64, u32)| {
        let found = names.iter().filter(|found| *found == name).count() as f64;
        let expected = REQUESTS as f64 * f64::from(percent) / 100.0;
        (found - expected).powi(2) / expected
    };
    let sum: f64 = shares.into_iter().map(square).sum();
    // Chi-square with two degrees of freedom exceeds this once in 10,000 times.
    assert!(sum < 18.4, "{sum}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_rate_holds_at_once_and_for_each_user() {
    let served = Served::new();
    served
        .create(&EndpointSpec::new().serve(ServedModel::version(MODEL, 1)).limits(limits()))
        .await;
    let limit = EndpointRateLimit { calls: 3, scope: RateScope::EachUser };
    let settings = EndpointSettings::new().rate_limits(vec![limit]);
    let changed = served.database.endpoints().set(ENDPOINT, &settings, None).unwrap();
    served.serving.look();
    let began = Instant::now();
    while served.serving.endpoint(ENDPOINT).unwrap().revision != changed.revision {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ask = async |user: &str| {
        let request = Request {
            user: user.to_owned(),
            body: "[\"echo\", 1]".into(),
            content_type: "application/json".to_owned(),
            ..Request::default()
        };
        served.serving.answer(ENDPOINT, request).await
    };
    for _ in 0..3 {
        assert!(ask("ada").await.is_ok());
    }
    let refused = ask("ada").await;
    assert!(matches!(refused, Err(Refusal::Limited { calls: 3, .. })), "{refused:?}");
    assert!(ask("bob").await.is_ok());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_alias_is_followed_within_100_ms() {
    let served = Served::new();
    let registry = served.database.registry();
    registry.set_alias(MODEL, "champion", 1).unwrap();
    served.create(&EndpointSpec::new().serve(ServedModel::alias(MODEL, "champion"))).await;
    let mut took = Vec::new();
    for number in 0..9_u64 {
        let (before, wanted) = (served.settled().await, 2 - number % 2);
        registry.set_alias(MODEL, "champion", wanted).unwrap();
        let began = Instant::now();
        while served.database.endpoints().get(ENDPOINT).unwrap().revision == before.revision {
            assert!(began.elapsed() < Duration::from_secs(10), "move {number} was not followed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(began.elapsed());
        while served.answer("echo", Value::Null).await.0 != wanted.to_string() {
            assert!(began.elapsed() < Duration::from_secs(30), "move {number} was not loaded");
        }
    }
    took.sort();
    println!("a moved alias was followed after {took:?}");
    // The median, because other programs may stop this one for a while.
    assert!(took[4] <= Duration::from_millis(100), "{took:?}");
    served.stop().await;
}

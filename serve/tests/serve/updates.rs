//! Updates of endpoints: aliases that move, failures, splits, restarts, several servers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tracklite::Database;
use tracklite::endpoint::{EndpointLimits, EndpointSpec, ServedModel};
use tracklite_serve::{Refusal, Serving};

use crate::serving::{Folder, MODEL, Served, add_version, ask, ended, parse, start, version};

fn following() -> EndpointSpec {
    let limits = EndpointLimits { workers: 1, ..EndpointLimits::default() };
    EndpointSpec::new().serve(ServedModel::alias(MODEL, "champion")).limits(limits)
}

fn point_to(database: &Database, version: u64) {
    database.registry().set_alias(MODEL, "champion", version).unwrap();
}

/// Asks again and again until it shall stop. Returns the number of answers by label and version.
async fn load(
    serving: Serving,
    client: usize,
    stop: Arc<AtomicBool>,
) -> BTreeMap<(String, u64), usize> {
    let mut found = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let answer = ask(&serving, &client.to_string(), &json!(["echo", client])).await;
        let answer = answer.expect("no request fails while an alias moves");
        let (label, value) = parse(&answer);
        assert_eq!(value, json!(client), "an answer went to another client");
        *found.entry((label, answer.version)).or_default() += 1;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_moves_of_an_alias_fail_no_request() {
    let served = Served::new();
    point_to(&served.database, 1);
    served.create(&following()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients =
        (0..4).map(|client| tokio::spawn(load(served.serving.clone(), client, Arc::clone(&stop))));
    let clients: Vec<_> = clients.collect();
    for number in 0..50_u64 {
        let wanted = 2 - number % 2;
        let database = served.database.clone();
        tokio::task::spawn_blocking(move || point_to(&database, wanted)).await.unwrap();
        let began = std::time::Instant::now();
        loop {
            let answer = served.ask("echo", Value::Null).await.unwrap();
            if answer.version == wanted {
                break;
            }
            assert!(began.elapsed().as_secs() < 30, "move {number} was not followed");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut sum: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for client in clients {
        for (by, count) in client.await.unwrap() {
            *sum.entry(by).or_default() += count;
        }
    }
    // Each answer came from the version that its header names.
    let by: Vec<(&str, u64)> =
        sum.keys().map(|(label, number)| (label.as_str(), *number)).collect();
    assert_eq!(by, [("1", 1), ("2", 2)], "{sum:?}");
    assert!(sum.values().all(|count| *count > 50), "{sum:?}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workers_of_the_old_version_end() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let old = served.answer("process", Value::Null).await.1.as_i64().unwrap();
    let (serving, order) = (served.serving.clone(), json!(["sleep", 1]));
    let slow = tokio::spawn(async move { ask(&serving, "", &order).await });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    served.database.endpoints().update(crate::serving::ENDPOINT, &version(2, 1), None).unwrap();
    served.settled().await;
    assert_eq!(served.answer("echo", Value::Null).await.0, "2");
    // The request that had begun is answered by the version that it was sent to.
    assert_eq!(parse(&slow.await.unwrap().unwrap()).0, "1");
    ended(old).await;
    let last = served.answer("process", Value::Null).await.1.as_i64().unwrap();
    served.database.endpoints().delete(crate::serving::ENDPOINT, None).unwrap();
    ended(last).await;
    assert_eq!(served.ask("echo", Value::Null).await, Err(Refusal::Unknown));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_leaves_the_old_version() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let fail = add_version(&served.database, &json!({"label": "3", "load": "fail"}));
    let crash = add_version(&served.database, &json!({"label": "4", "load": "crash"}));
    let empty = {
        let model = served.database.registry().model(MODEL).unwrap();
        model.new_version("s3://elsewhere").create().unwrap().version()
    };
    for (number, wanted) in [
        (fail, "RuntimeError: the weights are missing"),
        (crash, "signal 11"),
        (crash, "the last words"),
        (empty, "no file MLmodel"),
    ] {
        let spec = version(number, 1);
        served.database.endpoints().update(crate::serving::ENDPOINT, &spec, None).unwrap();
        let info = served.settled().await;
        let failure = info.state.failure.unwrap();
        assert!(failure.contains(wanted), "{failure}");
        assert_eq!(info.state.active, Some(1));
        assert_eq!(served.answer("echo", Value::Null).await.0, "1");
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_its_python_is_an_error_and_not_a_silence() {
    let folder = Folder::new();
    let database = Database::create(folder.file()).unwrap();
    add_version(&database, &json!({"label": "1"}));
    database.endpoints().create(crate::serving::ENDPOINT, &version(1, 1)).unwrap();
    std::fs::write(folder.python(), "#!/bin/sh\necho it is broken >&2\nexit 3\n").unwrap();
    let (serving, stop, task) = start(&database, folder.python());
    let began = std::time::Instant::now();
    let failure = loop {
        let info = database.endpoints().get(crate::serving::ENDPOINT).unwrap();
        if let Some(failure) = info.state.failure {
            break failure;
        }
        assert!(began.elapsed().as_secs() < 30);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert!(failure.contains("it is broken"), "{failure}");
    // The process learns the end of the update just after the file.
    loop {
        let refused = ask(&serving, "", &json!(["echo", 1])).await;
        let Err(Refusal::NotReady(text)) = &refused else { panic!("{refused:?}") };
        if text.contains("it is broken") {
            break;
        }
        assert!(began.elapsed().as_secs() < 30, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    stop.send_replace(true);
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_are_split_by_their_keys() {
    let served = Served::new();
    let spec = EndpointSpec::new()
        .serve(ServedModel::version(MODEL, 1).name("old"))
        .serve(ServedModel::version(MODEL, 2).name("new"))
        .route("old", 70)
        .route("new", 30)
        .limits(EndpointLimits { workers: 1, ..EndpointLimits::default() });
    served.create(&spec).await;
    let mut chosen = BTreeMap::new();
    for key in 0..400 {
        let key = format!("customer {key}");
        let answer = ask(&served.serving, &key, &json!(["echo", 1])).await.unwrap();
        let label = if answer.entity == "old" { "1" } else { "2" };
        assert_eq!(parse(&answer).0, label);
        chosen.insert(key, answer.entity);
    }
    let old = chosen.values().filter(|entity| *entity == "old").count();
    // 280 are expected, and five standard deviations are 46.
    assert!((234..=326).contains(&old), "{old}");
    // Another process leads the same keys to the same versions.
    let served = served.restart().await;
    served.settled().await;
    for (key, entity) in chosen.iter().take(50) {
        let answer = ask(&served.serving, key, &json!(["echo", 1])).await.unwrap();
        assert_eq!(&answer.entity, entity);
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_serves_what_the_file_states() {
    let served = Served::new();
    point_to(&served.database, 1);
    served.create(&following()).await;
    let served = served.restart().await;
    let info = served.settled().await;
    assert_eq!((info.state.active, info.revision), (Some(1), 2), "a restart writes nothing");
    assert_eq!(served.answer("echo", Value::Null).await.0, "1");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_of_one_file_agree() {
    let served = Served::new();
    point_to(&served.database, 1);
    let other = Database::builder().open(served.database.path()).unwrap();
    let (second, stop, task) = start(&other, served.folder().join("python"));
    served.create(&following()).await;
    for wanted in [2, 1, 2] {
        point_to(&other, wanted);
        for serving in [&served.serving, &second] {
            let began = std::time::Instant::now();
            loop {
                match ask(serving, "", &json!(["echo", 1])).await {
                    Ok(answer) if answer.version == wanted => break,
                    Ok(_) | Err(Refusal::Unknown | Refusal::NotReady(_)) => {}
                    Err(other) => panic!("{other:?}"),
                }
                assert!(began.elapsed().as_secs() < 30);
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
    let info = served.settled().await;
    assert_eq!(info.state.active, Some(4), "each move made one configuration");
    stop.send_replace(true);
    task.await.unwrap();
    served.stop().await;
}

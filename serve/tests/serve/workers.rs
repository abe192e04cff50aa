//! The view of a worker, and its end.

use serde_json::{Value, json};
use tracklite::endpoint::{EndpointLimits, EndpointSpec, ServedModel, ServingLane};
use tracklite_serve::{Refusal, Request, Settings};

use crate::serving::{ENDPOINT, MODEL, Served, ended, parse, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_model_answers_as_it_was_asked() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let answer = served.ask("echo", json!({"a": [1, "\u{fc}"]})).await.unwrap();
    assert_eq!((answer.entity.as_str(), answer.version), ("churn-1", 1));
    assert_eq!(parse(&answer), ("1".to_owned(), json!({"a": [1, "\u{fc}"]})));
    assert_eq!(answer.content_type, "application/json");

    // The words of the model reach the client as they are.
    let refused = crate::serving::ask(&served.serving, "", &json!("refuse")).await.unwrap();
    assert_eq!((refused.status, &refused.body[..18]), (400, &b"{\"error_code\": \"BA"[..]));
    let failed = served.ask("fail", json!("\u{1f600}")).await.unwrap();
    let body: Value = serde_json::from_slice(&failed.body).unwrap();
    assert_eq!((failed.status, &body["error_code"]), (500, &json!("INTERNAL_ERROR")));
    assert!(body["message"].as_str().unwrap().contains("ValueError: \u{1f600}"), "{body}");
    let (body, key) = ("x".into(), String::new());
    let request = Request { body, key, content_type: "text/x".to_owned(), ..Request::default() };
    let other = served.serving.answer(ENDPOINT, request).await.unwrap();
    assert_eq!((other.status, other.content_type.as_str()), (415, "text/plain"));
    assert_eq!(other.body, b"not text/x");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_a_description_is_served_by_its_worker() {
    let served = Served::new();
    let model = ServedModel::version(MODEL, 1).lane(ServingLane::Native);
    let limits = EndpointLimits { workers: 1, ..EndpointLimits::default() };
    served.create(&EndpointSpec::new().serve(model).limits(limits)).await;
    for _ in 0..20 {
        assert_eq!(served.answer("echo", json!(5)).await.1, json!(5));
    }
    let (built, _) = served.serving.logs(ENDPOINT, "churn-1").unwrap();
    assert!(built.contains("is not computed without Python: "), "{built}");
    let measures = served.serving.measures(ENDPOINT);
    assert_eq!((measures[0].native, measures[0].is_native_off), (0, false));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_and_answers_and_much_output_pass() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let text = "a".repeat(10 << 20);
    assert_eq!(served.answer("echo", json!(text)).await.1, json!(text));
    assert_eq!(served.answer("repeat", json!(20 << 20)).await.1.as_str().unwrap().len(), 20 << 20);
    assert_eq!(served.answer("say", json!(1 << 20)).await.1, Value::Null);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_sees_its_model_and_nothing_else() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let variables = served.answer("environment", Value::Null).await.1;
    let variables = variables.as_object().unwrap();
    for variable in ["HOME", "TMPDIR"] {
        let folder = variables[variable].as_str().unwrap();
        assert!(folder.contains("tracklite-serve-"), "{folder}");
    }
    // The test has such variables from cargo.
    assert!(std::env::var_os("CARGO").is_some());
    let inherited = variables.keys().filter(|name| name.starts_with("CARGO"));
    assert_eq!(inherited.collect::<Vec<_>>(), [""; 0]);

    // Its files are: nothing, its output twice, and the socket to the server.
    let opened = served.answer("opened", Value::Null).await.1;
    let opened: Vec<&str> =
        opened.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!((opened[0], opened.len()), ("/dev/null", 4), "{opened:?}");
    assert!(opened[1..].iter().all(|name| name.starts_with("socket:")), "{opened:?}");

    let groups = served.answer("groups", Value::Null).await.1;
    assert!(groups[0] == groups[1] && groups[1] == groups[2], "{groups}");
    assert_ne!(groups[0].as_u64(), Some(u64::from(std::process::id())));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_has_the_variables_of_its_model_and_no_network() {
    let served = Served::new();
    let limits = EndpointLimits { workers: 1, ..EndpointLimits::default() };
    let model = ServedModel::version(MODEL, 1).variable("REGION", "eu");
    served.create(&EndpointSpec::new().serve(model).limits(limits)).await;
    let variables = served.answer("environment", Value::Null).await.1;
    assert_eq!(variables["REGION"], "eu");
    let network = served.answer("network", Value::Null).await.1;
    let is_closed =
        cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));
    assert_eq!(network, json!(if is_closed { "EACCES" } else { "open" }));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_can_be_opened() {
    let served = Served::with(|settings| Settings { network: true, ..settings });
    served.create(&version(1, 1)).await;
    assert_eq!(served.answer("network", Value::Null).await.1, json!("open"));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_with_landlock_hides_all_other_files() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let secret = served.folder().join("secret");
    std::fs::write(&secret, "it is secret").unwrap();
    let read = served.ask("read", json!(secret)).await.unwrap();
    if read.status == 200 {
        println!("SKIPPED: this kernel has no Landlock");
        return served.stop().await;
    }
    let text = String::from_utf8(read.body).unwrap();
    assert!(text.contains("PermissionError") && !text.contains("it is secret"), "{text}");
    for path in [served.database.path().to_owned(), served.folder().join("new")] {
        let written = served.ask("write", json!(path)).await.unwrap();
        assert_eq!(written.status, 500, "{path:?}");
    }
    let variables = served.answer("environment", Value::Null).await.1;
    let own = format!("{}/own", variables["TMPDIR"].as_str().unwrap());
    assert_eq!(served.answer("write", json!(own)).await.1, json!("1"));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_killed_is_replaced_at_once() {
    let served = Served::new();
    served.create(&version(1, 1)).await;
    let first = served.answer("process", Value::Null).await.1.as_i64().unwrap();
    kill(first);
    ended(first).await;
    let second = served.answer("process", Value::Null).await.1.as_i64().unwrap();
    assert_ne!(first, second);
    served.stop().await;
    ended(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_killed_worker_are_answered_by_another_one() {
    let served = Served::new();
    served.create(&version(1, 2)).await;
    let asks = (0..40).map(|number| {
        let serving = served.serving.clone();
        tokio::spawn(async move {
            let order = json!(["sleep", 0.02]);
            let answer = crate::serving::ask(&serving, &number.to_string(), &order).await;
            parse(&answer.unwrap())
        })
    });
    let asks: Vec<_> = asks.collect();
    let process = served.answer("process", Value::Null).await.1.as_i64().unwrap();
    kill(process);
    for ask in asks {
        assert_eq!(ask.await.unwrap(), ("1".to_owned(), Value::Null));
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_kills_its_workers_fails_and_others_go_on() {
    let served = Served::new();
    served.create(&version(1, 2)).await;
    for order in [("kill", json!(9)), ("crash", Value::Null)] {
        let crashed = served.ask(order.0, order.1).await;
        let Err(Refusal::Crashed(reason)) = crashed else { panic!("{crashed:?}") };
        assert!(reason.contains("signal"), "{reason}");
    }
    // Four workers have died within a minute, so that the next start is delayed.
    let began = std::time::Instant::now();
    loop {
        match served.ask("echo", json!(1)).await {
            Ok(answer) => break assert_eq!(parse(&answer).1, json!(1)),
            Err(Refusal::Down(reason)) => assert!(reason.contains("again and again"), "{reason}"),
            Err(other) => panic!("{other:?}"),
        }
        assert!(began.elapsed().as_secs() < 30);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    served.stop().await;
}

fn kill(process: i64) {
    let done = std::process::Command::new("kill").arg("-9").arg(process.to_string()).status();
    assert!(done.unwrap().success());
}

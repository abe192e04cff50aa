//! Tags, rights, limits, logs and counters of endpoints, and the protocols of other servers.

use serde_json::{Value, json};
use tracklite::token::TokenScope;

use crate::client::Served;
use crate::serving::{ENDPOINTS, JSON, config, invoke, served, settled};

fn send(served: &Served, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = served.send_with(method, path, &[JSON], body.to_string().as_bytes());
    (answer.status, answer.json())
}

/// Starts a server with a ready endpoint. Returns its id too.
fn ready() -> (Served, tempfile::TempDir, String) {
    let (served, folder) = served(2);
    let created = served.post(ENDPOINTS, &json!({"name": "e", "config": config("1")}));
    let id = created.json()["id"].as_str().unwrap().to_owned();
    settled(&served);
    (served, folder, id)
}

#[test]
fn tags_limits_and_the_gateway_are_set_at_once() {
    let (served, _folder, _) = ready();
    let tags = json!({"add_tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]});
    assert_eq!(send(&served, "PATCH", &format!("{ENDPOINTS}/e/tags"), &tags).0, 200);
    let more = json!({"add_tags": [{"key": "c"}], "delete_tags": ["a", "unknown"]});
    let (status, found) = send(&served, "PATCH", &format!("{ENDPOINTS}/e/tags"), &more);
    let wanted = json!({"tags": [{"key": "b", "value": "2"}, {"key": "c", "value": ""}]});
    assert_eq!((status, found), (200, wanted.clone()));
    assert_eq!(served.get(&format!("{ENDPOINTS}/e")).json()["tags"], wanted["tags"]);

    let table = json!({"catalog_name": "ml", "schema_name": "live", "enabled": true});
    let limits = json!([{"calls": 2, "key": "user", "renewal_period": "minute"}]);
    let gateway = json!({"inference_table_config": table, "rate_limits": limits});
    let (status, found) = send(&served, "PUT", &format!("{ENDPOINTS}/e/ai-gateway"), &gateway);
    assert_eq!((status, &found["rate_limits"]), (200, &limits), "{found}");
    assert_eq!(found["inference_table_config"]["table_name_prefix"], "e");
    assert_eq!(served.get(&format!("{ENDPOINTS}/e")).json()["ai_gateway"], found);
    let began = std::time::Instant::now();
    let mut answers = Vec::new();
    while answers.last() != Some(&429) {
        assert!(began.elapsed().as_secs() < 20, "{answers:?}");
        let answer = invoke(&served, &json!(["echo", 1]), &[]);
        if answer.status == 429 {
            assert_eq!(answer.json()["error_code"], "REQUEST_LIMIT_EXCEEDED");
            let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=61).contains(&seconds), "{seconds}");
        }
        answers.push(answer.status);
    }
    let none = json!({"rate_limits": []});
    let (status, found) = send(&served, "PUT", &format!("{ENDPOINTS}/e/rate-limits"), &none);
    assert_eq!((status, found), (200, none));
    for bad in [
        json!({"rate_limits": [{"key": "user"}]}),
        json!({"rate_limits": [{"calls": -1}]}),
        json!({"rate_limits": [{"calls": 1, "key": "user_group", "principal": "a"}]}),
        json!({"rate_limits": [{"calls": 1, "renewal_period": "hour"}]}),
        json!({"rate_limits": [{"tokens": 1}]}),
        json!({"guardrails": {"input": {}}}),
        json!({"fallback_config": {"enabled": true}}),
        json!({"inference_table_config": {"catalog_name": "a.b", "schema_name": "c"}}),
        json!({"inference_table_config": {"catalog_name": "a"}}),
    ] {
        let (status, found) = send(&served, "PUT", &format!("{ENDPOINTS}/e/ai-gateway"), &bad);
        assert_eq!(
            (status, &found["error_code"]),
            (400, &json!("INVALID_PARAMETER_VALUE")),
            "{bad} {found}"
        );
    }
}

#[test]
fn the_earlier_form_of_the_table_is_a_part_of_the_configuration() {
    let (served, _folder, _) = ready();
    let mut with_table = config("2");
    let table = json!({"catalog_name": "ml", "schema_name": "live", "table_name_prefix": "x"});
    with_table["auto_capture_config"] = table;
    let target = format!("{ENDPOINTS}/e/config");
    assert_eq!(send(&served, "PUT", &target, &with_table).0, 200);
    let found = settled(&served);
    let table = &found["config"]["auto_capture_config"];
    assert_eq!((&table["table_name_prefix"], &table["enabled"]), (&json!("x"), &json!(true)));
    assert!(found["ai_gateway"].is_null());
    assert_eq!(send(&served, "PUT", &target, &config("1")).0, 200);
    assert!(settled(&served)["config"]["auto_capture_config"].is_null());
}

#[test]
fn rights_decide_who_sees_asks_and_changes() {
    let (served, _folder, id) = ready();
    let token = |user: &str, scope| {
        let made = served.database.new_token().user(user).scope(scope).create().unwrap();
        format!("Bearer {}", made.1.as_str())
    };
    let (admin, ada) = (token("root", TokenScope::Admin), token("ada", TokenScope::Read));
    let bob = token("bob", TokenScope::Write);
    let ask = |token: &str, method: &str, path: &str, body: &Value| {
        let headers = [JSON, ("authorization", token)];
        let answer = served.send_with(method, path, &headers, body.to_string().as_bytes());
        (answer.status, answer.json())
    };
    let path = format!("/api/2.0/permissions/serving-endpoints/{id}");
    let entry = |user: &str, level: &str| {
        let entry = json!({"user_name": user, "permission_level": level});
        json!({"access_control_list": [entry]})
    };
    let invocations = "/serving-endpoints/e/invocations";
    let order = json!(["echo", 1]);
    let status = |token: &str| ask(token, "POST", invocations, &order).0;
    let until = |token: &str, wanted: u16| {
        let began = std::time::Instant::now();
        while status(token) != wanted {
            assert!(began.elapsed().as_secs() < 20, "{wanted}");
        }
    };
    // Without grants, the scope decides alone.
    assert_eq!((status(&ada), status(&bob)), (200, 200));
    assert_eq!(ask(&ada, "PUT", &path, &entry("ada", "CAN_MANAGE")).0, 403);
    assert_eq!(ask(&bob, "PATCH", &format!("{ENDPOINTS}/e/tags"), &json!({})).0, 403);

    let (code, found) = ask(&admin, "PUT", &path, &entry("ada", "CAN_QUERY"));
    assert_eq!((code, &found["object_type"]), (200, &json!("serving-endpoint")), "{found}");
    assert_eq!(found["object_id"], format!("/serving-endpoints/{id}"));
    let own = json!({"user_name": "ada", "display_name": "ada",
        "all_permissions": [{"permission_level": "CAN_QUERY", "inherited": false}]});
    assert_eq!(found["access_control_list"][0], own);
    until(&bob, 403);
    assert_eq!((status(&ada), status(&admin)), (200, 200));
    assert_eq!(ask(&bob, "GET", &format!("{ENDPOINTS}/e"), &json!({})).0, 403);
    assert_eq!(ask(&bob, "GET", ENDPOINTS, &json!({})).1, json!({"endpoints": []}));
    let seen = ask(&ada, "GET", &format!("{ENDPOINTS}/e"), &json!({})).1;
    assert_eq!(seen["permission_level"], "CAN_QUERY");
    assert_eq!(ask(&ada, "DELETE", &format!("{ENDPOINTS}/e"), &json!({})).0, 403);

    assert_eq!(ask(&admin, "PATCH", &path, &entry("bob", "CAN_MANAGE")).0, 200);
    until(&bob, 200);
    let (code, found) = ask(&bob, "GET", &path, &json!({}));
    assert_eq!((code, found["access_control_list"].as_array().unwrap().len()), (200, 3));
    assert_eq!(ask(&bob, "PATCH", &format!("{ENDPOINTS}/e/tags"), &json!({})).0, 200);
    let levels = ask(&ada, "GET", &format!("{path}/permissionLevels"), &json!({})).1;
    assert_eq!(levels["permission_levels"][2]["permission_level"], "CAN_MANAGE");
    for bad in [
        entry("ada", "CAN_RUN"),
        json!({"access_control_list": [{"permission_level": "CAN_VIEW"}]}),
    ] {
        assert_eq!(ask(&admin, "PUT", &path, &bad).0, 400, "{bad}");
    }
    let other = path.replace(&id, &"0".repeat(32));
    assert_eq!(ask(&admin, "GET", &other, &json!({})).0, 404);
}

#[test]
fn logs_counters_and_a_description_are_reported() {
    let (served, _folder, _) = ready();
    assert_eq!(invoke(&served, &json!(["say", 5]), &[]).status, 200);
    assert_eq!(invoke(&served, &json!("refuse"), &[]).status, 400);
    let path = |rest: &str| format!("{ENDPOINTS}/e/{rest}");
    let logs = || served.get(&path("served-models/churn-1/logs")).json()["logs"].clone();
    let began = std::time::Instant::now();
    while logs() != "yyyyy\nzzzzz" {
        assert!(began.elapsed().as_secs() < 20, "{}", logs());
    }
    let built = served.get(&path("served-models/churn-1/build-logs")).json();
    assert!(built["logs"].as_str().unwrap().contains("was loaded in"), "{built}");
    assert_eq!(served.get(&path("served-models/other/logs")).status, 404);
    let metrics = served.get(&path("metrics"));
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    for text in [metrics.text(), served.get("/metrics").text()] {
        for line in [
            "# TYPE request_latency_ms histogram",
            "served_model_name=\"churn-1\",served_model_version=\"1\"} 2\n",
            "worker_death_count_total{endpoint_name=\"e\"",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
    let found = served.get(&path("openapi")).json();
    assert!(found["paths"]["/serving-endpoints/e/invocations"]["post"].is_object(), "{found}");

    // An update that fails has its reason in the log, and the old model answers.
    crate::serving::add(&served.database, &json!({"label": "3", "load": "crash"}));
    assert_eq!(send(&served, "PUT", &path("config"), &config("3")).0, 200);
    assert_eq!(settled(&served)["state"]["config_update"], "UPDATE_FAILED");
    let built = served.get(&path("served-models/churn-3/build-logs")).json();
    assert!(built["logs"].as_str().unwrap().contains("the last words"), "{built}");
    assert_eq!(invoke(&served, &json!(["echo", 5]), &[]).json(), json!(["1", 5]));
}

#[test]
fn one_model_is_scored_like_by_mlflow() {
    let (served, _folder, _) = ready();
    for path in ["/serving-endpoints/e/ping", "/serving-endpoints/e/health"] {
        let answer = served.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, "\n"), "{path}");
    }
    assert_eq!(served.get("/serving-endpoints/e/version").text(), "0.0.0");
    assert_eq!(served.get("/serving-endpoints/other/ping").status, 404);
    assert_eq!(served.get("/ping").status, 404);
    assert_eq!(served.get("/health").text(), "OK");

    let (scored, _folder) = crate::serving::served_with(1, |builder| builder.scored("e"));
    assert_eq!((scored.get("/ping").status, scored.get("/health").status), (404, 404));
    let body = json!(["echo", 7]).to_string();
    let ask = || scored.send_with("POST", "/invocations", &[JSON], body.as_bytes());
    assert_eq!(ask().status, 404);
    assert_eq!(scored.post(ENDPOINTS, &json!({"name": "e", "config": config("1")})).status, 200);
    settled(&scored);
    assert_eq!((scored.get("/ping").status, scored.get("/health").text().as_str()), (200, "\n"));
    assert_eq!((scored.get("/version").text().as_str(), ask().json()), ("0.0.0", json!(["1", 7])));
}

#[test]
fn open_inference_describes_and_asks_models() {
    let (served, _folder, _) = ready();
    assert_eq!(served.get("/v2").json()["name"], "tracklite");
    for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/e/ready"] {
        assert_eq!(served.get(path).status, 200, "{path}");
    }
    let found = served.get("/v2/models/e").json();
    assert_eq!((&found["name"], &found["versions"]), (&json!("e"), &json!(["1"])));
    assert_eq!(served.get("/v2/models/e/versions/1").status, 200);
    for path in ["/v2/models/x", "/v2/models/e/versions/2", "/v2/models/e/versions/2/ready"] {
        let answer = served.get(path);
        assert_eq!((answer.status, answer.json()["error"].is_string()), (404, true), "{path}");
    }
    // A model that fails does so in the form of the protocol.
    let input = json!({"name": "a", "shape": [1], "datatype": "BYTES", "data": ["fail"]});
    let (status, found) =
        send(&served, "POST", "/v2/models/e/infer", &json!({"id": "7", "inputs": [input]}));
    assert_eq!(status, 500, "{found}");
    assert!(found["error"].as_str().unwrap().contains("ValueError"), "{found}");
    for bad in [json!({}), json!({"inputs": []}), json!([])] {
        let (status, found) = send(&served, "POST", "/v2/models/e/infer", &bad);
        assert_eq!((status, found["error"].is_string()), (400, true), "{bad}");
    }
}

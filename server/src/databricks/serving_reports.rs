//! Reports about endpoints: logs, counters, and a description of their requests.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};
use tracklite::endpoint::{EndpointInfo, EndpointLevel};
use tracklite::logged_model::{FieldType, Signature, SignatureField};
use tracklite_serve::{BUCKETS_MS, Measures};
use utoipa::ToSchema;

use super::serving_rights::known;
use crate::access::Scope;
use crate::call::Call;
use crate::capture::{Captures, Count};
use crate::failure::{Failure, Outcome};
use crate::fields::Read as _;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::shared::Shared;

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

const LOGS: Route = Route {
    method: Verb::Get,
    path: "/api/2.0/serving-endpoints/{name}/served-models/{served}/logs",
    needs: Scope::Read,
    takes: &[],
    returns: shape::<Logs>(),
    handler: logs,
};

pub(super) const ROUTES: &[Route] = &[
    LOGS,
    Route {
        path: "/api/2.0/serving-endpoints/{name}/served-models/{served}/build-logs",
        handler: build_logs,
        ..LOGS
    },
    Route {
        path: "/api/2.0/serving-endpoints/{name}/metrics",
        returns: shape::<Nothing>().sent_as("text/plain"),
        handler: metrics,
        ..LOGS
    },
    Route {
        path: "/api/2.0/serving-endpoints/{name}/openapi",
        returns: shape::<Nothing>(),
        handler: description,
        ..LOGS
    },
];

/// The end of a log.
#[derive(Serialize, ToSchema)]
#[schema(as = ServedModelLogs)]
struct Logs {
    logs: String,
}

fn logs(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::Manage)?;
    let (_, printed) = printed(call, &info)?.ok_or_else(|| not_loaded(call))?;
    Ok(Reply::json(&Logs { logs: printed }))
}

/// The log of loading a served model: that of an update in progress, if it has printed something.
/// If the model could not be loaded, that is the reason.
fn build_logs(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::Manage)?;
    let status = call.shared.serving.status(&info);
    let failure = info.state.failure.clone().or(status.broken);
    let built = printed(call, &info)?.map(|(built, _)| built);
    let built = call.shared.serving.progress(&info.name).or(built);
    let logs = match (failure, built) {
        (Some(failure), _) => failure,
        (None, Some(built)) => built,
        (None, None) => return Err(not_loaded(call)),
    };
    Ok(Reply::json(&Logs { logs }))
}

/// Returns what a served model has printed. It must be one of the endpoint.
fn printed(call: &Call, info: &EndpointInfo) -> Outcome<Option<(String, String)>> {
    let served = call.args.need("served")?;
    let mut entities = info.state.configs.iter().flat_map(|config| &config.entities);
    if !entities.any(|entity| entity.name == served) {
        let message = format!("Endpoint '{}' has no served model '{served}'.", info.name);
        return Err(Failure::missing(message));
    }
    Ok(call.shared.serving.logs(&info.name, served))
}

fn not_loaded(call: &Call) -> Failure {
    let served = call.args.text_or_empty("served");
    let message = format!("'{served}' is not loaded by this server, so it has printed nothing");
    Failure::invalid(message)
}

fn metrics(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::View)?;
    Ok(Reply::text(PROMETHEUS, text_of(&call.shared, &[Arc::new(info)])))
}

/// Returns the counters of endpoints in Prometheus's form, with Databricks's names.
pub(crate) fn text_of(shared: &Shared, infos: &[Arc<EndpointInfo>]) -> String {
    let all = infos.iter().map(|info| (info, shared.serving.measures(&info.name)));
    let all: Vec<_> = all.collect();
    let served = all.iter().flat_map(|(info, measures)| {
        measures.iter().map(|measures| (labels(info, measures), measures))
    });
    let served: Vec<(String, &Measures)> = served.collect();
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, value: &dyn Fn(&Measures) -> u64| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# TYPE {name} {kind}");
        for (labels, measures) in &served {
            let _ = writeln!(out, "{name}{{{labels}}} {}", value(measures));
        }
    };
    let within = |low: u16, measures: &Measures| -> u64 {
        measures.statuses.range(low..low + 100).map(|(_, count)| count).sum()
    };
    family("request_count_total", "counter", &|all| all.statuses.values().sum());
    family("request_4xx_count_total", "counter", &|all| within(400, all));
    family("request_5xx_count_total", "counter", &|all| within(500, all));
    family("provisioned_concurrent_requests_total", "gauge", &|all| all.workers);
    family("waiting_requests", "gauge", &|all| all.waiting);
    family("cold_start_count_total", "counter", &|all| all.cold_starts);
    family("worker_death_count_total", "counter", &|all| all.deaths);
    family("shadow_dropped_count_total", "counter", &|all| all.dropped);
    family("native_answer_count_total", "counter", &|all| all.native);
    family("native_difference", "gauge", &|all| u64::from(all.is_native_off));
    let _ = writeln!(out, "# TYPE request_latency_ms histogram");
    for (labels, measures) in &served {
        write_histogram(&mut out, labels, measures);
    }
    write_captured(&mut out, &shared.captures, infos);
    out
}

/// Writes the counters of the tables of requests.
fn write_captured(out: &mut String, captures: &Captures, infos: &[Arc<EndpointInfo>]) {
    let mut family = |name: &str, value: fn(&Count) -> u64| {
        let _ = writeln!(out, "# TYPE {name} counter");
        for info in infos.iter().filter(|info| info.state.capture.is_some()) {
            let number = value(&captures.count(&info.name));
            let EndpointInfo { name: endpoint, id, .. } = &**info;
            let labels = format!("endpoint_name=\"{endpoint}\",endpoint_id=\"{id}\"");
            let _ = writeln!(out, "{name}{{{labels}}} {number}");
        }
    };
    family("inference_rows_written_total", |count| count.written);
    family("inference_rows_dropped_total", |count| count.dropped);
}

fn write_histogram(out: &mut String, labels: &str, measures: &Measures) {
    let (name, mut sum) = ("request_latency_ms", 0);
    for (most, count) in BUCKETS_MS.iter().zip(measures.buckets) {
        sum += count;
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{most}\"}} {sum}");
    }
    let count: u64 = measures.statuses.values().sum();
    let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", measures.sum_ms);
    let _ = writeln!(out, "{name}_count{{{labels}}} {count}");
}

/// The names have only letters, digits, dashes and underscores.
fn labels(info: &EndpointInfo, measures: &Measures) -> String {
    format!(
        "endpoint_name=\"{}\",endpoint_id=\"{}\",served_model_name=\"{}\",\
         served_model_version=\"{}\"",
        info.name, info.id, measures.entity, measures.version
    )
}

/// Describes the requests of an endpoint, by the signature of its first model.
fn description(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::View)?;
    let config = info.state.active().or_else(|| info.state.pending());
    let entity = config.and_then(|config| config.entities.first());
    let entity = entity.ok_or_else(|| Failure::invalid("the endpoint has no served model"))?;
    let version = call.registry().version(&entity.model_name, entity.version)?;
    let signature = version.info()?.signature;
    let signature = signature.map(|text| Signature::parse(&text)).transpose()?;
    let inputs = signature.as_ref().and_then(|found| found.inputs.as_deref());
    let row = row_schema(inputs.unwrap_or_default());
    let records = json!({"type": "array", "items": row});
    let body = json!({"type": "object", "properties": {
        "dataframe_records": records,
        "dataframe_split": {"type": "object"},
        "inputs": {}, "instances": {"type": "array"},
    }});
    let answer = json!({"type": "object", "properties": {"predictions": {}}});
    let content = |schema: &Value| json!({"application/json": {"schema": schema}});
    let path = format!("/serving-endpoints/{}/invocations", info.name);
    let mut paths = Map::new();
    paths.insert(
        path,
        json!({"post": {
            "requestBody": {"required": true, "content": content(&body)},
            "responses": {"200": {"description": "predictions", "content": content(&answer)}},
        }}),
    );
    Ok(Reply::json(&json!({
        "openapi": "3.1.0",
        "info": {"title": info.name, "version": entity.version.to_string()},
        "servers": [{"url": call.shared.url}],
        "paths": paths,
    })))
}

fn row_schema(fields: &[SignatureField]) -> Value {
    let named = fields.iter().filter_map(|field| Some((field.name.clone()?, field)));
    let properties: Map<String, Value> =
        named.map(|(name, field)| (name, type_schema(&field.kind))).collect();
    json!({"type": "object", "properties": properties})
}

fn type_schema(kind: &FieldType) -> Value {
    match kind {
        FieldType::Integer | FieldType::Long => json!({"type": "integer"}),
        FieldType::Float | FieldType::Double => json!({"type": "number"}),
        FieldType::Boolean => json!({"type": "boolean"}),
        FieldType::String | FieldType::Binary | FieldType::Datetime => json!({"type": "string"}),
        _ => json!({}),
    }
}

//! Serving endpoints: their counters as numbers to show, and an input to try them with.

use serde::Serialize;
use serde_json::Value;
use tracklite::artifact::ArtifactOwner;
use tracklite::endpoint::{EndpointInfo, EndpointLevel, ServedEntity};
use tracklite_serve::{BUCKETS_MS, Measures};
use utoipa::ToSchema;

use crate::access::Scope;
use crate::call::Call;
use crate::databricks::serving_rights::{known, level_of};
use crate::failure::Outcome;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/endpoints",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Listing>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/endpoints/{name}",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Facts>(),
        handler: facts,
    },
];

/// The file of a model with the body of a request, which MLflow writes.
const EXAMPLE: &str = "serving_input_example.json";
/// A longer example is not sent to the page.
const EXAMPLE_BYTES_MAX: u64 = 64 * 1024;

/// The counters of all endpoints that the caller may see.
#[derive(Serialize, ToSchema)]
#[schema(as = PageEndpoints)]
struct Listing {
    endpoints: Vec<Line>,
}

/// An endpoint with its counters.
#[derive(Serialize, ToSchema)]
#[schema(as = PageEndpointLine)]
struct Line {
    name: String,
    counters: Vec<Counters>,
}

/// Facts about an endpoint in this server.
#[derive(Serialize, ToSchema)]
#[schema(as = PageEndpoint)]
struct Facts {
    name: String,
    /// The path of requests below the address of the server.
    path: String,
    /// The counters of each served model, since it was loaded here.
    counters: Vec<Counters>,
    /// The body of a request that was logged with the first model.
    example: Option<String>,
    /// The signature of the first model, as JSON.
    #[schema(value_type = Object)]
    signature: Option<Value>,
    /// Why the last configuration could not be loaded.
    failure: Option<String>,
    /// The stored table that records the requests.
    table: Option<String>,
}

/// Counters of a served model.
#[derive(Serialize, ToSchema)]
#[schema(as = PageEndpointCounters)]
struct Counters {
    entity: String,
    version: u64,
    requests: u64,
    /// Answers with a status from 400 and from 500.
    refused: u64,
    failed: u64,
    /// In milliseconds: the mean, and bounds below which 50, 95 and 99 % of the requests ended. A
    /// bound is that of a bucket, and missing above the last one.
    mean: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    workers: u64,
    waiting: u64,
    cold_starts: u64,
    deaths: u64,
    dropped: u64,
}

fn list(call: &Call) -> Outcome<Reply> {
    let found = call.database().endpoints().list()?;
    let seen = found.into_iter().filter(|info| level_of(&call.caller, info).is_some());
    let line = |info: EndpointInfo| {
        let measures = call.shared.serving.measures(&info.name);
        Line { name: info.name, counters: measures.iter().map(counters).collect() }
    };
    Ok(Reply::json(&Listing { endpoints: seen.map(line).collect() }))
}

fn facts(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::View)?;
    let config = info.state.active().or_else(|| info.state.pending());
    let entity = config.and_then(|config| config.entities.first());
    let measures = call.shared.serving.measures(&info.name);
    let status = call.shared.serving.status(&info);
    let capture = info.state.capture.as_ref();
    Ok(Reply::json(&Facts {
        path: format!("serving-endpoints/{}/invocations", info.name),
        counters: measures.iter().map(counters).collect(),
        example: entity.and_then(|entity| example(call, entity)),
        signature: entity.and_then(|entity| signature(call, entity)),
        failure: info.state.failure.clone().or(status.broken),
        table: capture.map(|capture| {
            let (catalog, schema, table) = capture.table(&info.name);
            format!("{catalog}.{schema}.{table}")
        }),
        name: info.name,
    }))
}

/// Returns the logged example. A model without one has none to show.
fn example(call: &Call, entity: &ServedEntity) -> Option<String> {
    let owner = ArtifactOwner::ModelVersion { model: entity.model, version: entity.version };
    let artifacts = call.database().artifacts_of(owner).ok()?;
    let size = artifacts.info(EXAMPLE).ok()?.size?;
    if size > EXAMPLE_BYTES_MAX {
        return None;
    }
    String::from_utf8(artifacts.read(EXAMPLE).ok()?).ok()
}

fn signature(call: &Call, entity: &ServedEntity) -> Option<Value> {
    let version = call.registry().version(&entity.model_name, entity.version).ok()?;
    let text = version.info().ok()?.signature?;
    serde_json::from_str(&text).ok()
}

fn counters(measures: &Measures) -> Counters {
    let requests: u64 = measures.statuses.values().sum();
    let from = |low: u16| measures.statuses.range(low..low + 100).map(|(_, count)| count).sum();
    Counters {
        entity: measures.entity.clone(),
        version: measures.version,
        requests,
        refused: from(400),
        failed: from(500),
        mean: (requests > 0).then(|| measures.sum_ms / requests as f64),
        p50: bound(measures, requests, 50),
        p95: bound(measures, requests, 95),
        p99: bound(measures, requests, 99),
        workers: measures.workers,
        waiting: measures.waiting,
        cold_starts: measures.cold_starts,
        deaths: measures.deaths,
        dropped: measures.dropped,
    }
}

/// Returns the bound of the bucket in which this part of all requests is reached.
fn bound(measures: &Measures, requests: u64, percent: u64) -> Option<f64> {
    let wanted = requests.checked_mul(percent)?.div_ceil(100);
    let mut sum = 0;
    let place = measures.buckets.iter().position(|count| {
        sum += count;
        wanted > 0 && sum >= wanted
    })?;
    BUCKETS_MS.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let mut measures = Measures::default();
        assert_eq!(counters(&measures).p50, None);
        measures.statuses.extend([(200, 90), (400, 6), (503, 4)]);
        (measures.buckets[0], measures.buckets[3], measures.sum_ms) = (90, 8, 500.0);
        let shown = counters(&measures);
        assert_eq!((shown.requests, shown.refused, shown.failed), (100, 6, 4));
        assert_eq!((shown.p50, shown.p95), (Some(BUCKETS_MS[0]), Some(BUCKETS_MS[3])));
        // Two requests took longer than the last bound.
        assert_eq!((shown.mean, shown.p99), (Some(5.0), None));
    }
}

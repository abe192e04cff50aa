//! Endpoints in Databricks's form: their configurations, and the state that its clients poll.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::Timestamp;
use tracklite::endpoint::{EndpointConfig, EndpointInfo};
use tracklite_serve::{Deployment, Status};
use utoipa::ToSchema;

use crate::call::Call;

/// An endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpoint)]
pub(super) struct Endpoint {
    name: String,
    id: String,
    creator: String,
    /// In milliseconds since 1970.
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Config>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_config: Option<Config>,
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    permission_level: &'static str,
    route_optimized: bool,
}

/// The state that clients poll.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointState)]
struct State {
    /// `READY` if this server answers requests to the endpoint, else `NOT_READY`.
    ready: &'static str,
    /// `NOT_UPDATING`, `IN_PROGRESS` or `UPDATE_FAILED`.
    config_update: &'static str,
}

/// A configuration.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointConfig)]
struct Config {
    config_version: u64,
    served_entities: Vec<Served>,
    /// The same, in the earlier form.
    served_models: Vec<Served>,
    traffic_config: Traffic,
    /// When a pending configuration was made, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
}

/// A served model.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ServedEntity)]
struct Served {
    name: String,
    entity_name: String,
    entity_version: String,
    model_name: String,
    model_version: String,
    /// The alias that is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    workload_size: &'static str,
    workload_type: &'static str,
    scale_to_zero_enabled: bool,
    creator: String,
    creation_timestamp: i64,
    state: ServedState,
}

/// The state of a served model.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ServedEntityState)]
struct ServedState {
    /// `DEPLOYMENT_CREATING`, `DEPLOYMENT_READY`, `DEPLOYMENT_RECOVERING` or `DEPLOYMENT_FAILED`.
    deployment: &'static str,
    deployment_state_message: String,
}

/// The shares of the served models.
#[derive(Serialize, ToSchema)]
#[schema(as = TrafficConfig)]
struct Traffic {
    routes: Vec<TrafficRoute>,
}

/// The share of a served model.
#[derive(Serialize, ToSchema)]
struct TrafficRoute {
    served_model_name: String,
    served_entity_name: String,
    traffic_percentage: u32,
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointTag)]
struct Tag {
    key: String,
    value: String,
}

/// Returns an endpoint with its state in this server.
pub(super) fn detailed(call: &Call, info: &EndpointInfo) -> Endpoint {
    let status = call.shared.serving.status(info);
    let is_admin = call.caller.scope >= crate::access::Scope::Admin;
    let tags: &BTreeMap<String, String> = &info.state.tags;
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    Endpoint {
        name: info.name.clone(),
        id: info.id.to_string(),
        creator: info.creator.clone(),
        creation_timestamp: info.created.as_millis(),
        last_updated_timestamp: info.updated.as_millis(),
        state: State {
            ready: if status.serving.is_some() { "READY" } else { "NOT_READY" },
            config_update: update_of(info, &status),
        },
        config: info
            .state
            .active()
            .map(|active| config(active, None, |place| deployed(active, place, &status))),
        pending_config: info.state.pending().map(|pending| {
            let began = Some(Timestamp::from_nanos(pending.time).as_millis());
            config(pending, began, |_| served_state("DEPLOYMENT_CREATING", "it is being loaded"))
        }),
        tags: tags.iter().map(tag).collect(),
        description: info.state.description.clone(),
        permission_level: if is_admin { "CAN_MANAGE" } else { "CAN_QUERY" },
        route_optimized: false,
    }
}

/// Returns the state of the last update. For a client of this server, an update ends when this
/// server answers with the new models.
fn update_of(info: &EndpointInfo, status: &Status) -> &'static str {
    let is_behind = status.serving != info.state.active && status.broken.is_none();
    match () {
        () if info.state.pending.is_some() || is_behind => "IN_PROGRESS",
        () if info.state.failure.is_some() => "UPDATE_FAILED",
        () => "NOT_UPDATING",
    }
}

fn deployed(active: &EndpointConfig, place: usize, status: &Status) -> ServedState {
    if let Some(reason) = &status.broken {
        return served_state("DEPLOYMENT_FAILED", reason);
    }
    if status.serving != Some(active.number) {
        return served_state("DEPLOYMENT_CREATING", "it is being loaded");
    }
    match status.deployments.get(place) {
        Some(Deployment::Recovering(reason)) => served_state("DEPLOYMENT_RECOVERING", reason),
        _ => served_state("DEPLOYMENT_READY", ""),
    }
}

fn served_state(deployment: &'static str, message: &str) -> ServedState {
    ServedState { deployment, deployment_state_message: message.to_owned() }
}

fn config(
    from: &EndpointConfig,
    start_time: Option<i64>,
    state: impl Fn(usize) -> ServedState,
) -> Config {
    let served = from.entities.iter().enumerate().map(|(place, entity)| Served {
        name: entity.name.clone(),
        entity_name: entity.model_name.clone(),
        entity_version: entity.version.to_string(),
        model_name: entity.model_name.clone(),
        model_version: entity.version.to_string(),
        alias: entity.alias.clone(),
        workload_size: entity.size.as_str(),
        workload_type: "CPU",
        scale_to_zero_enabled: entity.scale_to_zero,
        creator: from.author.clone(),
        creation_timestamp: Timestamp::from_nanos(from.time).as_millis(),
        state: state(place),
    });
    let served: Vec<Served> = served.collect();
    let routes = from.routes.iter().map(|route| TrafficRoute {
        served_model_name: route.entity.clone(),
        served_entity_name: route.entity.clone(),
        traffic_percentage: route.percent,
    });
    Config {
        config_version: from.number,
        served_models: served.clone(),
        served_entities: served,
        traffic_config: Traffic { routes: routes.collect() },
        start_time,
    }
}

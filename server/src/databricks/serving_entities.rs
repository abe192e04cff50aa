//! Endpoints in Databricks's form: their configurations, and the state that its clients poll.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklite::Timestamp;
use tracklite::endpoint::{EndpointConfig, EndpointInfo, EndpointLevel, ServingLane};
use tracklite_serve::{Deployment, Status};
use utoipa::ToSchema;

use super::serving_rights::level_of;
use super::serving_settings::{Capture, Gateway, Tag, shown_capture, shown_gateway, tags_of};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_level: Option<&'static str>,
    route_optimized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_gateway: Option<Gateway>,
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
    /// The table of requests, in its earlier form.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_capture_config: Option<Capture>,
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
    /// Whether it gets a copy of each request, and its answers are not returned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
    /// `model` if its processes run in an environment of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'static str>,
    /// How it reads requests: `exact` or `native`. Missing for the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<&'static str>,
    /// The variables of its processes. Only callers with the level `CAN_MANAGE` see the values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment_vars: BTreeMap<String, String>,
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

/// Returns an endpoint with its state in this server.
pub(super) fn detailed(call: &Call, info: &EndpointInfo) -> Endpoint {
    let status = call.shared.serving.status(info);
    let level = level_of(&call.caller, info);
    let config = |from, start_time, state: &dyn Fn(usize) -> ServedState| {
        let mut config = config(from, start_time, state);
        let table = shown_capture(info, true);
        config.auto_capture_config = table.map(|table| table.with_state(call, info));
        if level < Some(EndpointLevel::Manage) {
            config.hide_values();
        }
        config
    };
    let gateway = shown_gateway(info);
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
            .map(|active| config(active, None, &|place| deployed(active, place, &status))),
        pending_config: info.state.pending().map(|pending| {
            let began = Some(Timestamp::from_nanos(pending.time).as_millis());
            config(pending, began, &|_| served_state("DEPLOYMENT_CREATING", "it is being loaded"))
        }),
        tags: tags_of(info),
        description: info.state.description.clone(),
        permission_level: level.map(EndpointLevel::as_str),
        route_optimized: false,
        ai_gateway: (!gateway.is_empty()).then_some(gateway),
    }
}

impl Config {
    fn hide_values(&mut self) {
        for served in self.served_entities.iter_mut().chain(&mut self.served_models) {
            served.environment_vars.values_mut().for_each(|value| "***".clone_into(value));
        }
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
        Some(Deployment::Asleep) => served_state("DEPLOYMENT_READY", "Scaled to zero"),
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
    state: &dyn Fn(usize) -> ServedState,
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
        shadow: entity.is_shadow,
        environment: entity.has_own_environment().then_some("model"),
        lane: (entity.lane != ServingLane::Auto).then(|| entity.lane.as_str()),
        environment_vars: entity.environment.clone(),
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
        auto_capture_config: None,
        start_time,
    }
}

//! Serving endpoints: `w.serving_endpoints`, and `mlflow.deployments` for Databricks.

use serde::Serialize;
use tracklite::endpoint::{EndpointLevel, EndpointSettings};
use utoipa::ToSchema;

use super::serving_entities::{Endpoint, detailed};
use super::serving_found::endpoints;
use super::serving_rights::{known, level_of};
use super::serving_settings::{GATEWAY, RATE_LIMITS, capture, gateway, limits};
use super::serving_specs::{CONFIG, spec};
use crate::access::Scope::{Admin, Read};
use crate::call::{Args, Call};
use crate::failure::Outcome;
use crate::fields::{Field, PAIR, Read as _, flag, object, objects, text};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const NEW: &[Field] = &[
    text("name").required(),
    object("config", CONFIG).required(),
    objects("tags", PAIR),
    text("description"),
    flag("route_optimized"),
    object("ai_gateway", GATEWAY),
    RATE_LIMITS[0],
];

const CREATE: Route = Route {
    method: Verb::Post,
    path: "/api/2.0/serving-endpoints",
    // The code of a chosen model runs on the machine of the server.
    needs: Admin,
    takes: NEW,
    returns: shape::<Endpoint>(),
    handler: create,
};

const LIST: Route = Route {
    method: Verb::Get,
    path: "/api/2.0/serving-endpoints",
    needs: Read,
    takes: &[],
    returns: shape::<List>(),
    handler: list,
};

pub(super) const ROUTES: &[Route] = &[
    CREATE,
    LIST,
    // The client of MLflow's deployments adds a slash.
    Route { path: "/api/2.0/serving-endpoints/", ..CREATE },
    Route { path: "/api/2.0/serving-endpoints/", ..LIST },
    Route {
        method: Verb::Get,
        path: "/api/2.0/serving-endpoints/{name}",
        needs: Read,
        takes: &[],
        returns: shape::<Endpoint>(),
        handler: get,
    },
    Route {
        method: Verb::Put,
        path: "/api/2.0/serving-endpoints/{name}/config",
        // Or the right to manage the endpoint, which an admin has given.
        needs: Read,
        takes: CONFIG,
        returns: shape::<Endpoint>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.0/serving-endpoints/{name}",
        needs: Read,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete,
    },
];

/// All endpoints.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpoints)]
struct List {
    endpoints: Vec<Endpoint>,
}

fn create(call: &Call) -> Outcome<Reply> {
    let nothing = Args::new();
    let config = call.args.object("config").unwrap_or(&nothing);
    let mut settings = gateway(call.args.object("ai_gateway").unwrap_or(&nothing))?;
    if !call.args.objects("rate_limits").is_empty() {
        settings = settings.rate_limits(limits(&call.args)?);
    }
    if let Some(table) = config.object("auto_capture_config") {
        settings = settings.capture(Some(capture(table, true)?));
    }
    for (key, value) in call.args.pairs("tags") {
        settings = settings.tag(key, value);
    }
    if let Some(text) = call.args.text("description") {
        settings = settings.description(text);
    }
    let spec = spec(config)?.settings(settings);
    let info = endpoints(call).create(call.args.need("name")?, &spec)?;
    call.shared.captures.prepare(&info);
    call.shared.serving.look();
    Ok(Reply::json(&detailed(call, &info)))
}

fn list(call: &Call) -> Outcome<Reply> {
    let endpoints = endpoints(call).list()?;
    let seen = endpoints.iter().filter(|info| level_of(&call.caller, info).is_some());
    Ok(Reply::json(&List { endpoints: seen.map(|info| detailed(call, info)).collect() }))
}

fn get(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::View)?;
    Ok(Reply::json(&detailed(call, &info)))
}

fn update(call: &Call) -> Outcome<Reply> {
    let before = known(call, EndpointLevel::Manage)?;
    let mut spec = spec(&call.args)?;
    // The earlier form of the table is a part of the configuration, and replaced with it.
    let is_legacy = before.state.capture.as_ref().is_some_and(|capture| capture.is_legacy);
    match call.args.object("auto_capture_config") {
        Some(table) => {
            spec = spec.settings(EndpointSettings::new().capture(Some(capture(table, true)?)));
        }
        None if is_legacy => spec = spec.settings(EndpointSettings::new().capture(None)),
        None => {}
    }
    let info = endpoints(call).update(&before.name, &spec, None)?;
    call.shared.captures.prepare(&info);
    call.shared.serving.look();
    Ok(Reply::json(&detailed(call, &info)))
}

fn delete(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::Manage)?;
    endpoints(call).delete(&info.name, None)?;
    call.shared.serving.look();
    Ok(Reply::done())
}

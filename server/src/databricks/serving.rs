//! Serving endpoints: `w.serving_endpoints`, and `mlflow.deployments` for Databricks.

use serde::Serialize;
use tracklite::endpoint::Endpoints;
use utoipa::ToSchema;

use super::serving_entities::{Endpoint, detailed};
use super::serving_specs::{CONFIG, spec};
use crate::access::Scope::{Admin, Read};
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, any, flag, object, objects, text};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

const NEW: &[Field] = &[
    text("name").required(),
    object("config", CONFIG).required(),
    objects("tags", PAIR),
    text("description"),
    flag("route_optimized"),
    any("ai_gateway"),
    any("rate_limits"),
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
        needs: Admin,
        takes: CONFIG,
        returns: shape::<Endpoint>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.0/serving-endpoints/{name}",
        needs: Admin,
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

fn endpoints(call: &Call) -> Endpoints {
    call.database().endpoints().acting_for(&call.caller.user)
}

fn create(call: &Call) -> Outcome<Reply> {
    let nothing = Args::new();
    let mut spec = spec(call.args.object("config").unwrap_or(&nothing))?;
    for (key, value) in call.args.pairs("tags") {
        spec = spec.tag(key, value);
    }
    if let Some(text) = call.args.text("description") {
        spec = spec.description(text);
    }
    let info = endpoints(call).create(call.args.need("name")?, &spec)?;
    call.shared.serving.look();
    Ok(Reply::json(&detailed(call, &info)))
}

fn list(call: &Call) -> Outcome<Reply> {
    let endpoints = endpoints(call).list()?;
    Ok(Reply::json(&List {
        endpoints: endpoints.iter().map(|info| detailed(call, info)).collect(),
    }))
}

fn get(call: &Call) -> Outcome<Reply> {
    let info = endpoints(call).get(call.args.need("name")?)?;
    Ok(Reply::json(&detailed(call, &info)))
}

fn update(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    let info = endpoints(call).update(name, &spec(&call.args)?, None)?;
    call.shared.serving.look();
    Ok(Reply::json(&detailed(call, &info)))
}

fn delete(call: &Call) -> Outcome<Reply> {
    endpoints(call).delete(call.args.need("name")?, None)?;
    call.shared.serving.look();
    Ok(Reply::done())
}

/// The failure for an endpoint that does not exist.
pub(super) fn missing(name: &str) -> Failure {
    Failure::missing(format!("Endpoint with name '{name}' does not exist."))
}

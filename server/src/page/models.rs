//! Registered models, their versions and aliases.

use std::collections::{BTreeMap, HashMap};

use axum::http::StatusCode;
use serde::Serialize;
use tracklite::registry::{ModelVersionInfo, RegisteredModel, RegisteredModelInfo, RegistrySearch};
use tracklite::{ErrorKind, Run};
use utoipa::ToSchema;

use super::rows::rows;
use crate::access::Scope;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, text, whole};
use crate::mlflow::entities::Real;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::webhooks::events;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/models",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Listing>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/models/{name}",
        needs: Scope::Read,
        takes: &[],
        returns: shape::<Whole>(),
        handler: get,
    },
    Route {
        method: Verb::Post,
        path: "/models/{name}/aliases",
        needs: Scope::Write,
        takes: &[text("alias").required(), whole("version"), whole("expects")],
        returns: shape::<Alias>(),
        handler: move_alias,
    },
];

/// All registered models.
#[derive(Serialize, ToSchema)]
#[schema(as = PageModels)]
struct Listing {
    models: Vec<Model>,
}

/// A registered model.
#[derive(Serialize, ToSchema)]
#[schema(as = PageModel)]
struct Model {
    name: String,
    description: Option<String>,
    created: i64,
    updated: i64,
    versions: u64,
    aliases: BTreeMap<String, u64>,
    tags: BTreeMap<String, String>,
    /// The highest version.
    latest: Option<u64>,
}

/// A registered model with its versions.
#[derive(Serialize, ToSchema)]
#[schema(as = PageModelVersions)]
struct Whole {
    model: Model,
    versions: Vec<Version>,
}

/// A version, with the params and latest metrics of its run.
#[derive(Serialize, ToSchema)]
#[schema(as = PageModelVersion)]
struct Version {
    version: u64,
    run: Option<String>,
    run_name: Option<String>,
    source: String,
    status: &'static str,
    stage: &'static str,
    created: i64,
    updated: i64,
    user: String,
    aliases: Vec<String>,
    tags: BTreeMap<String, String>,
    description: Option<String>,
    signature: Option<String>,
    metrics: BTreeMap<String, Real>,
    params: BTreeMap<String, String>,
}

/// An alias and the version that it names now.
#[derive(Serialize, ToSchema)]
#[schema(as = PageAlias)]
struct Alias {
    alias: String,
    version: Option<u64>,
}

/// The failure of a change of an alias that was made by somebody else before.
#[derive(Serialize)]
struct Moved {
    error_code: &'static str,
    message: String,
    now: Option<u64>,
}

fn model(info: RegisteredModelInfo, (versions, latest): (u64, Option<u64>)) -> Model {
    Model {
        name: info.name,
        description: info.description,
        created: info.created.as_millis(),
        updated: info.updated.as_millis(),
        versions,
        aliases: info.aliases,
        tags: info.tags,
        latest,
    }
}

fn list(call: &Call) -> Outcome<Reply> {
    let registry = call.registry();
    let counts = "SELECT name, count(*), max(version) FROM model_versions GROUP BY name";
    let counts = rows(call.database(), counts)?.into_iter();
    let counts = counts.map(|mut row| (row.text(), (row.count(), Some(row.count()))));
    let counts: HashMap<String, (u64, Option<u64>)> = counts.collect();
    let mut models = Vec::new();
    let mut token = Some(String::new());
    while let Some(page) = token.take() {
        let search = RegistrySearch::new().max_results(RegistrySearch::MAX_MODELS);
        let found = registry.search_models(&search.order_by("name").page_token(page))?;
        for info in found.items {
            let count = counts.get(&info.name).copied().unwrap_or_default();
            models.push(model(info, count));
        }
        token = found.next_page_token;
    }
    Ok(Reply::json(&Listing { models }))
}

fn get(call: &Call) -> Outcome<Reply> {
    let found = asked(call)?;
    let info = found.info()?;
    let versions = found.versions()?;
    let count = (versions.len() as u64, versions.last().map(|last| last.version));
    let versions = versions.into_iter().rev().map(|info| version(call, info));
    let versions = versions.collect::<Outcome<Vec<Version>>>()?;
    Ok(Reply::json(&Whole { model: model(info, count), versions }))
}

fn asked(call: &Call) -> Outcome<RegisteredModel> {
    Ok(call.registry().model(call.args.need("name")?)?)
}

fn version(call: &Call, info: ModelVersionInfo) -> Outcome<Version> {
    let run = run_of(call, &info)?;
    let record = run.map(|run| run.record()).transpose()?;
    let (run_name, metrics, params) = match record {
        None => Default::default(),
        Some(record) => {
            let metrics = record.metrics.into_iter().map(|(key, point)| (key, Real(point.value)));
            (Some(record.info.name), metrics.collect(), record.params)
        }
    };
    Ok(Version {
        version: info.version,
        run: info.run,
        run_name,
        source: info.source,
        status: info.status.as_str(),
        stage: info.stage.as_str(),
        created: info.created.as_millis(),
        updated: info.updated.as_millis(),
        user: info.user,
        aliases: info.aliases,
        tags: info.tags,
        description: info.description,
        signature: info.signature,
        metrics,
        params,
    })
}

/// Returns the run of a version, if it is in this file.
fn run_of(call: &Call, info: &ModelVersionInfo) -> Outcome<Option<Run>> {
    let Some(id) = info.run_id() else { return Ok(None) };
    match call.database().run(id) {
        Ok(run) => Ok(Some(run)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn number(call: &Call, name: &str) -> Outcome<Option<u64>> {
    let Some(given) = call.args.whole(name) else { return Ok(None) };
    u64::try_from(given).ok().filter(|number| *number > 0).map(Some).ok_or_else(|| {
        Failure::invalid(format!("{name} is {given}: expected the number of a version, from 1"))
    })
}

fn move_alias(call: &Call) -> Outcome<Reply> {
    let found = asked(call)?;
    let alias = call.args.need("alias")?;
    let (version, expects) = (number(call, "version")?, number(call, "expects")?);
    let changed = match (version, expects) {
        (Some(version), _) => found.move_alias(alias, expects, version),
        (None, Some(expects)) => found.remove_alias(alias, expects),
        (None, None) => {
            return Err(Failure::invalid(
                "version and expects are both null: give the new version, or the version from \
                 which the alias is removed",
            ));
        }
    };
    match changed {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::Conflict => {
            let now = found.info()?.aliases.get(alias).copied();
            let message = error.message().to_owned();
            let moved = Moved { error_code: error.mlflow_code(), message, now };
            let mut reply = Reply::json(&moved);
            reply.status = StatusCode::CONFLICT;
            return Ok(reply);
        }
        Err(error) => return Err(error.into()),
    }
    let name = call.args.need("name")?;
    match version {
        Some(version) => events::alias_set(call, name, alias, version),
        None => events::alias_deleted(call, name, alias),
    }
    Ok(Reply::json(&Alias { alias: alias.to_owned(), version }))
}

//! The Open Inference Protocol, version 2, for models of endpoints.
//!
//! A request is written in MLflow's form, and the answer in that of the protocol. The name of a
//! model is that of its endpoint.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};
use tracklite::endpoint::{EndpointInfo, ServedEntity};
use tracklite::logged_model::{FieldType, Signature, SignatureField};

use crate::access::{Caller, Scope};
use crate::databricks::invocations::{ask, read, refusal};
use crate::failure::{Failure, Outcome};
use crate::reply::Reply;
use crate::shared::Shared;
use crate::tensors;

pub(crate) fn add(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    let mut router = router
        .route("/v2", get(server))
        .route("/v2/health/live", get(|| async { StatusCode::OK }))
        .route("/v2/health/ready", get(ready));
    for model in ["/v2/models/{name}", "/v2/models/{name}/versions/{version}"] {
        router = router
            .route(model, get(metadata))
            .route(&format!("{model}/ready"), get(model_ready))
            .route(&format!("{model}/infer"), post(infer));
    }
    router
}

type Params = Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>;

async fn server() -> Reply {
    let version = env!("CARGO_PKG_VERSION");
    Reply::json(&json!({"name": "tracklite", "version": version, "extensions": []}))
}

/// Returns whether all endpoints answer. It needs no token.
async fn ready(State(shared): State<Arc<Shared>>) -> StatusCode {
    let all = shared.serving.endpoints();
    match all.iter().all(|info| shared.serving.is_ready(&info.name)) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn model_ready(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Response {
    let known = caller.must(Scope::Read).and_then(|()| known(&shared, params));
    match known {
        Ok((info, _)) if shared.serving.is_ready(&info.name) => StatusCode::OK.into_response(),
        Ok(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(failure) => problem(failure.reply()).into_response(),
    }
}

async fn metadata(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Response {
    let known = caller.must(Scope::Read).and_then(|()| known(&shared, params));
    let described = match known {
        Ok((info, entity)) => {
            let database = shared.database.clone();
            let work = move || described(&database, &info, &entity);
            shared.pool.run(work).await.and_then(|described| described)
        }
        Err(failure) => Err(failure),
    };
    match described {
        Ok(reply) => reply.into_response(),
        Err(failure) => problem(failure.reply()).into_response(),
    }
}

fn described(
    database: &tracklite::Database,
    info: &EndpointInfo,
    entity: &ServedEntity,
) -> Outcome<Reply> {
    let version = database.registry().version(&entity.model_name, entity.version)?.info()?;
    let signature = version.signature.map(|text| Signature::parse(&text)).transpose()?;
    let tensors = |fields: Option<&Vec<SignatureField>>, word: &str| -> Vec<Value> {
        let fields = fields.into_iter().flatten().enumerate();
        fields.map(|(place, field)| tensor(field, &format!("{word}-{place}"))).collect()
    };
    let signature = signature.as_ref();
    Ok(Reply::json(&json!({
        "name": info.name,
        "versions": [entity.version.to_string()],
        "platform": "mlflow",
        "inputs": tensors(signature.and_then(|found| found.inputs.as_ref()), "input"),
        "outputs": tensors(signature.and_then(|found| found.outputs.as_ref()), "output"),
    })))
}

/// Describes a column or tensor. A column has any number of rows.
fn tensor(field: &SignatureField, unnamed: &str) -> Value {
    let (datatype, shape) = match &field.kind {
        FieldType::Boolean => ("BOOL", vec![-1]),
        FieldType::Integer => ("INT32", vec![-1]),
        FieldType::Long => ("INT64", vec![-1]),
        FieldType::Float => ("FP32", vec![-1]),
        FieldType::Double => ("FP64", vec![-1]),
        FieldType::Tensor { element, shape } => (tensors::datatype(element), shape.clone()),
        _ => ("BYTES", vec![-1]),
    };
    let name = field.name.as_deref().unwrap_or(unnamed);
    json!({"name": name, "datatype": datatype, "shape": shape})
}

/// Returns the endpoint and the served model that the path names. A version must be the one that
/// the endpoint serves.
fn known(shared: &Shared, params: Params) -> Outcome<(Arc<EndpointInfo>, ServedEntity)> {
    let params = params.map_err(|error| Failure::invalid(error.to_string()))?;
    let param = |wanted| params.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let name = param("name").unwrap_or_default();
    let missing = || Failure::missing(format!("there is no model '{name}'"));
    let info = shared.serving.endpoint(name).ok_or_else(missing)?;
    let config = info.state.active().or_else(|| info.state.pending()).ok_or_else(missing)?;
    let mut live = config.entities.iter().filter(|entity| !entity.is_shadow);
    let first = live.next().ok_or_else(missing)?.clone();
    let alone = live.next().is_none().then(|| first.version.to_string());
    if let Some(version) = param("version").filter(|version| Some(*version) != alone.as_deref()) {
        return Err(Failure::missing(format!(
            "the model '{name}' does not serve version {version} alone: leave the version out"
        )));
    }
    Ok((info, first))
}

async fn infer(State(shared): State<Arc<Shared>>, params: Params, request: Request) -> Response {
    match inferred(&shared, params, request).await {
        Ok(reply) => reply.into_response(),
        Err(reply) => problem(reply).into_response(),
    }
}

async fn inferred(shared: &Arc<Shared>, params: Params, request: Request) -> Result<Reply, Reply> {
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| Failure::internal("no caller").reply())?;
    caller.must(Scope::Read).map_err(Failure::reply)?;
    let (info, _) = known(shared, params).map_err(Failure::reply)?;
    let name = &info.name;
    let mut request = read(shared, name, request).await.map_err(Failure::reply)?;
    let asked: Value = serde_json::from_slice(&request.body)
        .map_err(|error| Failure::invalid(format!("the body is not JSON: {error}")).reply())?;
    let written = tensors::request(&asked).map_err(|text| Failure::invalid(text).reply())?;
    request.body = written.to_string().into_bytes().into();
    "application/json".clone_into(&mut request.content_type);
    let answer = ask(shared, name, request).await.map_err(refusal)?;
    if answer.status != 200 {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_REQUEST);
        return Err(Reply { status, headers: Vec::new(), body: answer.body });
    }
    let found: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::internal(format!("the answer is not JSON: {error}")).reply())?;
    let outputs = tensors::outputs(&found).map_err(|text| Failure::internal(text).reply())?;
    let mut reply = Map::new();
    reply.insert("model_name".to_owned(), json!(name));
    reply.insert("model_version".to_owned(), json!(answer.version.to_string()));
    if let Some(id) = asked.get("id").filter(|id| id.is_string()) {
        reply.insert("id".to_owned(), id.clone());
    }
    reply.insert("outputs".to_owned(), Value::Array(outputs));
    Ok(Reply::json(&reply))
}

/// Writes a failure in the form of the protocol: one member `error`.
fn problem(reply: Reply) -> Reply {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = body.get("message").and_then(Value::as_str).map(str::to_owned);
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(&reply.body).into_owned());
    let kept = reply.headers.into_iter().filter(|(name, _)| name != CONTENT_TYPE);
    let mut answer = Reply::json(&json!({"error": text}));
    answer.status = reply.status;
    answer.headers.extend(kept);
    answer
}

//! Settings of endpoints: tags, limits of the rate, and the table of requests.

use serde::Serialize;
use tracklite::endpoint::{
    EndpointCapture, EndpointInfo, EndpointLevel, EndpointRateLimit, EndpointSettings, RateScope,
};
use utoipa::ToSchema;

use super::serving_found::changed;
use super::serving_rights::known;
use crate::access::Scope;
use crate::call::{Args, Call};
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, PAIR, Read as _, any, flag, object, objects, text, texts, whole};
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

const RATE_LIMIT: &[Field] =
    &[whole("calls"), whole("tokens"), text("key"), text("principal"), text("renewal_period")];

/// The table of requests.
pub(super) const CAPTURE: &[Field] = &[
    text("catalog_name"),
    text("schema_name"),
    text("table_name_prefix"),
    flag("enabled"),
    whole("sampling_percent"),
    flag("durable"),
];

/// Databricks's gateway.
pub(super) const GATEWAY: &[Field] = &[
    any("guardrails"),
    object("inference_table_config", CAPTURE),
    objects("rate_limits", RATE_LIMIT),
    object("usage_tracking_config", &[flag("enabled")]),
    object("fallback_config", &[flag("enabled")]),
];

/// Limits of the rate in the earlier form.
pub(super) const RATE_LIMITS: &[Field] = &[objects("rate_limits", RATE_LIMIT)];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Patch,
        path: "/api/2.0/serving-endpoints/{name}/tags",
        needs: Scope::Read,
        takes: &[objects("add_tags", PAIR), texts("delete_tags")],
        returns: shape::<Tags>(),
        handler: set_tags,
    },
    Route {
        method: Verb::Put,
        path: "/api/2.0/serving-endpoints/{name}/rate-limits",
        needs: Scope::Read,
        takes: RATE_LIMITS,
        returns: shape::<Limits>(),
        handler: set_limits,
    },
    Route {
        method: Verb::Put,
        path: "/api/2.0/serving-endpoints/{name}/ai-gateway",
        needs: Scope::Read,
        takes: GATEWAY,
        returns: shape::<Gateway>(),
        handler: set_gateway,
    },
];

/// The tags of an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointTags)]
struct Tags {
    tags: Vec<Tag>,
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointTag)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// The limits of the rate.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointRateLimits)]
struct Limits {
    rate_limits: Vec<Limit>,
}

/// A limit of the rate.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointRateLimit)]
struct Limit {
    calls: u64,
    /// `endpoint` or `user`.
    key: &'static str,
    /// The user, unless the limit is that of each user.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    renewal_period: &'static str,
}

/// Databricks's gateway: limits of the rate, and the table of requests.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointGateway)]
pub(super) struct Gateway {
    rate_limits: Vec<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inference_table_config: Option<Capture>,
    usage_tracking_config: UsageTracking,
}

impl Gateway {
    /// Returns whether nothing was set.
    pub(super) fn is_empty(&self) -> bool {
        self.rate_limits.is_empty() && self.inference_table_config.is_none()
    }
}

/// Requests are always counted: the call `metrics` returns the numbers.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointUsageTracking)]
struct UsageTracking {
    enabled: bool,
}

/// The table of requests.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointCapture)]
pub(super) struct Capture {
    catalog_name: String,
    schema_name: String,
    table_name_prefix: String,
    enabled: bool,
    /// The share of the requests that is written.
    sampling_percent: u32,
    /// Whether an answer waits until its row is durable.
    durable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<CaptureState>,
}

/// The state of the table of requests in this server.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointCaptureState)]
struct CaptureState {
    payload_table: PayloadTable,
}

/// The table of requests.
#[derive(Serialize, ToSchema)]
#[schema(as = ServingEndpointPayloadTable)]
struct PayloadTable {
    /// The full name.
    name: String,
    /// `READY`, or `FAILED` if the last rows could not be written.
    status: &'static str,
    /// Why they could not be written.
    status_message: String,
}

impl Capture {
    /// Adds the state of the table in this server.
    pub(super) fn with_state(mut self, call: &Call, info: &EndpointInfo) -> Capture {
        let failure = call.shared.captures.count(&info.name).failure;
        let name = &self.table_name_prefix;
        let name = format!("{}.{}.{name}_payload", self.catalog_name, self.schema_name);
        let status = if failure.is_none() { "READY" } else { "FAILED" };
        let status_message = failure.unwrap_or_default();
        self.state =
            Some(CaptureState { payload_table: PayloadTable { name, status, status_message } });
        self
    }
}

/// Returns the tags of an endpoint.
pub(super) fn tags_of(info: &EndpointInfo) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: value.clone() };
    info.state.tags.iter().map(tag).collect()
}

fn set_tags(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::Manage)?;
    let mut settings = EndpointSettings::new();
    for (key, value) in call.args.pairs("add_tags") {
        settings = settings.tag(key, value);
    }
    for key in call.args.texts("delete_tags") {
        settings = settings.without_tag(key);
    }
    let info = changed(call, &info, &settings)?;
    Ok(Reply::json(&Tags { tags: tags_of(&info) }))
}

fn set_limits(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::Manage)?;
    let settings = EndpointSettings::new().rate_limits(limits(&call.args)?);
    let info = changed(call, &info, &settings)?;
    Ok(Reply::json(&Limits { rate_limits: shown_limits(&info) }))
}

fn set_gateway(call: &Call) -> Outcome<Reply> {
    let info = known(call, EndpointLevel::Manage)?;
    let mut settings = gateway(&call.args)?;
    // The earlier form of the table is a part of the configuration, which stays.
    let is_legacy = info.state.capture.as_ref().is_some_and(|capture| capture.is_legacy);
    if is_legacy && call.args.object("inference_table_config").is_none() {
        settings = settings.capture(info.state.capture.clone());
    }
    let info = changed(call, &info, &settings)?;
    call.shared.captures.prepare(&info);
    Ok(Reply::json(&shown_gateway(&info)))
}

/// Reads Databricks's gateway. Settings that it lacks are removed.
pub(super) fn gateway(args: &Args) -> Outcome<EndpointSettings> {
    if args.object("guardrails").is_some_and(|guards| !guards.is_empty()) {
        return Err(Failure::invalid(
            "'guardrails' are not supported: they are for language models of others",
        ));
    }
    let fallback = args.object("fallback_config");
    if fallback.is_some_and(|config| config.flag("enabled") == Some(true)) {
        return Err(Failure::invalid(
            "'fallback_config' is not supported: a request whose process dies is answered by \
             another process of the same model",
        ));
    }
    let capture = args.object("inference_table_config").map(|config| capture(config, false));
    Ok(EndpointSettings::new().rate_limits(limits(args)?).capture(capture.transpose()?))
}

/// Reads the table of requests.
pub(super) fn capture(config: &Args, is_legacy: bool) -> Outcome<EndpointCapture> {
    // Numbers out of range are refused with the others that are.
    let percent = config.whole("sampling_percent").unwrap_or(100);
    Ok(EndpointCapture {
        catalog: config.need("catalog_name")?.to_owned(),
        schema: config.need("schema_name")?.to_owned(),
        prefix: config.text("table_name_prefix").map(str::to_owned),
        is_enabled: config.flag("enabled").unwrap_or(true),
        percent: u32::try_from(percent).unwrap_or_default(),
        is_durable: config.flag("durable").unwrap_or(false),
        is_legacy,
    })
}

/// Reads limits of the rate.
pub(super) fn limits(args: &Args) -> Outcome<Vec<EndpointRateLimit>> {
    args.objects("rate_limits").into_iter().map(limit).collect()
}

fn limit(args: &Args) -> Outcome<EndpointRateLimit> {
    if args.whole("tokens").is_some() {
        return Err(Failure::invalid("a limit of 'tokens' is not supported: set 'calls'"));
    }
    if args.text("renewal_period").is_some_and(|period| period != "minute") {
        return Err(Failure::invalid("'renewal_period' must be \"minute\""));
    }
    let calls = args.whole("calls").and_then(|calls| u64::try_from(calls).ok());
    let calls = calls.ok_or_else(|| Failure::invalid("'calls' must be a number from 0"))?;
    let scope = match (args.text("key").unwrap_or("endpoint"), args.text("principal")) {
        ("endpoint", None) => RateScope::Endpoint,
        ("user", None) => RateScope::EachUser,
        ("user" | "service_principal", Some(name)) => RateScope::User(name.to_owned()),
        (key, principal) => {
            return Err(Failure::invalid(format!(
                "a limit with the key {key:?} and the principal {principal:?} is not supported: \
                 the key must be \"endpoint\" or \"user\", and \"user\" may have a principal"
            )));
        }
    };
    Ok(EndpointRateLimit { calls, scope })
}

fn shown_limits(info: &EndpointInfo) -> Vec<Limit> {
    let shown = |limit: &EndpointRateLimit| {
        let (key, principal) = match &limit.scope {
            RateScope::Endpoint => ("endpoint", None),
            RateScope::EachUser => ("user", None),
            RateScope::User(name) => ("user", Some(name.clone())),
        };
        Limit { calls: limit.calls, key, principal, renewal_period: "minute" }
    };
    info.state.rate_limits.iter().map(shown).collect()
}

/// Returns the gateway of an endpoint.
pub(super) fn shown_gateway(info: &EndpointInfo) -> Gateway {
    Gateway {
        rate_limits: shown_limits(info),
        inference_table_config: shown_capture(info, false),
        usage_tracking_config: UsageTracking { enabled: true },
    }
}

/// Returns the table of requests, if it was set in this form.
pub(super) fn shown_capture(info: &EndpointInfo, is_legacy: bool) -> Option<Capture> {
    let capture = info.state.capture.as_ref().filter(|found| found.is_legacy == is_legacy)?;
    Some(Capture {
        catalog_name: capture.catalog.clone(),
        schema_name: capture.schema.clone(),
        table_name_prefix: capture.prefix.clone().unwrap_or_else(|| info.name.clone()),
        enabled: capture.is_enabled,
        sampling_percent: capture.percent,
        durable: capture.is_durable,
        state: None,
    })
}

//! Configurations of endpoints in Databricks's words.

use tracklite::endpoint::{EndpointSize, EndpointSpec, ServedEntity, ServedModel, ServingLane};

use super::serving_settings::CAPTURE;
use crate::call::Args;
use crate::failure::{Failure, Outcome};
use crate::fields::{Field, Read as _, any, flag, object, objects, text, word};

/// A served model, in the present form and in the earlier one.
const SERVED: &[Field] = &[
    text("name"),
    text("entity_name"),
    word("entity_version"),
    text("model_name"),
    word("model_version"),
    text("workload_size"),
    text("workload_type"),
    flag("scale_to_zero_enabled"),
    any("environment_vars"),
    flag("shadow"),
    text("environment"),
    text("lane"),
];

const ROUTE: &[Field] = &[
    text("served_model_name"),
    text("served_entity_name"),
    // A whole number. Another type is refused with the words of the sum.
    any("traffic_percentage"),
];

/// The configuration of an endpoint.
pub(super) const CONFIG: &[Field] = &[
    objects("served_entities", SERVED),
    objects("served_models", SERVED),
    object("traffic_config", &[objects("routes", ROUTE)]),
    object("auto_capture_config", CAPTURE),
];

/// Reads a configuration.
pub(super) fn spec(config: &Args) -> Outcome<EndpointSpec> {
    let (entities, models) = (config.objects("served_entities"), config.objects("served_models"));
    if !entities.is_empty() && !models.is_empty() {
        return Err(Failure::invalid(
            "'served_entities' and 'served_models' are both set: set only 'served_entities'",
        ));
    }
    let mut spec = EndpointSpec::new();
    for served in entities.into_iter().chain(models) {
        spec = spec.serve(served_model(served)?);
    }
    let nothing = Args::new();
    for route in config.object("traffic_config").unwrap_or(&nothing).objects("routes") {
        let named = route.text("served_entity_name").or_else(|| route.text("served_model_name"));
        let named = named.ok_or_else(|| Failure::invalid("a route has no 'served_entity_name'"))?;
        let percent = route.whole("traffic_percentage").and_then(|share| u32::try_from(share).ok());
        let percent = percent.ok_or_else(|| {
            Failure::invalid(format!(
                "the route to {named:?} has no 'traffic_percentage' that is a whole number from 0 \
                 to 100"
            ))
        })?;
        spec = spec.route(named, percent);
    }
    Ok(spec)
}

fn served_model(served: &Args) -> Outcome<ServedModel> {
    let model = served.text("entity_name").or_else(|| served.text("model_name"));
    let model = model.ok_or_else(|| Failure::invalid("a served model has no 'entity_name'"))?;
    let version = served.word("entity_version").or_else(|| served.word("model_version"));
    let mut named = chosen(model, version.as_deref())?
        .scale_to_zero(served.flag("scale_to_zero_enabled").unwrap_or_default())
        .shadow(served.flag("shadow").unwrap_or_default());
    if let Some(name) = served.text("name") {
        named = named.name(name);
    }
    if let Some(lane) = served.text("lane") {
        named = named.lane(lane.parse::<ServingLane>()?);
    }
    if let Some(size) = served.text("workload_size") {
        named = named.size(size.parse::<EndpointSize>()?);
    }
    let nothing = Args::new();
    for (name, value) in served.object("environment_vars").unwrap_or(&nothing) {
        let value = value.as_str().ok_or_else(|| {
            Failure::invalid(format!("the variable {name:?} in 'environment_vars' is not a text"))
        })?;
        if value.trim_start().starts_with("{{secrets/") {
            return Err(Failure::invalid(format!(
                "the variable {name:?} names a secret, and this server has none: the file would \
                 have its value for everybody to read"
            )));
        }
        named = named.variable(name, value);
    }
    if let Some(environment) = served.text("environment") {
        named = named.variable(ServedEntity::ENVIRONMENT, environment);
    }
    Ok(named)
}

/// Returns the model that a name and a version mean. An alias is written as the version `@alias`. A
/// name alone is that of a feature spec.
/// In place of both, the name may be the address of a model.
fn chosen(model: &str, version: Option<&str>) -> Outcome<ServedModel> {
    let (model, version) = match (model.strip_prefix("models:/"), version) {
        (Some(_), None) => return Ok(ServedModel::at(model)?),
        (Some(name), Some(version)) => (name, version),
        (None, None) => return Ok(ServedModel::features(model)),
        (None, Some(version)) => (model, version),
    };
    if let Some(alias) = version.strip_prefix('@') {
        return Ok(ServedModel::alias(model, alias));
    }
    let number = version.parse().map_err(|_| {
        Failure::invalid(format!(
            "the version {version:?} of {model:?} is not a number, and not an alias such as \
             \"@champion\""
        ))
    })?;
    Ok(ServedModel::version(model, number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: &serde_json::Value) -> Outcome<EndpointSpec> {
        spec(config.as_object().expect("an object"))
    }

    #[test]
    fn a_version_or_an_alias_is_served() {
        let version = EndpointSpec::new().serve(ServedModel::version("ml.a.churn", 3));
        let alias = EndpointSpec::new().serve(ServedModel::alias("ml.a.churn", "Champion"));
        for (name, number, wanted) in [
            ("ml.a.churn", json!("3"), &version),
            ("ml.a.churn", json!(3), &version),
            ("models:/ml.a.churn/3", json!(null), &version),
            ("models:/ml.a.churn", json!(3), &version),
            ("ml.a.churn", json!("@Champion"), &alias),
            ("models:/ml.a.churn@Champion", json!(null), &alias),
        ] {
            for (entities, name_key, version_key) in [
                ("served_entities", "entity_name", "entity_version"),
                ("served_models", "model_name", "model_version"),
            ] {
                let config = json!({entities: [{name_key: name, version_key: number}]});
                assert_eq!(&read(&config).expect("it is valid"), wanted, "{config}");
            }
        }
    }

    #[test]
    fn a_member_or_a_variable_chooses_the_environment() {
        let wanted = ServedModel::version("ml.a.churn", 3).own_environment(true);
        for (name, value) in [
            ("environment", json!("model")),
            ("environment_vars", json!({"TRACKLITE_ENVIRONMENT": "model"})),
        ] {
            let mut served = json!({"entity_name": "ml.a.churn", "entity_version": "3"});
            served[name] = value;
            let found = read(&json!({"served_entities": [served]})).expect("it is valid");
            assert_eq!(found, EndpointSpec::new().serve(wanted.clone()), "{name}");
        }
    }

    #[test]
    fn a_name_alone_is_that_of_a_feature_spec() {
        let config = json!({"served_entities": [{"entity_name": "ml.a.spec"}]});
        let wanted = EndpointSpec::new().serve(ServedModel::features("ml.a.spec"));
        assert_eq!(read(&config).expect("it is valid"), wanted);
    }

    #[test]
    fn bad_configurations_are_refused() {
        let served = json!([{"entity_name": "a", "entity_version": "1"}]);
        for (config, wanted) in [
            (json!({"served_entities": served, "served_models": served}), "both set"),
            (json!({"served_entities": [{}]}), "no 'entity_name'"),
            (json!({"served_entities": [{"entity_name": "a", "entity_version": "x"}]}), "\"x\""),
            (
                json!({"served_entities": [
                    {"entity_name": "a", "entity_version": "1", "workload_size": "Huge"}]}),
                "Small, Medium or Large",
            ),
            (
                json!({"served_entities": [
                    {"entity_name": "a", "entity_version": "1", "environment_vars": {"A": 1}}]}),
                "is not a text",
            ),
            (
                json!({"served_entities": [
                    {"entity_name": "a", "entity_version": "1",
                        "environment_vars": {"A": "{{secrets/a/b}}"}}]}),
                "names a secret",
            ),
            (json!({"traffic_config": {"routes": [{"traffic_percentage": 1}]}}), "no 'served_"),
            (
                json!({"traffic_config": {"routes": [
                    {"served_model_name": "a", "traffic_percentage": 0.5}]}}),
                "whole number",
            ),
        ] {
            let message = read(&config).expect_err("it is not valid").message;
            assert!(message.contains(wanted), "{message}");
        }
    }
}

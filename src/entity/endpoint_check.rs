//! The rules for endpoints: names, served models, routes and limits.

use std::collections::{BTreeMap, BTreeSet};

use crate::entity::endpoint::{EndpointConfig, EndpointLimits, EndpointRoute, ServedEntity};
use crate::entity::limits::check_text;
use crate::entity::wording::{invalid, invalid_value};
use crate::error::Result;

/// The maximum characters in the name of an endpoint or of a served model.
const NAME_MAX: usize = 63;
/// The maximum number of served models of a configuration.
const ENTITIES_MAX: usize = 15;
/// The longest time that a request may take, in milliseconds.
const TIMEOUT_MAX: u32 = 297_000;
/// The most workers of a served model.
const WORKERS_MAX: u32 = 64;
/// The most requests that wait for a served model.
const WAITING_MAX: u32 = 4096;
/// The longest time until the workers of an idle model end, in milliseconds: one week.
const IDLE_MAX: u32 = 7 * 86_400_000;
/// The most variables of a served model, and the characters of a name and of a value.
const VARIABLES_MAX: usize = 100;
const VARIABLE_MAX: usize = 4096;

/// Checks the name of an endpoint or of a served model.
pub(crate) fn check_endpoint_name(what: &str, name: &str) -> Result<()> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_legal) {
        let rule = "it must contain only letters, digits, dashes and underscores, at least one";
        return Err(invalid_value(what, name, rule));
    }
    if name.len() > NAME_MAX {
        let length = name.len();
        let rule = format!("it has {length} characters, at most {NAME_MAX} are allowed");
        return Err(invalid_value(what, name, &rule));
    }
    Ok(())
}

/// Returns the name of a served model that has none: that of the model without its catalog and
/// schema, and the version or alias.
pub(crate) fn default_entity_name(model: &str, version: &str) -> String {
    let last = model.rsplit('.').next().unwrap_or(model);
    let plain = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => character,
        _ => '_',
    };
    format!("{last}-{version}").chars().map(plain).take(NAME_MAX).collect()
}

/// Checks a configuration: its names, shares and limits.
pub(crate) fn check_config(config: &EndpointConfig) -> Result<()> {
    let entities = config.entities.len();
    if !(1..=ENTITIES_MAX).contains(&entities) {
        return Err(invalid(format!(
            "the configuration has {entities} served models, expected 1 to {ENTITIES_MAX}"
        )));
    }
    let mut names = BTreeSet::new();
    for entity in &config.entities {
        check_endpoint_name("name of the served model", &entity.name)?;
        if !names.insert(entity.name.as_str()) {
            return Err(invalid(format!(
                "two served models have the name {:?}: names must be unique in an endpoint",
                entity.name
            )));
        }
    }
    check_routes(config, &names)?;
    config.entities.iter().try_for_each(|entity| check_environment(&entity.environment))?;
    check_limits(config.limits)
}

/// Variables that decide which code runs are refused: that is the model's part.
fn check_environment(environment: &BTreeMap<String, String>) -> Result<()> {
    if environment.len() > VARIABLES_MAX {
        let found = environment.len();
        return Err(invalid(format!(
            "the served model has {found} variables, at most {VARIABLES_MAX} are allowed"
        )));
    }
    for (name, value) in environment {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > VARIABLE_MAX || !name.bytes().all(is_legal) {
            let rule = "expected letters, digits and underscores";
            return Err(invalid_value("variable", name, rule));
        }
        let is_loader = ["LD_", "DYLD_", "PYTHON"].iter().any(|start| name.starts_with(start));
        if is_loader || name == "PATH" || name == "HOME" {
            return Err(invalid_value("variable", name, "the server sets it or leaves it out"));
        }
        if value.contains('\0') {
            return Err(invalid_value("value of the variable", name, "it has a null character"));
        }
        check_text("the value of a variable", value, VARIABLE_MAX)?;
        if name == ServedEntity::ENVIRONMENT && value != "model" && value != "server" {
            return Err(invalid_value(name, value, "expected \"model\" or \"server\""));
        }
    }
    Ok(())
}

fn check_routes(config: &EndpointConfig, names: &BTreeSet<&str>) -> Result<()> {
    let (routes, mut routed) = (&config.routes, BTreeSet::new());
    let shadows = config.entities.iter().filter(|entity| entity.is_shadow);
    let shadows: BTreeSet<&str> = shadows.map(|entity| entity.name.as_str()).collect();
    for EndpointRoute { entity, percent } in routes {
        if shadows.contains(entity.as_str()) {
            return Err(invalid(format!("a route leads to {entity:?}, which is a shadow")));
        }
        if !names.contains(entity.as_str()) {
            return Err(invalid(format!("a route leads to {entity:?}, which is not served")));
        }
        if !routed.insert(entity.as_str()) {
            return Err(invalid(format!("two routes lead to {entity:?}: add their percentages")));
        }
        if *percent > 100 {
            return Err(invalid(format!("a route has {percent} percent, at most 100 are allowed")));
        }
    }
    let sum: u32 = routes.iter().map(|route| route.percent).sum();
    if sum != 100 {
        return Err(invalid(format!(
            "the traffic percentages of the routes sum to {sum}, expected 100"
        )));
    }
    Ok(())
}

fn check_limits(limits: EndpointLimits) -> Result<()> {
    for (what, value, least, most) in [
        ("timeout in milliseconds", limits.timeout_ms, 1, TIMEOUT_MAX),
        ("number of waiting requests", limits.waiting, 1, WAITING_MAX),
        ("number of workers", limits.workers, 0, WORKERS_MAX),
        ("idle time in milliseconds", limits.idle_ms, 0, IDLE_MAX),
        ("number of held requests", limits.held, 1, WAITING_MAX),
    ] {
        if !(least..=most).contains(&value) {
            return Err(invalid(format!("the {what} is {value}, expected {least} to {most}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::endpoint::{EndpointSize, ServedEntity, ServingLane};
    use crate::entity::id::RegisteredModelId;
    use crate::error::ErrorKind;

    fn config(names: &[&str], routes: &[(&str, u32)]) -> EndpointConfig {
        let entity = |name: &&str| ServedEntity {
            name: (*name).to_owned(),
            model: RegisteredModelId::from_bits(u128::MAX - 1),
            model_name: "churn".to_owned(),
            version: u64::MAX,
            alias: Some("Champion".to_owned()),
            size: EndpointSize::Medium,
            scale_to_zero: true,
            is_shadow: false,
            environment: BTreeMap::new(),
            lane: ServingLane::Auto,
        };
        let route = |(entity, percent): &(&str, u32)| EndpointRoute {
            entity: (*entity).to_owned(),
            percent: *percent,
        };
        EndpointConfig {
            number: 3,
            author: "ada".to_owned(),
            time: -5,
            is_followed: false,
            entities: names.iter().map(entity).collect(),
            routes: routes.iter().map(route).collect(),
            limits: EndpointLimits::default(),
        }
    }

    #[test]
    fn shares_sum_to_100_and_lead_to_served_models() {
        for (names, routes) in [
            (vec!["a"], vec![("a", 100)]),
            (vec!["a", "b"], vec![("a", 100), ("b", 0)]),
            (vec!["a", "b", "c"], vec![("c", 1), ("a", 99)]),
        ] {
            check_config(&config(&names, &routes)).unwrap();
        }
        for (names, routes, wanted) in [
            (vec![], vec![], "0 served models"),
            (vec!["a"; 16], vec![("a", 100)], "16 served models"),
            (vec!["a", "a"], vec![("a", 100)], "two served models have the name \"a\""),
            (vec!["a b"], vec![("a b", 100)], "letters, digits"),
            (vec!["a"], vec![], "sum to 0"),
            (vec!["a", "b"], vec![("a", 50), ("b", 49)], "sum to 99"),
            (vec!["a", "b"], vec![("a", 50), ("b", 51)], "sum to 101"),
            (vec!["a"], vec![("b", 100)], "\"b\", which is not served"),
            (vec!["a"], vec![("a", 50), ("a", 50)], "two routes"),
            (vec!["a"], vec![("a", u32::MAX)], "4294967295 percent"),
        ] {
            let message = check_config(&config(&names, &routes)).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn a_shadow_has_no_route() {
        let mut shadowed = config(&["a", "b"], &[("a", 100)]);
        shadowed.entities[1].is_shadow = true;
        check_config(&shadowed).unwrap();
        shadowed.entities[0].is_shadow = true;
        let message = check_config(&shadowed).unwrap_err().to_string();
        assert!(message.contains("is a shadow"), "{message}");
    }

    #[test]
    fn variables_that_choose_code_are_refused() {
        let with = |name: &str, value: &str| {
            let mut config = config(&["a"], &[("a", 100)]);
            config.entities[0].environment.insert(name.to_owned(), value.to_owned());
            check_config(&config)
        };
        assert!(with("REGION", "eu").is_ok());
        for name in ["", "A=B", "LD_PRELOAD", "PYTHONPATH", "PATH", "HOME"] {
            assert_eq!(with(name, "x").unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        }
        assert!(with("A", "\0").is_err());
    }

    #[test]
    fn limits_have_bounds() {
        let default = EndpointLimits::default();
        for bad in [
            EndpointLimits { timeout_ms: 0, ..default },
            EndpointLimits { timeout_ms: TIMEOUT_MAX + 1, ..default },
            EndpointLimits { waiting: 0, ..default },
            EndpointLimits { waiting: WAITING_MAX + 1, ..default },
            EndpointLimits { workers: WORKERS_MAX + 1, ..default },
            EndpointLimits { idle_ms: IDLE_MAX + 1, ..default },
            EndpointLimits { held: 0, ..default },
        ] {
            assert_eq!(check_limits(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
        assert!(check_limits(default).is_ok());
    }

    #[test]
    fn names_follow_the_rules() {
        for valid in ["a", "churn-predictor_2", &"k".repeat(63)] {
            assert!(check_endpoint_name("name", valid).is_ok(), "{valid}");
        }
        for bad in ["", " ", "a.b", "a/b", "\u{fc}", &"k".repeat(64)] {
            assert!(check_endpoint_name("name", bad).is_err(), "{bad}");
        }
        assert_eq!(default_entity_name("ml.production.churn", "1"), "churn-1");
        assert_eq!(default_entity_name("a b/\u{fc}", "Champion"), "a_b__-Champion");
        assert_eq!(default_entity_name(&"k".repeat(70), "1").len(), 63);
    }
}

//! The features of a model, as a file beside the model states them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::entity::wording::invalid;
use crate::error::{Error, Result};
use crate::feature::lookup::{DefaultValue, FeatureLookup};

/// The version of the format that is read.
const VERSION: u64 = 1;

/// The features of a model: their lookups, and the columns that the model gets.
///
/// A model that was logged with a training set has a file with it beside its own files.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FeatureSpec {
    /// The lookups. They name no versions of their tables, so that they find the newest features.
    pub lookups: Vec<FeatureLookup>,
    /// The functions of other columns, in the order of their evaluation.
    pub functions: Vec<FeatureFunction>,
    /// The columns that the model gets, in order.
    pub input_columns: Vec<String>,
}

/// A column that a function of other columns returns. The file has its code too, which only the
/// process of a model runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureFunction {
    /// The columns that it gets.
    pub inputs: Vec<String>,
    /// The name of the column that it returns.
    pub output: String,
}

impl FeatureSpec {
    /// The name of the file in the folder of a model.
    pub const FILE: &'static str = "tracklite_features.json";

    /// The tag of a version of the registry that has this file and no model. An endpoint answers
    /// with the features alone.
    pub const TAG: &'static str = "tracklite.feature_spec";

    /// Parses the content of the file.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it is not such a file, or
    ///   one of a later format.
    pub fn parse(json: &str) -> Result<FeatureSpec> {
        let file: Value = serde_json::from_str(json).map_err(|error| bad(&error.to_string()))?;
        let file = file.as_object().ok_or_else(|| bad("it is not an object"))?;
        match file.get("tracklite_features").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => {
                return Err(bad(&format!(
                    "it has the format {other}, this build reads {VERSION}: use a newer build"
                )));
            }
            None => return Err(bad("it has no number \"tracklite_features\"")),
        }
        let lookups = objects(file, "lookups")?.into_iter().map(lookup);
        let functions = objects(file, "functions")?.into_iter().map(function);
        Ok(FeatureSpec {
            lookups: lookups.collect::<Result<_>>()?,
            functions: functions.collect::<Result<_>>()?,
            input_columns: texts(file, "input_columns")?,
        })
    }
}

fn lookup(value: &Map<String, Value>) -> Result<FeatureLookup> {
    let mut lookup = FeatureLookup::new(text(value, "table")?, texts(value, "keys")?);
    lookup = lookup.features(texts(value, "features")?);
    for (feature, name) in object(value, "rename")?.into_iter().flatten() {
        let name = name.as_str().ok_or_else(|| bad("a name in \"rename\" is not a text"))?;
        lookup = lookup.rename(feature, name);
    }
    if let Some(time) = value.get("time").and_then(Value::as_str) {
        lookup = lookup.at(time);
    }
    if let Some(seconds) = value.get("lookback").and_then(Value::as_f64) {
        let age = Duration::try_from_secs_f64(seconds);
        lookup = lookup.lookback(age.map_err(|error| bad(&format!("\"lookback\": {error}")))?);
    }
    for (feature, value) in object(value, "defaults")?.into_iter().flatten() {
        lookup = lookup.default_value(feature, default(feature, value)?);
    }
    Ok(lookup)
}

fn default(feature: &str, value: &Value) -> Result<DefaultValue> {
    let number = |number: &serde_json::Number| match number.as_i64() {
        Some(integer) => Some(DefaultValue::Integer(integer)),
        None => number.as_f64().map(DefaultValue::Float),
    };
    let found = match value {
        Value::Bool(is_true) => Some(DefaultValue::Bool(*is_true)),
        Value::Number(found) => number(found),
        Value::String(text) => Some(DefaultValue::Text(text.clone())),
        _ => None,
    };
    found.ok_or_else(|| bad(&format!("the default value of {feature:?} is {value}")))
}

fn function(value: &Map<String, Value>) -> Result<FeatureFunction> {
    let bindings = object(value, "bindings")?.into_iter().flatten();
    let inputs = bindings.map(|(_, column)| {
        let column = column.as_str().map(str::to_owned);
        column.ok_or_else(|| bad("a column in \"bindings\" is not a text"))
    });
    Ok(FeatureFunction { inputs: inputs.collect::<Result<_>>()?, output: text(value, "output")? })
}

fn text(value: &Map<String, Value>, name: &str) -> Result<String> {
    let found = value.get(name).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| bad(&format!("{name:?} is not a text")))
}

fn texts(value: &Map<String, Value>, name: &str) -> Result<Vec<String>> {
    let items = value.get(name).and_then(Value::as_array);
    let texts = items.map(|items| {
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    texts.flatten().ok_or_else(|| bad(&format!("{name:?} is not a list of texts")))
}

fn object<'v>(value: &'v Map<String, Value>, name: &str) -> Result<Option<&'v Map<String, Value>>> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(found)) => Ok(Some(found)),
        Some(_) => Err(bad(&format!("{name:?} is not an object"))),
    }
}

fn objects<'v>(value: &'v Map<String, Value>, name: &str) -> Result<Vec<&'v Map<String, Value>>> {
    let Some(items) = value.get(name) else { return Ok(Vec::new()) };
    let items = items.as_array().map(|items| items.iter().map(Value::as_object).collect());
    items.flatten().ok_or_else(|| bad(&format!("{name:?} is not a list of objects")))
}

#[cold]
fn bad(what: &str) -> Error {
    invalid(format!("{} is not valid: {what}", FeatureSpec::FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
        "tracklite_features": 1,
        "lookups": [{
            "table": "ml.features.users", "keys": ["id"], "features": ["spend", "city"],
            "rename": {"city": "town"}, "time": "at", "lookback": 86400.5,
            "defaults": {"spend": 0, "city": "?"}, "version": 3
        }],
        "functions": [{"bindings": {"a": "spend", "b": "age"}, "output": "ratio"}],
        "input_columns": ["id", "spend", "town", "ratio"]
    }"#;

    #[test]
    fn the_file_of_a_model_states_its_lookups() {
        let spec = FeatureSpec::parse(GOOD).unwrap();
        let wanted = FeatureLookup::new("ml.features.users", ["id"])
            .features(["spend", "city"])
            .rename("city", "town")
            .at("at")
            .lookback(Duration::from_millis(86_400_500))
            .default_value("spend", DefaultValue::Integer(0))
            .default_value("city", DefaultValue::Text("?".to_owned()));
        assert_eq!(spec.lookups, [wanted], "the version is not that of the training");
        let function =
            FeatureFunction { inputs: vec!["spend".into(), "age".into()], output: "ratio".into() };
        assert_eq!(spec.functions, [function]);
        assert_eq!(spec.input_columns, ["id", "spend", "town", "ratio"]);
    }

    #[test]
    fn other_files_are_refused() {
        for (from, to, wanted) in [
            ("", "", "expected value"),
            ("\"tracklite_features\": 1", "\"a\": 1", "no number"),
            ("\"tracklite_features\": 1", "\"tracklite_features\": 2", "use a newer build"),
            ("[\"id\"]", "\"id\"", "\"keys\" is not a list"),
            ("\"ml.features.users\"", "7", "\"table\" is not a text"),
            ("86400.5", "-1", "\"lookback\""),
            ("\"?\"", "[]", "default value of \"city\""),
            ("\"output\": \"ratio\"", "\"x\": 1", "\"output\" is not a text"),
        ] {
            let text = if from.is_empty() { "x".to_owned() } else { GOOD.replace(from, to) };
            let message = FeatureSpec::parse(&text).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }
}

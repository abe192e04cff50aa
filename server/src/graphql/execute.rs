//! Answering the fields of a query with handlers of the REST API.

use graphql_parser::query::Value as Literal;
use serde_json::{Map, Value};

use super::document::Field;
use super::types::{EXPERIMENT, Kind, ROOTS, Type, VERSION};
use crate::call::{Args, Call};
use crate::failure::Failure;
use crate::fields::check;
use crate::mlflow;
use crate::route::Route;

/// The most root fields of a query, because each is a call.
const ROOTS_MAX: usize = 10;

/// Answers the fields of a query. Returns the data and the messages of errors.
pub(super) fn run(call: &Call, fields: &[Field], variables: &Args) -> (Option<Value>, Vec<String>) {
    if fields.len() > ROOTS_MAX {
        let message = format!("the query has more than {ROOTS_MAX} fields at its root");
        return (None, vec![message]);
    }
    let (mut data, mut errors) = (Map::new(), Vec::new());
    for field in fields {
        let value = if field.name == "__typename" {
            Ok("Query".into())
        } else {
            root(call, field, variables)
        };
        data.insert(
            field.alias.clone(),
            value.unwrap_or_else(|message| {
                errors.push(message);
                Value::Null
            }),
        );
    }
    (Some(data.into()), errors)
}

fn root(call: &Call, field: &Field, variables: &Args) -> Result<Value, String> {
    let root = ROOTS.iter().find(|root| root.name == field.name);
    let root = root.ok_or_else(|| unknown(&field.name, "Query"))?;
    let input = field.arguments.iter().find(|(name, _)| name == "input");
    let input = input.map(|(_, value)| json(value, variables)).unwrap_or_default();
    let input = input.as_object().cloned().unwrap_or_default();
    let args = input.into_iter().map(|(name, value)| (snake(&name), value)).collect();
    let answer = ask(call, root.path, args)?;
    project(call, root.returns, &field.fields, &answer)
}

/// Calls a handler of the REST API.
fn ask(call: &Call, path: &str, args: Args) -> Result<Value, String> {
    let route: Option<&Route> =
        mlflow::TABLES.iter().flat_map(|table| table.iter()).find(|route| route.path == path);
    let route = route.ok_or_else(|| format!("there is no route {path}"))?;
    let message = |failure: Failure| failure.message;
    check(route.takes, &args).map_err(message)?;
    let call = Call {
        shared: call.shared.clone(),
        args,
        caller: call.caller.clone(),
        headers: call.headers.clone(),
    };
    let reply = (route.handler)(&call).map_err(message)?;
    serde_json::from_slice(&reply.body).map_err(|error| error.to_string())
}

/// Returns the selected fields of an object.
fn project(call: &Call, kind: &Type, fields: &[Field], object: &Value) -> Result<Value, String> {
    let mut out = Map::new();
    for field in fields {
        if field.name == "__typename" {
            out.insert(field.alias.clone(), kind.name.into());
            continue;
        }
        let known = kind.fields.iter().find(|(name, _)| camel(name) == field.name);
        let (name, of) = known.ok_or_else(|| unknown(&field.name, kind.name))?;
        let value = object.get(*name).unwrap_or(&Value::Null);
        out.insert(field.alias.clone(), project_field(call, *of, field, value, object)?);
    }
    Ok(out.into())
}

fn project_field(
    call: &Call,
    of: Kind,
    field: &Field,
    value: &Value,
    object: &Value,
) -> Result<Value, String> {
    let id = |name: &str| object.pointer(&format!("/info/{name}")).cloned().unwrap_or_default();
    Ok(match of {
        Kind::Plain => value.clone(),
        Kind::Plains => {
            if value.is_null() {
                Value::Array(Vec::new())
            } else {
                value.clone()
            }
        }
        Kind::Long => match value {
            Value::Number(number) => number.to_string().into(),
            other => other.clone(),
        },
        Kind::Real => match value {
            Value::Number(_) => value.clone(),
            _ => Value::Null,
        },
        Kind::One(kind) if value.is_null() => {
            let is_error = kind.name == "ApiError";
            if is_error { Value::Null } else { project(call, kind, &field.fields, value)? }
        }
        Kind::One(kind) => project(call, kind, &field.fields, value)?,
        Kind::List(kind) => project_list(call, kind, field, value)?,
        Kind::ExperimentOfRun => {
            let args = Args::from_iter([("experiment_id".to_owned(), id("experiment_id"))]);
            let answer = ask(call, "/2.0/mlflow/experiments/get", args)?;
            let experiment = answer.get("experiment").unwrap_or(&Value::Null);
            project(call, &EXPERIMENT, &field.fields, experiment)?
        }
        Kind::VersionsOfRun => {
            let run = id("run_id");
            let filter = format!("run_id = '{}'", run.as_str().unwrap_or_default());
            let args = Args::from_iter([("filter".to_owned(), filter.into())]);
            let answer = ask(call, "/2.0/mlflow/model-versions/search", args)?;
            let versions = answer.get("model_versions").unwrap_or(&Value::Null);
            project_list(call, &VERSION, field, versions)?
        }
    })
}

fn project_list(call: &Call, kind: &Type, field: &Field, value: &Value) -> Result<Value, String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| project(call, kind, &field.fields, item)).collect()
}

fn unknown(field: &str, kind: &str) -> String {
    format!("Cannot query field \"{field}\" on type \"{kind}\".")
}

/// Converts a value of an argument to JSON, with the values of variables.
fn json(value: &Literal<'static, String>, variables: &Args) -> Value {
    match value {
        Literal::Variable(name) => variables.get(name).cloned().unwrap_or_default(),
        Literal::Int(number) => number.as_i64().into(),
        Literal::Float(number) => (*number).into(),
        Literal::String(text) | Literal::Enum(text) => text.as_str().into(),
        Literal::Boolean(flag) => (*flag).into(),
        Literal::Null => Value::Null,
        Literal::List(items) => items.iter().map(|item| json(item, variables)).collect(),
        Literal::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), json(value, variables))).collect()
        }
    }
}

/// Converts `run_id` to `runId`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// Converts `runId` to `run_id`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_converted() {
        assert_eq!(camel("run_id"), "runId");
        assert_eq!(camel("apiError"), "apiError");
        assert_eq!(snake("maxResults"), "max_results");
    }

    #[test]
    fn each_root_has_a_route() {
        let paths: Vec<&str> =
            mlflow::TABLES.iter().flat_map(|table| table.iter()).map(|route| route.path).collect();
        for root in ROOTS {
            assert!(paths.contains(&root.path), "{}", root.path);
        }
    }
}

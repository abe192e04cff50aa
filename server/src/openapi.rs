//! The description of the routes at `/openapi.json`, from the same tables that route requests.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema as _;

use crate::failure::ErrorBody;
use crate::fields::{Field, Kind};
use crate::route::{Route, Verb};
use crate::schema::{Shape, shape};

/// Returns the description of these routes, each table with its prefix.
pub(crate) fn document(tables: &[(&str, &[Route])]) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut schemas = Map::new();
    add_schema(&mut schemas, shape::<ErrorBody>());
    for (prefix, routes) in tables {
        for route in *routes {
            add_schema(&mut schemas, route.returns);
            // A parameter of any number of parts is an ordinary one here.
            let path = format!("{prefix}{}", route.path).replace("{*", "{");
            let method = route.method.method().as_str().to_ascii_lowercase();
            paths.entry(path.clone()).or_default().insert(method, operation(&path, route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "tracklite", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    })
}

fn add_schema(schemas: &mut Map<String, Value>, shape: Shape) {
    let mut parts = vec![((shape.name)(), (shape.schema)())];
    (shape.parts)(&mut parts);
    for (name, schema) in parts {
        schemas.entry(name).or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
    }
}

fn operation(path: &str, route: &Route) -> Value {
    let in_path: Vec<&str> =
        path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let mut parameters: Vec<Value> = in_path.iter().map(|name| parameter(name)).collect();
    let fields = route.takes.iter().filter(|field| !in_path.contains(&field.name));
    let mut operation = Map::new();
    if route.method == Verb::Get {
        parameters.extend(fields.map(query_parameter));
    } else {
        let fields: Vec<Field> = fields.copied().collect();
        if !fields.is_empty() {
            let required = fields.iter().any(|field| field.required);
            // A body of null counts as a missing one.
            let body = members(&fields);
            let schema = if required { body } else { or_null(body) };
            let content = json!({"application/json": {"schema": schema}});
            operation
                .insert("requestBody".into(), json!({"required": required, "content": content}));
        }
    }
    operation.insert("parameters".into(), parameters.into());
    operation.insert("x-scope".into(), route.needs.as_str().into());
    operation.insert("responses".into(), responses(route.returns));
    operation.into()
}

fn responses(returns: Shape) -> Value {
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let content = |kind: &str, name: &str| json!({kind: {"schema": reference(name)}});
    let done = content(returns.content_type, &(returns.name)());
    let failed = content("application/json", &ErrorBody::name());
    json!({
        "200": {"description": "Done.", "content": done},
        "default": {"description": "Refused or failed.", "content": failed},
    })
}

fn parameter(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
}

fn query_parameter(field: &Field) -> Value {
    json!({
        "name": field.name,
        "in": "query",
        "required": field.required,
        "schema": schema_of(field.kind),
    })
}

fn members(fields: &[Field]) -> Value {
    let schema = |field: &Field| match field.required {
        true => schema_of(field.kind),
        false => or_null(schema_of(field.kind)),
    };
    let all: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), schema(field))).collect();
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    json!({"type": "object", "properties": all, "required": required})
}

/// Adds null to the types of a schema. As in MLflow, null counts as a missing value.
fn or_null(mut schema: Value) -> Value {
    if let Some(types) = schema.get_mut("type") {
        *types = match types.take() {
            Value::Array(mut all) => {
                all.push("null".into());
                all.into()
            }
            one => json!([one, "null"]),
        };
    }
    schema
}

fn schema_of(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Whole => json!({"type": "integer", "format": "int64"}),
        Kind::Real => json!({"type": "number", "format": "double"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Word => json!({"type": ["string", "integer"]}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Object(fields) => members(fields),
        Kind::Objects(fields) => json!({"type": "array", "items": members(fields)}),
        Kind::Any => json!({}),
    }
}

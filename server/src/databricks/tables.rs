//! Stored tables: `w.tables`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;
use tracklite::ErrorKind;
use tracklite::table::{ColumnType, StoredTable, StoredTableInfo, TableColumn};
use utoipa::ToSchema;

use super::pages;
use super::uc21_entities::METASTORE_ID;
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, flag, text, whole};
use crate::levels;
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/tables",
        needs: Read,
        takes: &[
            text("catalog_name").required(),
            text("schema_name").required(),
            whole("max_results"),
            text("page_token"),
            flag("omit_columns"),
            flag("omit_properties"),
            flag("omit_username"),
            flag("include_browse"),
            flag("include_manifest_capabilities"),
        ],
        returns: shape::<Tables>(),
        handler: list,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/tables/{full_name}",
        needs: Read,
        takes: &[
            flag("include_browse"),
            flag("include_delta_metadata"),
            flag("include_manifest_capabilities"),
        ],
        returns: shape::<Shown>(),
        handler: get,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/tables/{full_name}/exists",
        needs: Read,
        takes: &[],
        returns: shape::<Exists>(),
        handler: exists,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/tables/{full_name}",
        needs: Write,
        takes: &[text("owner")],
        returns: shape::<Nothing>(),
        handler: update,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.1/unity-catalog/tables/{full_name}",
        needs: Write,
        takes: &[],
        returns: shape::<Nothing>(),
        handler: delete,
    },
];

/// A page of tables.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredTables)]
struct Tables {
    tables: Vec<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Whether a table exists.
#[derive(Serialize, ToSchema)]
#[schema(as = TableExists)]
struct Exists {
    table_exists: bool,
}

/// A table.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredTableAnswer)]
struct Shown {
    name: String,
    catalog_name: String,
    schema_name: String,
    full_name: String,
    table_id: String,
    table_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<ShownColumn>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    table_constraints: Vec<Constraint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    owner: String,
    properties: BTreeMap<String, String>,
    metastore_id: &'static str,
    created_at: i64,
    created_by: String,
    updated_at: i64,
    updated_by: String,
    browse_only: bool,
}

/// A column.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredTableColumn)]
struct ShownColumn {
    name: String,
    type_text: &'static str,
    type_name: &'static str,
    position: usize,
    nullable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

/// The key of a table.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredTableConstraint)]
struct Constraint {
    primary_key_constraint: PrimaryKey,
}

/// The columns of a key.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredTablePrimaryKey)]
struct PrimaryKey {
    name: String,
    child_columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeseries_columns: Vec<String>,
}

/// Returns the name that Databricks has for a type.
fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Boolean => "BOOLEAN",
        ColumnType::Byte => "BYTE",
        ColumnType::Short => "SHORT",
        ColumnType::Int => "INT",
        ColumnType::Long => "LONG",
        ColumnType::Float => "FLOAT",
        ColumnType::Double => "DOUBLE",
        ColumnType::String => "STRING",
        ColumnType::Binary => "BINARY",
        ColumnType::Date => "DATE",
        ColumnType::Timestamp => "TIMESTAMP",
        _ => "ARRAY",
    }
}

fn shown(info: &StoredTableInfo) -> Shown {
    let mut levels = info.name.splitn(3, '.').map(str::to_owned);
    let mut level = || levels.next().unwrap_or_default();
    let (catalog_name, schema_name, name) = (level(), level(), level());
    let state = &info.state;
    let is_sort = |name: &str| state.sort_columns().any(|column| column == name);
    let column = |(position, column): (usize, &TableColumn)| ShownColumn {
        name: column.name.clone(),
        type_text: column.kind.as_str(),
        type_name: type_name(column.kind),
        position,
        nullable: !is_sort(&column.name),
        comment: column.comment.clone(),
    };
    // Databricks has the timestamp among the columns of the key too.
    let key = (!state.primary_key.is_empty()).then(|| Constraint {
        primary_key_constraint: PrimaryKey {
            name: format!("{name}_pk"),
            child_columns: state.sort_columns().map(str::to_owned).collect(),
            timeseries_columns: state.timestamp.iter().cloned().collect(),
        },
    });
    Shown {
        full_name: info.name.clone(),
        table_id: info.id.to_string(),
        table_type: "MANAGED",
        columns: state.columns.iter().enumerate().map(column).collect(),
        table_constraints: key.into_iter().collect(),
        comment: state.description.clone(),
        owner: state.owner.clone(),
        properties: state.tags.clone(),
        metastore_id: METASTORE_ID,
        created_at: info.created.as_millis(),
        created_by: info.creator.clone(),
        updated_at: info.updated.as_millis(),
        updated_by: info.author.clone(),
        browse_only: false,
        name,
        catalog_name,
        schema_name,
    }
}

fn list(call: &Call) -> Outcome<Reply> {
    let (catalog, schema) = (call.args.need("catalog_name")?, call.args.need("schema_name")?);
    let found = call.database().tables().list(&format!("{catalog}.{schema}."))?;
    if found.is_empty() {
        // An empty list of a schema that does not exist would hide the mistake.
        levels::schema(call, catalog, schema)?;
    }
    let omits_columns = call.args.flag("omit_columns").unwrap_or(false);
    let all = found.iter().map(|info| {
        let mut item = shown(info);
        if omits_columns {
            item.columns.clear();
        }
        (info.name.clone(), item)
    });
    let (tables, next_page_token) = pages::cut(all, &call.args)?;
    Ok(Reply::json(&Tables { tables, next_page_token }))
}

/// Returns the table that a request names.
fn named(call: &Call) -> Outcome<StoredTable> {
    let name = call.args.need("full_name")?;
    let tables = call.database().tables().acting_for(&call.caller.user);
    tables.get(name).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("Table '{name}' does not exist.");
            Failure::new(StatusCode::NOT_FOUND, "TABLE_DOES_NOT_EXIST", message)
        }
        _ => error.into(),
    })
}

fn get(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&shown(&named(call)?.info()?)))
}

fn exists(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("full_name")?;
    let found = call.database().tables().list(name)?;
    let table_exists = found.iter().any(|info| info.name == name);
    Ok(Reply::json(&Exists { table_exists }))
}

fn update(call: &Call) -> Outcome<Reply> {
    let table = named(call)?;
    if let Some(owner) = call.args.text("owner") {
        table.update(|state| owner.clone_into(&mut state.owner))?;
    }
    Ok(Reply::done())
}

fn delete(call: &Call) -> Outcome<Reply> {
    named(call)?.drop()?;
    Ok(Reply::done())
}

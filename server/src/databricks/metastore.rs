//! The metastore, which is the file itself, and the kinds of things that it does not have.

use serde::Serialize;
use utoipa::ToSchema;

use super::uc21_entities::{METASTORE_ID, owner};
use crate::access::Scope::Read;
use crate::call::Call;
use crate::failure::Outcome;
use crate::fields::{Field, Read as _, flag, text, whole};
use crate::levels;
use crate::reply::Reply;
use crate::route::{Route, Verb};
use crate::schema::shape;

const LIST: &[Field] = &[
    text("catalog_name").required(),
    text("schema_name").required(),
    whole("max_results"),
    text("page_token"),
    flag("include_browse"),
];

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/current-metastore-assignment",
        needs: Read,
        takes: &[],
        returns: shape::<Assignment>(),
        handler: assignment,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/metastore_summary",
        needs: Read,
        takes: &[],
        returns: shape::<Metastore>(),
        handler: summary,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/metastores",
        needs: Read,
        takes: &[whole("max_results"), text("page_token")],
        returns: shape::<Metastores>(),
        handler: metastores,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/functions",
        needs: Read,
        takes: LIST,
        returns: shape::<Functions>(),
        handler: functions,
    },
];

/// The metastore of the workspace.
#[derive(Serialize, ToSchema)]
#[schema(as = MetastoreAssignment)]
struct Assignment {
    metastore_id: &'static str,
    workspace_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_catalog_name: Option<String>,
}

/// A metastore.
#[derive(Serialize, ToSchema)]
struct Metastore {
    metastore_id: &'static str,
    name: &'static str,
    owner: String,
    privilege_model_version: &'static str,
}

/// All metastores.
#[derive(Serialize, ToSchema)]
struct Metastores {
    metastores: Vec<Metastore>,
}

/// Functions, of which a file has none.
#[derive(Serialize, ToSchema)]
struct Functions {
    functions: Vec<String>,
}

fn assignment(call: &Call) -> Outcome<Reply> {
    let default_catalog_name = levels::catalogs(call)?.into_keys().next();
    let workspace_id = call.shared.workspace.parse().unwrap_or_default();
    Ok(Reply::json(&Assignment { metastore_id: METASTORE_ID, workspace_id, default_catalog_name }))
}

fn metastore(call: &Call) -> Metastore {
    Metastore {
        metastore_id: METASTORE_ID,
        name: "tracklite",
        owner: owner(call).to_owned(),
        privilege_model_version: "1.0",
    }
}

fn summary(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&metastore(call)))
}

fn metastores(call: &Call) -> Outcome<Reply> {
    Ok(Reply::json(&Metastores { metastores: vec![metastore(call)] }))
}

/// Requires that the schema of a list exists.
fn check_schema(call: &Call) -> Outcome<()> {
    let (catalog, schema) = (call.args.need("catalog_name")?, call.args.need("schema_name")?);
    levels::schema(call, catalog, schema).map(drop)
}

fn functions(call: &Call) -> Outcome<Reply> {
    check_schema(call)?;
    Ok(Reply::json(&Functions { functions: Vec::new() }))
}

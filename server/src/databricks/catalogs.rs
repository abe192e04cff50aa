//! Catalogs and schemas: `w.catalogs` and `w.schemas`.

use axum::http::StatusCode;
use serde::Serialize;
use tracklite::ErrorKind;
use tracklite::registry::RegistrySearch;
use utoipa::ToSchema;

use super::pages;
use super::uc21_entities::{METASTORE_ID, owner};
use crate::access::Scope::{Read, Write};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::fields::{Read as _, any, flag, text, whole};
use crate::levels::{self, Catalog, Schema};
use crate::reply::{Nothing, Reply};
use crate::route::{Route, Verb};
use crate::schema::shape;
use crate::volumes;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/catalogs",
        needs: Read,
        takes: &[whole("max_results"), text("page_token"), flag("include_browse")],
        returns: shape::<Catalogs>(),
        handler: list_catalogs,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.1/unity-catalog/catalogs",
        needs: Write,
        takes: &[text("name").required(), text("comment"), any("properties"), text("storage_root")],
        returns: shape::<CatalogShown>(),
        handler: create_catalog,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/catalogs/{name}",
        needs: Read,
        takes: &[flag("include_browse")],
        returns: shape::<CatalogShown>(),
        handler: get_catalog,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/catalogs/{name}",
        needs: Write,
        takes: &[text("comment"), text("new_name"), text("owner"), any("properties")],
        returns: shape::<CatalogShown>(),
        handler: update_catalog,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.1/unity-catalog/catalogs/{name}",
        needs: Write,
        takes: &[flag("force")],
        returns: shape::<Nothing>(),
        handler: delete_catalog,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/schemas",
        needs: Read,
        takes: &[
            text("catalog_name").required(),
            whole("max_results"),
            text("page_token"),
            flag("include_browse"),
        ],
        returns: shape::<Schemas>(),
        handler: list_schemas,
    },
    Route {
        method: Verb::Post,
        path: "/api/2.1/unity-catalog/schemas",
        needs: Write,
        takes: &[
            text("name").required(),
            text("catalog_name").required(),
            text("comment"),
            any("properties"),
        ],
        returns: shape::<SchemaShown>(),
        handler: create_schema,
    },
    Route {
        method: Verb::Get,
        path: "/api/2.1/unity-catalog/schemas/{full_name}",
        needs: Read,
        takes: &[flag("include_browse")],
        returns: shape::<SchemaShown>(),
        handler: get_schema,
    },
    Route {
        method: Verb::Patch,
        path: "/api/2.1/unity-catalog/schemas/{full_name}",
        needs: Write,
        takes: &[text("comment"), text("new_name"), text("owner"), any("properties")],
        returns: shape::<SchemaShown>(),
        handler: update_schema,
    },
    Route {
        method: Verb::Delete,
        path: "/api/2.1/unity-catalog/schemas/{full_name}",
        needs: Write,
        takes: &[flag("force")],
        returns: shape::<Nothing>(),
        handler: delete_schema,
    },
];

/// A page of catalogs.
#[derive(Serialize, ToSchema)]
struct Catalogs {
    catalogs: Vec<CatalogShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// A catalog.
#[derive(Serialize, ToSchema)]
#[schema(as = CatalogAnswer)]
struct CatalogShown {
    name: String,
    full_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    owner: String,
    catalog_type: &'static str,
    securable_type: &'static str,
    isolation_mode: &'static str,
    metastore_id: &'static str,
    created_at: i64,
    created_by: String,
    updated_at: i64,
    updated_by: String,
    browse_only: bool,
}

/// A page of schemas.
#[derive(Serialize, ToSchema)]
struct Schemas {
    schemas: Vec<SchemaShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// A schema.
#[derive(Serialize, ToSchema)]
#[schema(as = SchemaAnswer)]
struct SchemaShown {
    name: String,
    catalog_name: String,
    full_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    owner: String,
    catalog_type: &'static str,
    metastore_id: &'static str,
    created_at: i64,
    created_by: String,
    updated_at: i64,
    updated_by: String,
    browse_only: bool,
}

const MANAGED: &str = "MANAGED_CATALOG";

/// Returns the owner of a thing, or of a thing without one.
fn owner_of(call: &Call, stored: String) -> String {
    if stored.is_empty() { owner(call).to_owned() } else { stored }
}

fn shown(call: &Call, name: &str, catalog: Catalog) -> CatalogShown {
    let owner = owner_of(call, catalog.owner);
    CatalogShown {
        name: name.to_owned(),
        full_name: name.to_owned(),
        comment: catalog.comment,
        catalog_type: MANAGED,
        securable_type: "CATALOG",
        isolation_mode: "OPEN",
        metastore_id: METASTORE_ID,
        created_at: catalog.created.as_millis(),
        created_by: owner.clone(),
        updated_at: catalog.updated.as_millis(),
        updated_by: owner.clone(),
        owner,
        browse_only: false,
    }
}

fn schema_shown(call: &Call, catalog: &str, name: &str, schema: Schema) -> SchemaShown {
    let owner = owner_of(call, schema.owner);
    SchemaShown {
        name: name.to_owned(),
        catalog_name: catalog.to_owned(),
        full_name: format!("{catalog}.{name}"),
        comment: schema.comment,
        catalog_type: MANAGED,
        metastore_id: METASTORE_ID,
        created_at: schema.created.as_millis(),
        created_by: owner.clone(),
        updated_at: schema.updated.as_millis(),
        updated_by: owner.clone(),
        owner,
        browse_only: false,
    }
}

fn list_catalogs(call: &Call) -> Outcome<Reply> {
    let all = levels::catalogs(call)?.into_iter();
    let all = all.map(|(name, catalog)| {
        let item = shown(call, &name, catalog);
        (name, item)
    });
    let (catalogs, next_page_token) = pages::cut(all, &call.args)?;
    Ok(Reply::json(&Catalogs { catalogs, next_page_token }))
}

fn create_catalog(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    if levels::catalogs(call)?.get(name).is_some_and(|catalog| !catalog.is_stored) {
        return Err(taken("CATALOG_ALREADY_EXISTS", &format!("Catalog '{name}'")));
    }
    let created = call.registry().create_catalog(name, call.args.text("comment"));
    created.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken("CATALOG_ALREADY_EXISTS", &format!("Catalog '{name}'")),
        _ => error.into(),
    })?;
    answer_catalog(call, name)
}

fn taken(code: &'static str, what: &str) -> Failure {
    Failure::new(StatusCode::CONFLICT, code, format!("{what} already exists"))
}

fn answer_catalog(call: &Call, name: &str) -> Outcome<Reply> {
    Ok(Reply::json(&shown(call, name, levels::catalog(call, name)?)))
}

fn get_catalog(call: &Call) -> Outcome<Reply> {
    answer_catalog(call, call.args.need("name")?)
}

fn update_catalog(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    let catalog = levels::catalog(call, name)?;
    let registry = call.registry();
    let new = call.args.text("new_name").filter(|new| *new != name);
    let owner = call.args.text("owner").filter(|new| *new != owner_of(call, catalog.owner.clone()));
    let comment = call.args.any_text("comment");
    if (new.is_some() || owner.is_some() || comment.is_some()) && !catalog.is_stored {
        registry.create_catalog(name, None)?;
    }
    // The name comes first, because only it is likely to be refused.
    if let Some(new) = new {
        for schema in catalog.schemas.keys() {
            levels::ensure(call, &format!("{name}.{schema}.model"))?;
        }
        registry.rename_catalog(name, new).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                taken("CATALOG_ALREADY_EXISTS", &format!("Catalog '{new}'"))
            }
            _ => error.into(),
        })?;
    }
    let name = new.unwrap_or(name);
    if let Some(owner) = owner {
        registry.set_catalog_owner(name, owner)?;
    }
    if let Some(comment) = comment {
        registry.comment_on_catalog(name, Some(comment))?;
    }
    answer_catalog(call, name)
}

fn delete_catalog(call: &Call) -> Outcome<Reply> {
    let name = call.args.need("name")?;
    let catalog = levels::catalog(call, name)?;
    let is_forced = call.args.flag("force") == Some(true);
    if !is_forced && !catalog.schemas.is_empty() {
        return Err(not_empty(&format!("Catalog '{name}'"), "schemas"));
    }
    for (schema, found) in catalog.schemas {
        empty(call, name, &schema)?;
        if found.is_stored {
            call.registry().drop_schema(name, &schema)?;
        }
    }
    if catalog.is_stored {
        call.registry().drop_catalog(name)?;
    }
    Ok(Reply::done())
}

fn not_empty(what: &str, held: &str) -> Failure {
    Failure::bad_request(format!("{what} is not empty: delete its {held} first, or use force"))
}

/// Deletes all models and volumes of a schema.
fn empty(call: &Call, catalog: &str, schema: &str) -> Outcome<()> {
    for (_, volume) in volumes::within(call.database(), catalog, schema)? {
        volume.delete()?;
    }
    let registry = call.registry();
    for name in models_in(call, catalog, schema)? {
        registry.model(&name)?.delete()?;
    }
    Ok(())
}

fn models_in(call: &Call, catalog: &str, schema: &str) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let search = RegistrySearch::new()
            .filter("name LIKE '%.%.%'")
            .max_results(RegistrySearch::MAX_MODELS)
            .page_token(token);
        let page = call.registry().search_models(&search)?;
        let found = page.items.into_iter().map(|info| info.name);
        names.extend(found.filter(|name| {
            let levels = levels::split(name).map(|levels| (levels.catalog, levels.schema));
            levels == Some((catalog, schema))
        }));
        match page.next_page_token {
            Some(next) => token = next,
            None => return Ok(names),
        }
    }
}

fn list_schemas(call: &Call) -> Outcome<Reply> {
    let catalog = call.args.need("catalog_name")?;
    let all = levels::catalog(call, catalog)?.schemas.into_iter();
    let all = all.map(|(name, schema)| {
        let item = schema_shown(call, catalog, &name, schema);
        (name, item)
    });
    let (schemas, next_page_token) = pages::cut(all, &call.args)?;
    Ok(Reply::json(&Schemas { schemas, next_page_token }))
}

/// Splits the name of a schema.
fn schema_name(call: &Call) -> Outcome<(&str, &str)> {
    let name = call.args.need("full_name")?;
    name.split_once('.').ok_or_else(|| {
        Failure::invalid(format!("{name:?} is not a name of a schema: expected catalog.schema"))
    })
}

fn create_schema(call: &Call) -> Outcome<Reply> {
    let (catalog, name) = (call.args.need("catalog_name")?, call.args.need("name")?);
    let registry = call.registry();
    let found = levels::catalog(call, catalog)?;
    let is_taken = found.schemas.contains_key(name);
    let taken = || taken("SCHEMA_ALREADY_EXISTS", &format!("Schema '{catalog}.{name}'"));
    if is_taken {
        return Err(taken());
    }
    if !found.is_stored {
        registry.create_catalog(catalog, None)?;
    }
    let created = registry.create_schema(catalog, name, call.args.text("comment"));
    created.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken(),
        _ => error.into(),
    })?;
    answer_schema(call, catalog, name)
}

fn answer_schema(call: &Call, catalog: &str, name: &str) -> Outcome<Reply> {
    let schema = levels::schema(call, catalog, name)?;
    Ok(Reply::json(&schema_shown(call, catalog, name, schema)))
}

fn get_schema(call: &Call) -> Outcome<Reply> {
    let (catalog, name) = schema_name(call)?;
    answer_schema(call, catalog, name)
}

fn update_schema(call: &Call) -> Outcome<Reply> {
    let (catalog, name) = schema_name(call)?;
    let schema = levels::schema(call, catalog, name)?;
    let registry = call.registry();
    let new = call.args.text("new_name").filter(|new| *new != name);
    let owner = call.args.text("owner").filter(|new| *new != owner_of(call, schema.owner.clone()));
    let comment = call.args.any_text("comment");
    if new.is_some() || owner.is_some() || comment.is_some() {
        levels::ensure(call, &format!("{catalog}.{name}.model"))?;
    }
    if let Some(new) = new {
        let taken = || taken("SCHEMA_ALREADY_EXISTS", &format!("Schema '{catalog}.{new}'"));
        registry.rename_schema(catalog, name, new).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(),
            _ => error.into(),
        })?;
    }
    let name = new.unwrap_or(name);
    if let Some(owner) = owner {
        registry.set_schema_owner(catalog, name, owner)?;
    }
    if let Some(comment) = comment {
        registry.comment_on_schema(catalog, name, Some(comment))?;
    }
    answer_schema(call, catalog, name)
}

fn delete_schema(call: &Call) -> Outcome<Reply> {
    let (catalog, name) = schema_name(call)?;
    let schema = levels::schema(call, catalog, name)?;
    if call.args.flag("force") == Some(true) {
        empty(call, catalog, name)?;
    } else if !models_in(call, catalog, name)?.is_empty() {
        return Err(not_empty(&format!("Schema '{catalog}.{name}'"), "models"));
    } else if !volumes::within(call.database(), catalog, name)?.is_empty() {
        return Err(not_empty(&format!("Schema '{catalog}.{name}'"), "volumes"));
    }
    if schema.is_stored {
        call.registry().drop_schema(catalog, name)?;
    }
    Ok(Reply::done())
}

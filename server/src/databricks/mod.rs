//! The dialect of Databricks: what its SDK and MLflow's `databricks` stores ask for.

mod catalogs;
mod config;
mod credentials;
mod directories;
mod files;
mod grants;
pub(crate) mod invocations;
mod job_found;
mod job_objects;
mod job_rights;
mod job_runs;
mod jobs;
mod metastore;
mod mlmodel;
mod pages;
mod paths;
mod people;
mod registration;
mod serving;
mod serving_entities;
mod serving_found;
pub(crate) mod serving_reports;
pub(crate) mod serving_rights;
mod serving_settings;
mod serving_specs;
mod tables;
mod tokens;
mod uc21_entities;
mod uc21_models;
mod uc21_versions;
mod uc_entities;
mod uc_models;
mod uc_versions;
mod uploads;
mod urls;
mod volumes;
mod workspace;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::route::Route;
use crate::shared::Shared;
use crate::signed::SIGNED_PATH;

/// The tables of routes of this dialect.
pub(crate) const TABLES: &[&[Route]] = &[
    config::ROUTES,
    tokens::ROUTES,
    people::ROUTES,
    uc_models::ROUTES,
    uc_versions::ROUTES,
    catalogs::ROUTES,
    uc21_models::ROUTES,
    uc21_versions::ROUTES,
    metastore::ROUTES,
    volumes::ROUTES,
    tables::ROUTES,
    workspace::ROUTES,
    credentials::ROUTES,
    serving::ROUTES,
    serving_settings::ROUTES,
    serving_rights::ROUTES,
    serving_reports::ROUTES,
    jobs::ROUTES,
    job_runs::ROUTES,
    job_rights::ROUTES,
];

/// Adds the routes that have other bodies than JSON, or paths of any length.
pub(crate) fn add(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    let file = get(files::read).put(files::write).delete(files::delete).post(uploads::act);
    router
        .route("/api/2.0/fs/files/{*path}", file)
        .route("/api/2.0/fs/directories/{*path}", directories::routes())
        .route(invocations::PATH, post(invocations::invoke))
        .route(SIGNED_PATH, urls::signed_routes())
        .route("/api/2.0/fs/create-download-url", urls::to_download())
        .route("/api/2.0/fs/create-upload-url", urls::to_upload())
        .route("/api/2.0/fs/create-upload-part-urls", urls::to_upload_parts())
}

//! The web page: its files, and its API below `/api/v1`, thin words over calls of the library.

mod bulk;
pub(crate) mod catalogue;
mod compare;
mod complete;
mod curves;
mod diff;
mod edits;
mod endpoints;
mod events;
mod experiments;
mod export;
mod file;
mod files;
pub(crate) mod frame;
mod health;
mod importance;
mod jobs;
mod keys;
mod lineage;
mod listener;
mod models;
mod names;
mod query;
pub(crate) mod report;
mod rows;
mod runs;
pub(crate) mod selection;
mod session;
mod site;
mod tables;
mod text_table;
pub(crate) mod undos;
mod view_state;
mod views;
pub(crate) mod watch;
mod window;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::route::Route;
use crate::shared::Shared;

/// The prefix of the API.
pub(crate) const PREFIX: &str = "/api/v1";

/// The tables of routes of the API.
pub(crate) const TABLES: &[&[Route]] = &[
    session::ROUTES,
    file::ROUTES,
    experiments::ROUTES,
    runs::ROUTES,
    bulk::ROUTES,
    query::ROUTES,
    keys::ROUTES,
    compare::ROUTES,
    diff::ROUTES,
    importance::ROUTES,
    curves::ROUTES,
    files::ROUTES,
    models::ROUTES,
    lineage::ROUTES,
    endpoints::ROUTES,
    jobs::ROUTES,
    tables::ROUTES,
    export::ROUTES,
    complete::ROUTES,
    views::ROUTES,
];

/// The routes with JSON that may wait, and so occupy no thread.
pub(crate) const WAITING: &[Route] = &[events::CHANGES];

/// Adds the routes that have other bodies than JSON.
pub(crate) fn add(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    router
        .route("/", get(site::root))
        .route("/ui", get(site::index))
        .route("/ui/", get(site::index))
        .route("/ui/{*path}", get(site::index))
        .route("/assets/{*path}", get(site::asset))
        .route("/api/v1/runs/{id}/file", get(files::of_run))
        .route("/api/v1/events", get(events::stream))
        .route("/api/v1/changes", get(events::wait))
}

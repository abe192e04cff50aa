//! MLflow's REST API.

mod artifact_files;
mod artifact_proxy;
mod artifacts;
pub(crate) mod entities;
mod experiments;
mod histories;
mod info;
mod inputs;
mod logged_models;
mod logging;
mod model_versions;
pub(crate) mod places;
pub(crate) mod queries;
mod registered_models;
pub(crate) mod registry;
mod run_search;
mod runs;
pub(crate) mod sources;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::route::Route;
use crate::shared::Shared;

/// The tables of routes of this API, without the prefix `/api` or `/ajax-api`.
pub(crate) const TABLES: &[&[Route]] = &[
    experiments::ROUTES,
    runs::ROUTES,
    run_search::ROUTES,
    logging::ROUTES,
    histories::ROUTES,
    inputs::ROUTES,
    logged_models::ROUTES,
    registered_models::ROUTES,
    model_versions::ROUTES,
    webhooks::ROUTES,
    info::ROUTES,
    artifacts::ROUTES,
    artifact_proxy::ROUTES,
];

/// Adds the routes that have other bodies than JSON.
pub(crate) fn add(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    let mut router = router
        .route("/get-artifact", get(artifact_files::of_run))
        .route("/model-versions/get-artifact", get(artifact_files::of_version));
    for prefix in ["/api/2.0", "/ajax-api/2.0"] {
        let proxy = get(artifact_proxy::read).put(artifact_proxy::write);
        router = router
            .route(&format!("{prefix}/mlflow-artifacts/artifacts/{{*artifact_path}}"), proxy)
            .route(&format!("{prefix}/mlflow/upload-artifact"), post(artifact_files::upload))
            .route(
                &format!("{prefix}/mlflow/logged-models/{{model_id}}/artifacts/files"),
                get(artifact_files::of_model),
            );
    }
    router
}

//! MLflow's REST API.

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

use crate::route::Route;

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
];
